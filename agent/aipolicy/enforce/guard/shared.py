"""A few numbers that gate and deadman share: proof of progress, and what `status` tells."""

import mmap
import struct
from typing import Final

_NAMES: Final = (
    "beats",
    "asked",
    "refused",
    "unasked",
    "faults",
    "marked",
    "unmarked",
    "waiting",
    "known",
    "lost",
    "ready",
    "stuck",
    "given_up",
    "rules",
    "told",
)
_NUMBER: Final = struct.Struct("=Q")


class Shared:
    """Memory that both see after a fork. One process writes, torn reads do not matter.

    beats: turns of the loop. asked: events answered. refused: of these, refused. unasked: programs that
    started without a verdict, since it took too long or nobody was there to give one. faults: errors that
    were answered with a permission. marked, unmarked: filesystems. waiting, known: now. lost: events that
    the kernel dropped. ready: 1 while somebody judges what is not known. stuck: the number of a classifier
    that has judged one file for far too long. given_up: files that are let pass since judging them ended the
    classifier twice. rules: how often the gate was told to go by others, or anew.
    told: the number of the last refusal that the daemon has taken.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _NUMBER.size * len(_NAMES))

    def get(self, name: str) -> int:
        return int(_NUMBER.unpack_from(self._memory, self._at(name))[0])

    def set(self, name: str, value: int) -> None:
        _NUMBER.pack_into(self._memory, self._at(name), value)

    def add(self, name: str, more: int = 1) -> None:
        self.set(name, self.get(name) + more)

    def all(self) -> dict[str, int]:
        return {name: self.get(name) for name in _NAMES}

    @staticmethod
    def _at(name: str) -> int:
        return _NUMBER.size * _NAMES.index(name)
