"""Files inside a squashfs 4.0 image, which its owner may have made to hang or flood us.

Own code and no library: ADR 8. Nothing is unpacked to a disk; a block of at most 1 MiB is held at a time, and
every image has a bound on names and on bytes.
"""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from aipolicy.examine.files import MIB, CannotLook, OpenFile
from aipolicy.examine.squashfs_blocks import PACKED_BITS, Blocks

MOST_NAMES: Final = 50_000
DEEPEST: Final = 16
LARGEST_FILE: Final = 2048 * MIB

_INODE: Final = struct.Struct("<6H4xI")
_MOST_BLOCKS: Final = 65_536
_NO_FRAGMENT: Final = 0xFFFFFFFF
_FOLDER, _FILE, _LINK, _LONG_FOLDER, _LONG_FILE, _LONG_LINK = 1, 2, 3, 8, 9, 10


class Entry(NamedTuple):
    """A file or a link in the image. path: from its root. target: where a link leads; None of a file."""

    path: str
    mode: int
    size: int
    inode: int
    target: str | None = None


class _Size(NamedTuple):
    """What stands for fstat's answer."""

    st_size: int


class Squashfs:
    """An image that begins at `start` in `file`. Raises CannotLook where it is none, or a broken one."""

    def __init__(self, file: OpenFile, start: int) -> None:
        self._place = file.path
        self._blocks = Blocks(file, start)

    def entries(self, skip: frozenset[str] = frozenset()) -> Iterator[Entry]:
        """Files and links, folder by folder, the outer ones first. skip: names of folders to leave out."""
        waiting = [("", self._blocks.top.root, 0)]
        seen = 0
        while waiting:
            path, inode, depth = waiting.pop(0)
            for name, inner in self._folder(inode):
                seen += 1
                if seen > MOST_NAMES:
                    return
                place = f"{path}/{name}" if path else name
                kind, entry = self._entry(place, inner)
                if entry is not None:
                    yield entry
                elif kind in (_FOLDER, _LONG_FOLDER) and depth < DEEPEST and name not in skip:
                    waiting.append((place, inner, depth + 1))

    def open(self, entry: Entry) -> "SquashedFile":
        """To read the file's contents. Raises CannotLook."""
        blocks, tail = self._layout(entry)
        return SquashedFile(self._blocks, entry, blocks, tail)

    # --- data ---

    def _layout(self, entry: Entry) -> tuple[list[tuple[int, int]], tuple[int, int, int] | None]:
        """Place and packed size of each block, and of the fragment that holds the tail, its place within."""
        at = self._inode_place(entry.inode)
        kind = _INODE.unpack(self._blocks.metadata(*at, _INODE.size))[0]
        head = 32 if kind == _FILE else 56
        fields = self._blocks.metadata(*at, head)[16:]
        if kind == _FILE:
            start, fragment, offset, size = struct.unpack("<4I", fields)
        else:
            start, size, _, _, fragment, offset, _ = struct.unpack("<3Q4I", fields)
        if size > LARGEST_FILE:
            raise CannotLook(f"{self._place}: {entry.path}", "larger than 2 GiB")
        whole, rest = divmod(size, self._blocks.top.block_bytes)
        count = whole + bool(rest and fragment == _NO_FRAGMENT)
        if count > _MOST_BLOCKS:
            raise CannotLook(f"{self._place}: {entry.path}", "too many blocks for its size")
        table = self._blocks.metadata(*at, head + 4 * count)[head:]
        blocks = []
        for (packed,) in struct.iter_unpack("<I", table):
            blocks.append((start, packed))
            start += packed & PACKED_BITS
        tail = None if fragment == _NO_FRAGMENT else (*self._fragment(fragment), offset)
        return blocks, tail

    def _fragment(self, number: int) -> tuple[int, int]:
        if number >= self._blocks.top.fragments:
            raise self._blocks.broken()
        (table,) = struct.unpack(
            "<Q", self._blocks.read(self._blocks.top.fragments_at + number // 512 * 8, 8)
        )
        start, packed, _ = struct.unpack("<QII", self._blocks.metadata(table, number % 512 * 16, 16))
        return start, packed

    # --- names ---

    def _folder(self, inode: int) -> Iterator[tuple[str, int]]:
        """The names in a folder, and their inodes."""
        at = self._inode_place(inode)
        kind = _INODE.unpack(self._blocks.metadata(*at, _INODE.size))[0]
        if kind == _FOLDER:
            block, _, size, offset, _ = struct.unpack("<2I2HI", self._blocks.metadata(*at, 32)[16:])
        elif kind == _LONG_FOLDER:
            _, size, block, _, _, offset, _ = struct.unpack("<4I2HI", self._blocks.metadata(*at, 40)[16:])
        else:
            raise self._blocks.broken()
        if size <= 3:
            return
        listing = self._blocks.metadata(self._blocks.top.folders_at + block, offset, min(size - 3, MIB))
        place = 0
        while place + 12 <= len(listing):
            count, inode_block, _ = struct.unpack_from("<3I", listing, place)
            place += 12
            for _ in range(min(count, 256) + 1):
                if place + 8 > len(listing):
                    return
                inode_offset, _, _, long = struct.unpack_from("<HhHH", listing, place)
                name = listing[place + 8 : place + 9 + long].decode("utf-8", "replace")
                place += 9 + long
                if name and "/" not in name and name not in (".", ".."):
                    yield name, inode_block << 16 | inode_offset

    def _entry(self, path: str, inode: int) -> tuple[int, Entry | None]:
        """What it is, and the entry of a file or a link."""
        at = self._inode_place(inode)
        kind, mode = _INODE.unpack(self._blocks.metadata(*at, _INODE.size))[:2]
        if kind == _FILE:
            (size,) = struct.unpack("<I", self._blocks.metadata(*at, 32)[28:])
        elif kind == _LONG_FILE:
            (size,) = struct.unpack("<Q", self._blocks.metadata(*at, 32)[24:])
        elif kind in (_LINK, _LONG_LINK):
            (long,) = struct.unpack("<I", self._blocks.metadata(*at, 24)[20:])
            target = self._blocks.metadata(*at, 24 + min(long, 4096))[24:]
            return kind, Entry(path, mode, 0, inode, target.decode("utf-8", "replace"))
        else:
            return kind, None
        return kind, Entry(path, mode, size, inode)

    # --- metadata ---

    def _inode_place(self, inode: int) -> tuple[int, int]:
        return self._blocks.top.inodes_at + (inode >> 16), inode & 0xFFFF


class SquashedFile:
    """A file inside an image, to be read as an open file is. path: that of the image and its own."""

    def __init__(
        self, image: Blocks, entry: Entry, blocks: list[tuple[int, int]], tail: tuple[int, int, int] | None
    ) -> None:
        self.path = entry.path
        self.status = _Size(entry.size)
        self._image = image
        self._block_bytes = image.top.block_bytes
        self._places = blocks
        self._tail = tail
        self._last: tuple[int, bytes] = (-1, b"")

    def read_into(self, buffer: memoryview, offset: int) -> int:
        """Fill `buffer` from `offset` on, up to the end of a block; how many bytes came, 0 at the end."""
        if offset >= self.status.st_size:
            return 0
        number, within = divmod(offset, self._block_bytes)
        if number != self._last[0]:
            self._last = (number, self._block(number))
        part = self._last[1][within : within + len(buffer)]
        buffer[: len(part)] = part
        return len(part)

    def read(self, size: int, offset: int = 0) -> bytes:
        """At most `size` bytes from `offset` on."""
        buffer = bytearray(min(size, max(0, self.status.st_size - offset)))
        view, done = memoryview(buffer), 0
        while done < len(buffer) and (got := self.read_into(view[done:], offset + done)):
            done += got
        return bytes(view[:done])

    def _block(self, number: int) -> bytes:
        size = min(
            self._block_bytes,
            self.status.st_size - number * self._block_bytes,
        )
        if number < len(self._places):
            at, packed = self._places[number]
            return self._image.data(at, packed)[:size] if packed else bytes(size)
        if self._tail is None:
            return b""
        at, packed, offset = self._tail
        return self._image.data(at, packed)[offset : offset + size]
