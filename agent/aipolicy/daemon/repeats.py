"""The same deed again and again: told so often, then counted and told with the next after a while."""

from collections.abc import Hashable
from typing import Final, NamedTuple

QUIET_S: Final = 3600.0
_MOST_KEPT: Final = 10_000


class Worth(NamedTuple):
    """One that is to be told. before: how many were not since the last. last: the next are counted."""

    before: int
    last: bool


class _Seen(NamedTuple):
    began: float
    told: int
    untold: int


class Repeats:
    """free: how many of one kind are told within `quiet_s` seconds. Bounded: the oldest is forgotten."""

    def __init__(self, free: int, quiet_s: float = QUIET_S) -> None:
        self._free = free
        self._quiet_s = quiet_s
        self._seen: dict[Hashable, _Seen] = {}

    def one_more(self, kind: Hashable, now: float) -> Worth | None:
        """Whether this one is to be told; None: it is counted. now: monotonic seconds."""
        seen = self._seen.pop(kind, _Seen(now, 0, 0))
        if now - seen.began >= self._quiet_s:
            seen = _Seen(now, 0, seen.untold)
        if len(self._seen) >= _MOST_KEPT:
            del self._seen[next(iter(self._seen))]
        if seen.told >= self._free:
            self._seen[kind] = seen._replace(untold=seen.untold + 1)
            return None
        self._seen[kind] = _Seen(seen.began, seen.told + 1, 0)
        return Worth(before=seen.untold, last=seen.told + 1 == self._free)
