"""How fast a scan goes: what it costs beyond its first second is spread, so that no look keeps a core busy.

That is the look after an update of the catalog, which reads every program anew: of 80,000 of 12 MB a look may
read 8 GiB, 4 s of CPU that take 13 s so. (A nice value would not do: whoever is seldom given a processor also
holds Python's lock for long, and the thread that watches processes waits for it.)
"""

from collections.abc import Callable
from typing import Final

AT_ONCE_S: Final = 1.0
"""CPU seconds. The look at a home with 50,000 files takes 0.2 where most is known, 0.7 where nothing is."""
REST: Final = 3.0
"""How many times as long as the work took: in the long run a quarter of one core."""
_LEAST_S: Final = 0.02


class Pace:
    """Of one scan. cpu_s: the CPU seconds of the thread that scans, so far. rest: waits so many seconds."""

    def __init__(self, cpu_s: Callable[[], float], rest: Callable[[float], object]) -> None:
        self._cpu_s = cpu_s
        self._rest = rest
        self._paid = cpu_s() + AT_ONCE_S

    def step(self) -> None:
        """Rest for what was done since the last step; called often."""
        now = self._cpu_s()
        if now - self._paid >= _LEAST_S:
            self._rest(REST * (now - self._paid))
            self._paid = now
