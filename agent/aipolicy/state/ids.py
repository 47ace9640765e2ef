"""Identifiers that sort by time."""

from collections.abc import Callable
from uuid import UUID

_RANDOM_BITS = 74


def uuid7(now_ms: int, random_bytes: bytes) -> UUID:
    """RFC 9562 version 7: 48 bits of milliseconds, then chance. `random_bytes`: ten of them at least."""
    chance = int.from_bytes(random_bytes[:10], "big") & ((1 << _RANDOM_BITS) - 1)
    return _assemble(now_ms & ((1 << 48) - 1), chance)


def _assemble(now_ms: int, chance: int) -> UUID:
    return UUID(int=now_ms << 80 | 7 << 76 | (chance >> 62) << 64 | 0b10 << 62 | chance & ((1 << 62) - 1))


class Ids:
    """A run of UUIDv7 in which later ones sort later, also within one millisecond.

    An outcome and its end are often told in one millisecond, and whoever sorts by id must see them in order.
    """

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self._entropy = entropy
        self._now_ms = -1
        self._chance = 0

    def next(self, now_ms: int) -> str:
        """An id for the moment `now_ms`; where the clock stands still, the next higher one."""
        if now_ms == self._now_ms and self._chance + 1 < 1 << _RANDOM_BITS:
            self._chance += 1
        else:
            # The highest bit stays free, so that counting up has room.
            self._chance = int.from_bytes(self._entropy(10), "big") & ((1 << (_RANDOM_BITS - 1)) - 1)
            self._now_ms = now_ms
        return str(_assemble(self._now_ms & ((1 << 48) - 1), self._chance))
