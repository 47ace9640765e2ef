"""Identifiers that sort by time."""

from collections.abc import Callable

from aipolicy.core.uuid7 import CHANCE_BITS, uuid7


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
        if now_ms == self._now_ms and self._chance + 1 < 1 << CHANCE_BITS:
            self._chance += 1
        else:
            # The highest bit stays free, so that counting up has room.
            self._chance = int.from_bytes(self._entropy(10), "big") & ((1 << (CHANCE_BITS - 1)) - 1)
            self._now_ms = now_ms
        return uuid7(self._now_ms, self._chance)
