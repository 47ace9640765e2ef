"""The central directory of a zip and single members of it, with bounds on memory and time.

Not zipfile: it reads a directory of whatever size the file states, and keeps an object for each of millions
of names (PKWARE's appnote 4.3.12 and 4.3.16 say what is read here).
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

from aipolicy.examine.files import MIB, CannotLook, OpenFile

LARGEST_DIRECTORY: Final = 16 * MIB
"""Bytes. A zipapp of aider with all that it needs has 2 MiB."""

_TAIL_BYTES: Final = 66_000
"""The end of the directory lies there, before a comment of at most 64 KiB."""

_END: Final = struct.Struct("<4s4H2LH")
_ENTRY: Final = struct.Struct("<4s6H3L5H2L")
_LOCAL: Final = struct.Struct("<4s5H3L2H")
_STORED, _DEFLATED = 0, 8


class Member(NamedTuple):
    """One file of the zip. start: where its local header lies, counted from the beginning of the file."""

    name: str
    method: int
    packed: int
    start: int


class ZipDirectory:
    """The names in a zip that may stand behind other data. Raises CannotLook where it is none we can read."""

    def __init__(self, file: OpenFile) -> None:
        self._file = file
        self.data, self._shift = _read(file)

    def members(self) -> Iterator[Member]:
        """In the directory's order, as far as it is sound."""
        at = 0
        while at + _ENTRY.size <= len(self.data):
            fields = _ENTRY.unpack_from(self.data, at)
            if fields[0] != b"PK\x01\x02":
                return
            name_at, long = at + _ENTRY.size, fields[10]
            name = self.data[name_at : name_at + long].decode("utf-8", "replace")
            yield Member(name, fields[4], fields[8], fields[16] + self._shift)
            at = name_at + long + fields[11] + fields[12]

    def read(self, member: Member, most: int) -> bytes:
        """The first `most` bytes of a member; empty where it is packed in a way that nobody uses for code."""
        header = self._file.read(_LOCAL.size, member.start)
        if len(header) < _LOCAL.size or not header.startswith(b"PK\x03\x04"):
            return b""
        fields = _LOCAL.unpack(header)
        packed = self._file.read(
            min(member.packed, most + MIB), member.start + _LOCAL.size + fields[9] + fields[10]
        )
        if member.method == _STORED:
            return packed[:most]
        if member.method != _DEFLATED:
            return b""
        try:
            return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, most)
        except zlib.error:
            return b""


def _read(file: OpenFile) -> tuple[bytes, int]:
    """The directory, and how far the zip stands from the beginning of the file."""
    size = file.status.st_size
    tail = file.read(_TAIL_BYTES, max(0, size - _TAIL_BYTES))
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + _END.size > len(tail):
        raise CannotLook(file.path, "not a readable zip")
    fields = _END.unpack_from(tail, at)
    long, start = fields[5], fields[6]
    end = size - len(tail) + at
    if long > LARGEST_DIRECTORY:
        raise CannotLook(file.path, f"a zip with a directory larger than {LARGEST_DIRECTORY >> 20} MiB")
    if long > end:
        raise CannotLook(file.path, "not a readable zip")
    return file.read(long, end - long), max(0, end - long - start)
