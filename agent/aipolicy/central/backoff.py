"""When to try the server again: full jitter, and what the server asks for in Retry-After."""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

FIRST_S: Final = 2.0
MOST_S: Final = 15 * 60.0
LEAST_ASKED_S: Final = 1.0
MOST_ASKED_S: Final = 3600.0
_SPLAY: Final = 0.1


class Backoff:
    """The waits between failures in a row: anywhere between 0 and a bound that doubles.

    Full jitter, because thousands of agents lose one server in the same moment and would return together.
    """

    def __init__(self, chance: Callable[[], float], first_s: float = FIRST_S, most_s: float = MOST_S) -> None:
        """`chance`: a number from 0 up to 1 at every call, like random.random."""
        self._chance = chance
        self._first_s = first_s
        self._most_s = most_s
        self._failures = 0

    def succeeded(self) -> None:
        """The next failure is the first in a row."""
        self._failures = 0

    def failed(self, asked_s: float | None = None) -> float:
        """Seconds to wait now. `asked_s`: what the server asked for; it is never undercut."""
        bound = min(self._most_s, self._first_s * 2.0 ** min(self._failures, 30))
        self._failures += 1
        wait = self._chance() * bound
        if asked_s is None:
            return wait
        # A little later than asked, so that all who were told the same do not return in the same moment.
        asked = _clamped(asked_s) * (1 + _SPLAY * self._chance())
        return min(MOST_ASKED_S, max(asked, wait))


def asked_wait_s(header: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for, from 1 s to 1 h; None without one.

    A header that makes no sense still says that the server wants to be left alone: the least wait.
    """
    if header is None:
        return None
    text = header.strip()
    if text.lstrip("-").isascii() and text.lstrip("-").isdigit():
        # Twelve digits are beyond every bound, and Python refuses to read a million.
        return _clamped(-1.0 if text.startswith("-") else float(text[:12]))
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError, IndexError):
        return LEAST_ASKED_S
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return _clamped((moment - now).total_seconds())


def _clamped(seconds: float) -> float:
    return min(MOST_ASKED_S, max(LEAST_ASKED_S, seconds))
