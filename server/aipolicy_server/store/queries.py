"""What pages, API and export ask of the store. Every function takes a connection and values, gives typed rows.

    with request.app.state.store.reading() as connection:
        page = queries.overview(connection, now=request.app.state.clock())

`after` is the `next` of an earlier page; one that is no such value raises `BadCursor`. Order is stable.
"""

from datetime import datetime

from sqlalchemy import Connection

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


class BadCursor(ValueError):
    """`after` is not a value that a page gave as its `next`."""


def overview(connection: Connection, *, now: datetime) -> Overview:
    """Counts by ruling and by tool, the latest enforcement, alarms."""
    raise NotImplementedError


def devices(
    connection: Connection, which: DeviceFilter, *, now: datetime, after: str | None = None, limit: int = 100
) -> DevicePage:
    """Devices by hostname, revoked ones included."""
    raise NotImplementedError


def device(
    connection: Connection, device_id: str, *, now: datetime, after: str | None = None, limit: int = 50
) -> DeviceDetail | None:
    """One device; `after` and `limit` page its events. None: no such device."""
    raise NotImplementedError


def tools(connection: Connection) -> tuple[ToolRow, ...]:
    """Every tool that some device has now: most banned findings first, then most devices."""
    raise NotImplementedError


def tool(
    connection: Connection, tool_id: str, *, after: str | None = None, limit: int = 100
) -> ToolDetail | None:
    """One tool; `after` and `limit` page its findings. None: no finding and no event names it."""
    raise NotImplementedError


def tool_findings(
    connection: Connection, tool_id: str, *, after: str | None = None, limit: int = 100
) -> FindingPage:
    """The findings of one tool, by hostname, owner and place."""
    raise NotImplementedError


def events(
    connection: Connection, which: EventFilter, *, after: str | None = None, limit: int = 100
) -> EventPage:
    """The event log, newest first."""
    raise NotImplementedError


def event(connection: Connection, event_id: str) -> EventRow | None:
    """One event by its id."""
    raise NotImplementedError


def choices(connection: Connection) -> Choices:
    """The values of the event log's filters."""
    raise NotImplementedError
