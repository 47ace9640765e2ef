"""The query string of a page, read into a filter of the store, and written back for links that keep it.

A value that cannot be understood is a problem shown beside its field; it never silently filters nothing.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from aipolicy.core.model import Done, Record, Ruling
from aipolicy_server.clock import after_day
from aipolicy_server.console.words import KINDS
from aipolicy_server.store.policies import STANDINGS
from aipolicy_server.store.rows import DeviceFilter, EventFilter

EVENT_FIELDS: Final = ("q", "tool", "ruling", "done", "kind", "owner", "device", "from", "to")
DEVICE_FIELDS: Final = ("q", "tool", "policy", "standing", "held", "safe", "unscanned", "silent", "banned")
_LONGEST: Final = 1_000


class Asked(Record, frozen=True, kw_only=True):
    """What a page was asked for. values: the fields as typed. problems: field -> what is wrong with it."""

    values: Mapping[str, str]
    problems: Mapping[str, str]
    after: str | None = None

    def __getitem__(self, field: str) -> str:
        return self.values.get(field, "")

    def is_filtered(self) -> bool:
        return any(self.values.values())

    def query(self, **changes: str) -> str:
        """The query string of this filter with some fields changed: `?tool=x&after=y`, empty without any."""
        fields = {k: v for k, v in {**self.values, **changes}.items() if v}
        return "?" + urlencode(fields) if fields else ""


def read_events(query: Mapping[str, str]) -> tuple[Asked, EventFilter]:
    """The event log's filter. Where there are problems the filter is not to be used."""
    values, problems = _texts(query, EVENT_FIELDS)
    for field, allowed in (("ruling", Ruling), ("done", Done), ("kind", KINDS)):
        value = values[field]
        if value and value not in [str(a) for a in allowed]:
            problems[field] = f"must be one of: {', '.join(str(a) for a in allowed)}"
    since = _moment(values, problems, "from", at_end=False)
    until = _moment(values, problems, "to", at_end=True)
    if since and until and since >= until:
        problems["to"] = "must not lie before the first day"
    which = EventFilter(
        tool=values["tool"],
        device=values["device"],
        owner=values["owner"],
        ruling=values["ruling"],
        done=values["done"],
        kind=values["kind"],
        since=since,
        until=until,
        text=values["q"],
    )
    return Asked(values=values, problems=problems, after=query.get("after") or None), which


def read_devices(query: Mapping[str, str]) -> tuple[Asked, DeviceFilter]:
    """The device list's filter."""
    values, problems = _texts(query, DEVICE_FIELDS)
    if values["standing"] and values["standing"] not in STANDINGS:
        problems["standing"] = f"must be one of: {', '.join(STANDINGS)}"
    which = DeviceFilter(
        text=values["q"],
        tool=values["tool"],
        policy=values["policy"],
        standing=values["standing"],
        held=bool(values["held"]),
        safe=bool(values["safe"]),
        unscanned=bool(values["unscanned"]),
        silent=bool(values["silent"]),
        banned=bool(values["banned"]),
    )
    return Asked(values=values, problems=problems, after=query.get("after") or None), which


def _texts(query: Mapping[str, str], fields: tuple[str, ...]) -> tuple[dict[str, str], dict[str, str]]:
    values = {field: query.get(field, "").strip() for field in fields}
    problems: dict[str, str] = {}
    for field, value in values.items():
        if len(value) > _LONGEST:
            problems[field] = f"is longer than {_LONGEST} characters"
        elif "\0" in value:  # PostgreSQL refuses it
            problems[field] = "holds a NUL character"
    return values, problems


def _moment(
    values: Mapping[str, str], problems: dict[str, str], field: str, *, at_end: bool
) -> datetime | None:
    """A day (all of it, in UTC) or an exact moment; without a zone it is UTC."""
    value = values[field]
    if not value or field in problems:
        return None
    try:
        if at_end and (end := after_day(value)) is not None:
            return end
        time = datetime.fromisoformat(value)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        problems[field] = "must be a day, as in 2026-11-24"
        return None
