"""The blocks of a squashfs 4.0 image, unpacked one at a time and never to more than the format allows.

The format: dr-emann.github.io/squashfs, and the kernel's fs/squashfs/squashfs_fs.h.
"""

import lzma
import struct
import sys
import zlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

from aipolicy.examine.files import MIB, CannotLook, OpenFile

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MOST_BYTES: Final = 512 * MIB
"""How much of one image is unpacked: measured 1.1 s of CPU with zstd, 2.4 with gzip, 9 with xz."""
MOST_METADATA: Final = 64 * MIB
METADATA_BYTES: Final = 8192
PACKED_BITS: Final = (1 << 24) - 1
"""Of a number that states the size of a block of data; the next bit says that it is not packed."""

_MAGIC: Final = b"hsqs"
_SUPER: Final = struct.Struct("<4s4I6H8Q")
_KEPT: Final = 128
_MOST_TRIES: Final = 64
_PADDING: Final = 64 << 10
_XZ_MEMORY: Final = 32 * MIB
_ZSTD_WINDOW: Final = 20  # as a power of two: a block has no more


class Top(NamedTuple):
    """What the first block says of the whole image."""

    used: int
    block_bytes: int
    fragments: int
    compressor: int
    root: int
    inodes_at: int
    folders_at: int
    fragments_at: int


class Blocks:
    """Of the image that begins at `start` in `file`. Raises CannotLook where it is none, or a broken one."""

    def __init__(self, file: OpenFile, start: int) -> None:
        self._file = file
        self._start = start
        self.top = _read_top(file, start)
        unpack = _UNPACKERS.get(self.top.compressor)
        if unpack is None:
            raise CannotLook(file.path, "an image packed in a way that is not looked into (lzo, lz4, lzma)")
        self._unpack = unpack
        self._kept: OrderedDict[int, tuple[bytes, int]] = OrderedDict()
        self._left = MOST_BYTES
        self._left_metadata = MOST_METADATA

    def data(self, at: int, packed: int) -> bytes:
        """The block of data at `at`; `packed` is its size and, as a bit, whether it is packed at all."""
        size = packed & PACKED_BITS
        most = self.top.block_bytes
        if size > most:
            raise self.broken()
        if self._left < most:
            raise CannotLook(self._file.path, f"an image of more than {MOST_BYTES // MIB:,} MiB of programs")
        self._left -= most
        raw = self.read(at, size)
        return raw if packed > PACKED_BITS else self._unpacked(raw, most)

    def metadata(self, block: int, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` on in the block at `block`, and in those that follow it."""
        found = bytearray()
        while True:
            data, following = self._metadata_block(block)
            found += data[offset : offset + size - len(found)]
            if len(found) == size:
                return bytes(found)
            if len(data) != METADATA_BYTES or offset >= METADATA_BYTES:  # only the last one is not full
                raise self.broken()
            block, offset = following, 0

    def _metadata_block(self, at: int) -> tuple[bytes, int]:
        known = self._kept.get(at)
        if known is not None:
            self._kept.move_to_end(at)
            return known
        (header,) = struct.unpack("<H", self.read(at, 2))
        size = header & 0x7FFF
        if not size or size > METADATA_BYTES:
            raise self.broken()
        if self._left_metadata < METADATA_BYTES:
            raise CannotLook(self._file.path, "an image with more names than are looked at")
        self._left_metadata -= METADATA_BYTES
        raw = self.read(at + 2, size)
        data = raw if header & 0x8000 else self._unpacked(raw, METADATA_BYTES)
        self._kept[at] = (data, at + 2 + size)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return self._kept[at]

    def read(self, at: int, size: int) -> bytes:
        found = self._file.read(size, self._start + at)
        if len(found) != size:
            raise self.broken()
        return found

    def _unpacked(self, raw: bytes, most: int) -> bytes:
        try:
            return self._unpack(raw, most)
        except (zlib.error, lzma.LZMAError, zstd.ZstdError, EOFError, MemoryError):
            raise self.broken() from None

    def broken(self) -> CannotLook:
        return CannotLook(self._file.path, "a broken image")


def find_image(file: OpenFile, within: int) -> int | None:
    """Where in the first `within` bytes an image begins that is most of the file; None where none does."""
    head = file.read(within)
    at = -1
    for _ in range(_MOST_TRIES):
        at = head.find(_MAGIC, at + 1)
        if at < 0:
            return None
        try:
            image = _read_top(file, at)
        except CannotLook:
            continue
        if file.status.st_size - at <= image.used * 2 + _PADDING:  # else it is a part of another program
            return at
    return None


def _read_top(file: OpenFile, start: int) -> Top:
    raw = file.read(_SUPER.size, start)
    if len(raw) < _SUPER.size:
        raise CannotLook(file.path, "not an image")
    (magic, _, _, block_bytes, fragments, compressor, log, _, _, major, minor, *places) = _SUPER.unpack(raw)
    root, used, _, _, inodes, folders, fragment_table, _ = places
    sound = (
        magic == _MAGIC
        and (major, minor) == (4, 0)
        and 12 <= log <= 20
        and block_bytes == 1 << log
        and max(inodes, folders) < used <= file.status.st_size - start
    )
    if not sound:
        raise CannotLook(file.path, "not an image")
    return Top(used, block_bytes, fragments, compressor, root, inodes, folders, fragment_table)


# --- unpacking, never more than a block ------------------------------------------------------------------


def _gzip(raw: bytes, most: int) -> bytes:
    return zlib.decompressobj().decompress(raw, most)


def _xz(raw: bytes, most: int) -> bytes:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY).decompress(raw, most)


def _zstd(raw: bytes, most: int) -> bytes:
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW}
    return zstd.ZstdDecompressor(options=options).decompress(raw, most)


_UNPACKERS: Final[dict[int, Callable[[bytes, int], bytes]]] = {1: _gzip, 4: _xz, 6: _zstd}
