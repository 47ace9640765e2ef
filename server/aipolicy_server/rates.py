"""How often something may happen: token buckets that take the clock as an argument."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

Seconds = Callable[[], float]


class Rate:
    """So many per second, per key, with a reserve of `burst`. Keeps the latest `keys` keys only."""

    def __init__(self, per_second: float, burst: float, seconds: Seconds, keys: int = 10_000) -> None:
        self._per_second = per_second
        self._burst = burst
        self._seconds = seconds
        self._keys = keys
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def take(self, key: str = "") -> bool:
        """Uses one up. False: there is none left."""
        with self._lock:
            left = self._now_left(key)
            self._keep(key, left - 1 if left >= 1 else left)
            return left >= 1

    def has_left(self, key: str = "") -> bool:
        """Whether `take` would succeed."""
        with self._lock:
            return self._now_left(key) >= 1

    def _now_left(self, key: str) -> float:
        left, since = self._left.get(key, (self._burst, self._seconds()))
        return min(self._burst, left + (self._seconds() - since) * self._per_second)

    def _keep(self, key: str, left: float) -> None:
        self._left[key] = (left, self._seconds())
        self._left.move_to_end(key)
        while len(self._left) > self._keys:
            self._left.popitem(last=False)
