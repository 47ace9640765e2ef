"""What pages, API and export ask of the store. Functions take a connection and values, and give typed rows.

    with request.app.state.store.reading() as connection:
        page = queries.overview(connection, now=request.app.state.clock())

`after` is the `next` of an earlier page; one that is no such value raises `BadCursor`. Order is stable.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from aipolicy_server.store import eventlog, first_sights, fleet, inventory, policies, schema
from aipolicy_server.store.cursor import BadCursor
from aipolicy_server.store.fleet import SILENT_AFTER
from aipolicy_server.store.rows import (
    Choices,
    DeviceDetail,
    DeviceFilter,
    DevicePage,
    EventFilter,
    EventPage,
    EventRow,
    FindingPage,
    Overview,
    ToolDetail,
    ToolRow,
)

__all__ = [
    "SILENT_AFTER",
    "BadCursor",
    "choices",
    "device",
    "devices",
    "event",
    "events",
    "every_event",
    "overview",
    "tool",
    "tool_findings",
    "tools",
]

Reading = Callable[[], AbstractContextManager[Connection]]


def overview(connection: Connection, *, now: datetime) -> Overview:
    """Counts by ruling and by tool, the latest enforcement, alarms."""
    counts = fleet.counts(connection, now - SILENT_AFTER)
    latest = policies.latest(connection)
    current = latest.number if latest else 0
    return Overview(
        **counts._asdict(),
        with_banned=inventory.with_banned(connection),
        rulings=inventory.rulings(connection),
        tools=inventory.tools(connection),
        policies=fleet.in_force(connection),
        enforcement=eventlog.latest_acts(connection, 20),
        alarms=fleet.alarms(connection, 20),
        current=current,
        rollout=policies.rollout(connection, current),
        step=latest.step if latest else None,
    )


def devices(
    connection: Connection, which: DeviceFilter, *, now: datetime, after: str | None = None, limit: int = 100
) -> DevicePage:
    """Devices by hostname, revoked ones included."""
    return fleet.page(connection, which, now - SILENT_AFTER, after, limit)


def device(
    connection: Connection, device_id: str, *, now: datetime, after: str | None = None, limit: int = 50
) -> DeviceDetail | None:
    """One device; `after` and `limit` page its events. None: no such device."""
    row = fleet.one(connection, device_id, now - SILENT_AFTER)
    if row is None:
        return None
    return DeviceDetail(
        device=row,
        findings=inventory.of_device(connection, device_id),
        events=eventlog.page(connection, EventFilter(device=device_id), after, limit),
        alarms=fleet.alarms(connection, 20, device_id),
        first_sights=first_sights.of_device(connection, device_id),
    )


def tools(connection: Connection) -> tuple[ToolRow, ...]:
    """Every tool that some device has now: most banned findings first, then most devices."""
    return inventory.tools(connection)


def tool(
    connection: Connection, tool_id: str, *, after: str | None = None, limit: int = 100
) -> ToolDetail | None:
    """One tool; `after` and `limit` page its findings. None: no finding and no event names it."""
    row = next(iter(inventory.tools(connection, only=tool_id)), None) or _once_seen(connection, tool_id)
    if row is None:
        return None
    return ToolDetail(
        tool=row,
        versions=inventory.versions(connection, tool_id),
        owners=inventory.owners(connection, tool_id),
        done=inventory.done(connection, tool_id),
        findings=inventory.page(connection, tool_id, after, limit),
    )


def _once_seen(connection: Connection, tool_id: str) -> ToolRow | None:
    """A tool that no device has any more, from the log."""
    seen = eventlog.page(connection, EventFilter(tool=tool_id, kind="outcome"), None, 1).rows
    if not seen:
        return None
    return ToolRow(
        tool=tool_id,
        name=seen[0].name or tool_id,
        vendor=seen[0].vendor or "",
        category="",
        devices=0,
        people=0,
        findings=0,
        running=0,
        banned=0,
        unlisted=0,
        approved=0,
        exempt=0,
    )


def tool_findings(
    connection: Connection, tool_id: str, *, after: str | None = None, limit: int = 100
) -> FindingPage:
    """The findings of one tool, by hostname, owner and place."""
    return inventory.page(connection, tool_id, after, limit)


def events(
    connection: Connection, which: EventFilter, *, after: str | None = None, limit: int = 100
) -> EventPage:
    """The event log, newest first."""
    return eventlog.page(connection, which, after, limit)


def every_event(reading: Reading, which: EventFilter, *, step: int = 1000) -> Iterator[EventRow]:
    """All events of a filter, for export: newest first.

    Page by page, each on a connection of its own: a reader that takes an hour would else hold one state of
    the database for an hour, and SQLite's log could not be cleared meanwhile.
    """
    after: str | None = None
    while True:
        with reading() as connection:
            page = eventlog.page(connection, which, after, step)
        yield from page.rows
        after = page.next
        if after is None:
            return


def event(connection: Connection, event_id: str) -> EventRow | None:
    """One event by its id."""
    try:
        key = UUID(event_id).bytes
    except ValueError:
        return None
    row = connection.execute(eventlog.select_events().where(schema.events.c.id == key).limit(1)).first()
    return eventlog.event_row(row) if row is not None else None


def choices(connection: Connection) -> Choices:
    """The values of the event log's filters."""
    return Choices(tools=tuple(eventlog.tools_in_log(connection, inventory.MOST)))
