"""What the gate knows of files: which pass, which are refused, and to whom. No I/O.

A verdict is about the bytes of a file. Where its place decided as well (the package it lies in), the same
bytes may lie in another package too, for pnpm and uv link them: such a verdict counts for one path only.
"""

import os
from collections import OrderedDict
from enum import IntEnum
from typing import Final, NamedTuple

MOST_KNOWN: Final = 200_000
"""Files remembered; the one asked about longest ago is forgotten, and judged again."""

ANYWHERE: Final = ""
EVERYBODY: Final = -1


class File(NamedTuple):
    """The identity of a file's contents. mtime and ctime in nanoseconds."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


def file_of(status: os.stat_result) -> File:
    """The identity of an open file."""
    return File(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


class Says(IntEnum):
    """What a verdict says of a start. It DEPENDS on who starts it: a running instance may, nobody else."""

    PASSES = 0
    REFUSED = 1
    DEPENDS = 2


class Known(NamedTuple):
    """One verdict. path: where it counts, or ANYWHERE. uid: whom it is for, or EVERYBODY."""

    file: File
    path: str
    uid: int
    says: Says


class Book:
    """Verdicts by file, place and person."""

    def __init__(self, most: int = MOST_KNOWN) -> None:
        self._most = most
        self._known: OrderedDict[File, dict[tuple[str, int], Says]] = OrderedDict()
        self._refused_before: dict[File, set[tuple[str, int]]] = {}

    def put(self, known: Known) -> None:
        """Remember a verdict; a later one about the same replaces it."""
        self._known.setdefault(known.file, {})[known.path, known.uid] = known.says
        self._known.move_to_end(known.file)
        while len(self._known) > self._most:
            self._known.popitem(last=False)

    def knows(self, file: File) -> bool:
        """Whether anything is known of these bytes: only then place and person need to be looked up."""
        return file in self._known or file in self._refused_before

    def passes_always(self, file: File) -> bool:
        """Whether it passes for everybody everywhere, so that the kernel need not ask again."""
        return self._known.get(file) == {(ANYWHERE, EVERYBODY): Says.PASSES}

    def says(self, file: File, path: str, uid: int) -> Says | None:
        """Whether this person may start the file from this place; None: not known.

        A refusal counts before what depends, and that before a permission, whatever their reach.
        """
        if file in self._known:
            self._known.move_to_end(file)
        reaches = ((ANYWHERE, EVERYBODY), (path, EVERYBODY), (ANYWHERE, uid), (path, uid))
        known = self._known.get(file, {})
        said = [known[reach] for reach in reaches if reach in known]
        if not said and not self._refused_before.get(file, set()).isdisjoint(reaches):
            return Says.REFUSED
        return next((one for one in _STRICTEST_FIRST if one in said), None)

    def forget(self, file: File) -> None:
        """It may have been changed."""
        self._known.pop(file, None)
        self._refused_before.pop(file, None)

    def begin_anew(self) -> None:
        """Another policy or catalog: no verdict counts any more, but for refusals, until `settle`.

        What both refuse is so never let pass in between.
        """
        for file, verdicts in self._known.items():
            refused = {reach for reach, says in verdicts.items() if says is Says.REFUSED}
            if refused:
                self._refused_before.setdefault(file, set()).update(refused)
        self._known.clear()

    def settle(self) -> None:
        """All that the new rules refuse of it was said."""
        self._refused_before.clear()

    def __len__(self) -> int:
        return len(self._known)


_STRICTEST_FIRST: Final = (Says.REFUSED, Says.DEPENDS, Says.PASSES)
