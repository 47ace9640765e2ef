"""How long it is until a moment, in whole units: never more than there is."""

from datetime import datetime, timedelta
from typing import Final

from aipolicy.core.days import in_words

_MINUTE: Final = timedelta(minutes=1)
_UNITS: Final = ((timedelta(days=1), "days"), (timedelta(hours=1), "hours"), (_MINUTE, "minutes"))


def from_when(moment: datetime, now: datetime) -> str:
    """As "from 2026-12-06 (in 6 days)"."""
    return f"from {in_words(moment)} ({left_in_words(moment - now)})"


def left_in_words(left: timedelta) -> str:
    """As "in 6 days", "in 47 hours", "in 20 minutes": the largest unit of which two are left."""
    if left < _MINUTE:
        return "in less than a minute" if left > timedelta(0) else "now"
    for unit, name in _UNITS:
        if left >= 2 * unit:
            return f"in {left // unit} {name}"
    return "in 1 minute"
