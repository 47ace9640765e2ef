"""Template filters: how times, sizes and text that a device sent are written on a page.

What a device sends is hostile until shown otherwise: `shown` makes control and bidi characters visible and
cuts what would break the layout. Escaping for HTML is Jinja2's, always on.
"""

import re
import unicodedata
from datetime import UTC, datetime
from typing import Final

from aipolicy.core.plural import plural
from aipolicy.core.wire import printable

SHORT: Final = 120
_MOST_ACCENTS: Final = 4
"""Vietnamese, Thai and Hebrew with points need fewer."""


def shown(text: object, limit: int = SHORT) -> str:
    """Text in one line: control and direction characters as escapes, cut in the middle beyond `limit`.

    The middle goes, since the end of a path or a package name says more than its middle.
    """
    whole = printable(_few_accents("" if text is None else str(text)))
    if len(whole) <= limit:
        return whole
    tail = limit // 3
    return f"{whole[: limit - tail]} … {len(whole) - limit:,} characters left out … {whole[-tail:]}"


def _few_accents(text: str) -> str:
    """Without the marks that pile up on one letter until they cover the lines around it."""
    if text.isascii():
        return text
    kept: list[str] = []
    run = 0
    for char in text:
        run = run + 1 if unicodedata.category(char) in {"Mn", "Me"} else 0
        if run <= _MOST_ACCENTS:
            kept.append(char)
        elif run == _MOST_ACCENTS + 1:
            kept.append("…")
    return "".join(kept)


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
            span = plural(amount, unit)
            return f"{span} ago" if seconds > 0 else f"{span} ahead"
        amount //= size
    return ""


def line_of(rule: str | None) -> str:
    """The line that a rule names: "14" of "policy.yaml:14"; empty where it names none."""
    found = re.search(r":([0-9]{1,7})$", rule or "", re.ASCII)
    return found[1] if found else ""


def number(value: int) -> str:
    return f"{value:,}"
