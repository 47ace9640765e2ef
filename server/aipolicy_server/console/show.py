"""Template filters: how times, sizes and text that a device sent are written on a page.

What a device sends is hostile until shown otherwise: `shown` makes control and bidi characters visible and
cuts what would break the layout. Escaping for HTML is Jinja2's, always on.
"""

from datetime import UTC, datetime
from typing import Final

from aipolicy.core.wire import printable

SHORT: Final = 120
LONG: Final = 2_000


def shown(text: object, limit: int = SHORT) -> str:
    """Text in one line: control and direction characters as escapes, cut in the middle beyond `limit`.

    The middle goes, since the end of a path or a package name says more than its middle.
    """
    whole = "" if text is None else str(text)
    if len(whole) > limit:
        tail = limit // 3
        dropped = len(whole) - limit
        whole = f"{whole[: limit - tail]} … {dropped:,} characters left out … {whole[-tail:]}"
    return printable(whole)


def moment(time: datetime) -> str:
    """2026-11-24 16:35:04, in UTC: the column or the page says UTC once."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def machine_time(time: datetime) -> str:
    """The value of a <time> element's datetime attribute."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_STEPS: Final = ((60, "second"), (60, "minute"), (24, "hour"), (None, "day"))


def ago(time: datetime, now: datetime) -> str:
    """'3 minutes ago'; a device's clock may run ahead, and then it says so."""
    seconds = int((now - time).total_seconds())
    if abs(seconds) < 10:
        return "just now"
    amount = abs(seconds)
    for size, unit in _STEPS:
        if size is None or amount < size:
            span = f"{amount:,} {unit}{'' if amount == 1 else 's'}"
            return f"{span} ago" if seconds > 0 else f"{span} ahead"
        amount //= size
    return ""


def number(value: int) -> str:
    return f"{value:,}"


def plural(value: int, one: str, many: str = "") -> str:
    """'1 device', '3 devices'."""
    return f"{value:,} {one if value == 1 else many or one + 's'}"
