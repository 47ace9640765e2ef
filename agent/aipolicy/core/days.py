"""Days and spans of time as a policy writes them: `2026-10-01`, a day of UTC; `7d`, seven times 24 hours."""

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from typing import Final

from aipolicy.core.problem import Code, Placed, Problems, shown

_DAY: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_OTHER_DAYS: Final = (
    re.compile(r"(?P<y>[0-9]{4})[-/.](?P<m>[0-9]{1,2})[-/.](?P<d>[0-9]{1,2})(?:[T ].*)?"),
    re.compile(r"(?P<d>[0-9]{1,2})\.(?P<m>[0-9]{1,2})\.(?P<y>[0-9]{4})"),
)
"""Ways in which people write a day that can only mean one; 03/04/2026 can mean two."""
_FIRST_YEAR: Final = 2000
_LAST_YEAR: Final = 2999

_SPAN: Final = re.compile(r"([0-9]{1,5})([hdw])")
UNITS: Final = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
LONGEST: Final = timedelta(days=366)

DAY: Final = timedelta(days=1)

_DAYS: Final = re.compile(r"([0-9]{1,5})d")
_IN_OTHER_UNITS: Final = re.compile(
    r"([0-9]{1,5}) ?((?:d|day|w|week|m|month|y|year|h|hour)s?|)", re.IGNORECASE
)
_DAYS_OF: Final = {"": 1.0, "d": 1.0, "w": 7.0, "m": 30.0, "y": 365.0, "h": 1 / 24}
"""By the first letter. `90m` may be minutes: it is only suggested."""
MOST_DAYS: Final = 3_650


def read_day(text: str, key: str, at: Placed, problems: Problems) -> datetime | None:
    """When that day begins; None, with the problem noted, where the text is no day."""
    match = _DAY.fullmatch(text)
    found = _day(*match.groups()) if match else None
    if found is None:
        message = f"{key} is a day like 2026-10-01, not {shown(text)}"
        if match:
            message = f"there is no day {shown(text)}"
        problems.add(at, Code.DAY, message, _possible(*match.groups()) if match else _meant(text))
    return found


def read_span(text: str, key: str, at: Placed, problems: Problems) -> timedelta | None:
    """How long that is; None, with the problem noted, where the text is no span of time."""
    match = _SPAN.fullmatch(text)
    span = int(match[1]) * UNITS[match[2]] if match else None
    if span is None:
        message = f"{key} is a span of time like 7d, not {shown(text)}"
        problems.add(at, Code.SPAN, message, "write hours, days or weeks: 48h, 7d, 2w")
    elif not span:
        problems.add(at, Code.SPAN, f"{key} is no time at all", f"remove `{key}`, or write 1d")
        return None
    elif span > LONGEST:
        problems.add(at, Code.SPAN, f"{key} is longer than {LONGEST.days} days", "write a shorter one")
        return None
    return span


def read_days(text: str, key: str, at: Placed, problems: Problems) -> int | None:
    """How many days; None, with the problem noted, where the text is no number of days, or out of bounds."""
    match = _DAYS.fullmatch(text)
    if match and 1 <= int(match[1]) <= MOST_DAYS:
        return int(match[1])
    message = f"{key} is a number of days like 90d, not {shown(text)}"
    if match:
        message = f"{key} is from 1d to {MOST_DAYS}d, not {shown(text)}"
    suggestion = f"write {_meant_days(text)}, or remove `{key}`: the server's own setting holds then"
    problems.add(at, Code.RETENTION, message, suggestion)
    return None


def in_words(moment: datetime) -> str:
    """A moment for people: a day where it is the beginning of one."""
    return moment.strftime("%Y-%m-%d" if moment == start_of_day(moment) else "%Y-%m-%d %H:%M UTC")


def start_of_day(moment: datetime) -> datetime:
    """The beginning of its day."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def span_in_words(span: timedelta) -> str:
    """As a policy writes it, in the largest unit that leaves no rest but weeks."""
    return f"{span.days}d" if span % DAY == timedelta(0) else f"{span // timedelta(hours=1)}h"


def _day(year: str, month: str, day: str) -> datetime | None:
    if not _FIRST_YEAR <= int(year) <= _LAST_YEAR:
        return None
    try:
        found = date(int(year), int(month), int(day))
    except ValueError:
        return None
    return datetime(found.year, found.month, found.day, tzinfo=UTC)


def _possible(year: str, month: str, _day_of_it: str) -> str:
    """Why there is no such day."""
    if not _FIRST_YEAR <= int(year) <= _LAST_YEAR:
        return f"a year is one from {_FIRST_YEAR} to {_LAST_YEAR}"
    if not 1 <= int(month) <= 12:
        return "the month comes after the year: 01 to 12"
    return f"the last day of that month is {year}-{month}-{monthrange(int(year), int(month))[1]}"


def _meant_days(text: str) -> str:
    match = _IN_OTHER_UNITS.fullmatch(text)
    if not match:
        return "days, as in 90d"
    days = round(int(match[1]) * _DAYS_OF[match[2][:1].lower()])
    return f"{min(max(days, 1), MOST_DAYS)}d"


def _meant(text: str) -> str:
    for pattern in _OTHER_DAYS:
        if match := pattern.fullmatch(text):
            found = _day(match["y"], match["m"], match["d"])
            if found is not None:
                return f"write {found:%Y-%m-%d}"
    return "write year, month and day: 2026-10-01"
