"""The bytes of an open file, piece by piece: holes are skipped, memory and amount are bounded.

By pread and not by mmap: a file cut short while it is mapped would kill us with SIGBUS, and the pages of a
250 MB program would count as our memory. Measured beside a mapping: 70 ms and 25 MB against 58 ms and 259 MB.
"""

import os
from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol

from aipolicy.examine.files import OpenFile

PIECE_BYTES: Final = 256 << 10
MOST_EXTENTS: Final = 65_536
"""How many stretches between holes are read; a hostile file could have billions."""

_SEEK_DATA: Final = getattr(os, "SEEK_DATA", None)
_SEEK_HOLE: Final = getattr(os, "SEEK_HOLE", None)


class Sized(Protocol):
    """What is known of a file before it is read."""

    @property
    def st_size(self) -> int: ...


class Readable(Protocol):
    """An open file, or one inside another that is unpacked as it is read."""

    path: str

    @property
    def status(self) -> Sized: ...

    def read_into(self, buffer: memoryview, offset: int) -> int: ...

    def read(self, size: int, offset: int = 0) -> bytes: ...


class Extent(NamedTuple):
    """A stretch of a file that holds data."""

    start: int
    end: int


class Piece(NamedTuple):
    """A part of the file. follows: it continues the piece before it. data: valid until the next piece."""

    offset: int
    follows: bool
    data: memoryview


class Reading:
    """One pass over a file. most_bytes: half of it is read from the beginning, half from the end.

    whole: whether nothing but holes was left out; known at the end.
    """

    def __init__(self, file: Readable, most_bytes: int, most_extents: int = MOST_EXTENTS) -> None:
        self._file = file
        self._most_bytes = most_bytes
        self._most_extents = most_extents
        self.whole = True

    def pieces(self) -> Iterator[Piece]:
        """The data in order."""
        buffer = memoryview(bytearray(min(PIECE_BYTES, max(1, self._file.status.st_size))))
        last = -1
        for extent in self._extents():
            offset = extent.start
            while offset < extent.end:
                got = self._file.read_into(buffer[: min(len(buffer), extent.end - offset)], offset)
                if not got:
                    return  # cut short meanwhile: the caller sees that its identity changed
                yield Piece(offset, offset == last, buffer[:got])
                offset += got
                last = offset

    def _extents(self) -> Iterator[Extent]:
        """At most the allowed amount."""
        file, size = self._file, self._file.status.st_size
        if not isinstance(file, OpenFile) or not _is_sparse(file):
            yield from self._clipped([Extent(0, size)])
            return
        found: list[Extent] = []
        for extent in _between_holes(file.fileno(), size):
            if len(found) == self._most_extents:
                self.whole = False
                break
            found.append(extent)
        yield from self._clipped(found)

    def _clipped(self, extents: list[Extent]) -> list[Extent]:
        excess = sum(extent.end - extent.start for extent in extents) - self._most_bytes
        if excess <= 0:
            return extents
        self.whole = False
        kept, passed = [], 0
        cut_from, cut_to = self._most_bytes // 2, self._most_bytes // 2 + excess
        for start, end in extents:
            first = Extent(start, min(end, start + cut_from - passed))
            second = Extent(max(start, start + cut_to - passed), end)
            kept += [extent for extent in (first, second) if extent.end > extent.start]
            passed += end - start
        return kept


def _is_sparse(file: OpenFile) -> bool:
    blocks: int | None = getattr(file.status, "st_blocks", None)
    return blocks is not None and blocks * 512 < file.status.st_size and _SEEK_DATA is not None


def _between_holes(fd: int, size: int) -> Iterator[Extent]:
    if _SEEK_DATA is None or _SEEK_HOLE is None:
        yield Extent(0, size)
        return
    end = 0
    while end < size:
        try:
            start = os.lseek(fd, end, _SEEK_DATA)
            end = os.lseek(fd, start, _SEEK_HOLE)
        except OSError:  # ENXIO: no data behind `end`; EINVAL: the filesystem knows no holes
            if end == 0:
                yield from _unless_all_hole(fd, size)
            return
        yield Extent(start, min(end, size))


def _unless_all_hole(fd: int, size: int) -> Iterator[Extent]:
    """The first SEEK_DATA failed: the whole file where holes are not known, nothing where it is all hole."""
    try:
        os.lseek(fd, 0, _SEEK_HOLE or 0)
    except OSError:
        yield Extent(0, size)
