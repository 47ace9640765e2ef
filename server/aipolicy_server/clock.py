"""Time and chance for the server: the real ones, and the forms in which they are stored."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from aipolicy.core import uuid7 as core

Clock = Callable[[], datetime]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

LATEST_US = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
"""The last moment that `from_us` can name."""


def utc_now() -> datetime:
    """The real clock."""
    return datetime.now(UTC)


def to_us(moment: datetime) -> int:
    """Microseconds since 1970, exactly: a float of seconds would round."""
    return (moment - _EPOCH) // _MICROSECOND


def from_us(value: int) -> datetime:
    """The moment that `to_us` gave this number for."""
    return _EPOCH + timedelta(microseconds=value)


def after_day(text: str) -> datetime | None:
    """The moment at which the day `text` (2026-11-24, in UTC) is over; None where `text` is no such day.

    Raises ValueError for a day of no calendar and OverflowError for the last one there is.
    """
    if not _DAY.fullmatch(text):
        return None
    return datetime.fromisoformat(text).replace(tzinfo=UTC) + timedelta(days=1)


_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def uuid7(now: datetime, chance: bytes) -> str:
    """A UUIDv7 (RFC 9562) from a moment and ten random bytes."""
    return core.uuid7(to_us(now) // 1000, int.from_bytes(chance[:10], "big"))
