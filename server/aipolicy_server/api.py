"""The JSON API: the facts of the pages, for programs. Each answer names its `schema`; times are UTC.

Described at /api/v1/openapi.json. Behind an admin's bearer or a signed-in browser.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BeforeValidator

from aipolicy.core.model import Done, Record, Ruling
from aipolicy_server.access import require_admin
from aipolicy_server.api_parts import NAME, PREFIX, After, Id, Limit, Text, answer, answers, nothing, reading
from aipolicy_server.clock import after_day
from aipolicy_server.console.export import csv_chunks
from aipolicy_server.console.render import Pages
from aipolicy_server.inventory_api import add_inventory_routes
from aipolicy_server.openapi import operations
from aipolicy_server.policy_api import add_policy_routes
from aipolicy_server.removal_api import add_removal_routes
from aipolicy_server.store import queries
from aipolicy_server.store.policies import STANDINGS
from aipolicy_server.store.rows import (
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

KINDS: Final = "outcome|gone|unseen|health"


class ToolList(Record, frozen=True, kw_only=True):
    """Every tool that some device has now."""

    rows: tuple[ToolRow, ...]


def _or_nothing(values: type[Ruling] | type[Done]) -> str:
    return "^(" + "|".join(value.value for value in values) + ")?$"


def _whole_day(value: object) -> object:
    """A day is meant whole, as on the pages; what is no day is left for the type to judge."""
    try:
        end = after_day(value) if isinstance(value, str) else None
    except OverflowError as error:  # pydantic answers a ValueError with 422
        raise ValueError("after this day there is none") from error
    return value if end is None else end


def event_filter(
    tool: Text = "",
    device: Text = "",
    owner: Text = "",
    ruling: Annotated[str, Query(pattern=_or_nothing(Ruling))] = "",
    done: Annotated[str, Query(pattern=_or_nothing(Done))] = "",
    kind: Annotated[str, Query(pattern=f"^({KINDS})?$")] = "",
    since: Annotated[datetime | None, Query(alias="from", description="from this moment on; UTC")] = None,
    until: Annotated[
        datetime | None,
        BeforeValidator(_whole_day),
        Query(alias="to", description="before this moment; a day (2026-11-24) counts whole; UTC"),
    ] = None,
    text: Annotated[str, Query(alias="q", max_length=NAME, pattern=r"^[^\x00]*$")] = "",
) -> EventFilter:
    """The filters of the event log, as the address gives them."""
    return EventFilter(
        tool=tool,
        device=device,
        owner=owner,
        ruling=ruling,
        done=done,
        kind=kind,
        since=_utc(since),
        until=_utc(until),
        text=text,
    )


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


Filtered = Annotated[EventFilter, Depends(event_filter)]


def api_router() -> APIRouter:
    """All routes under /api/v1."""
    router = APIRouter(prefix=PREFIX, dependencies=[Depends(require_admin)])

    @router.get("/overview", responses=answers(Overview, "aipolicy.overview/1"))
    def overview(request: Request) -> Response:
        """Counts by ruling and by tool, the latest enforcement, alarms."""
        with reading(request) as connection:
            row = queries.overview(connection, now=request.app.state.clock())
        return answer(row, "aipolicy.overview/1")

    @router.get("/devices", responses=answers(DevicePage, "aipolicy.devices/1"))
    def devices(
        request: Request,
        q: Text = "",
        tool: Text = "",
        policy: Text = "",
        standing: Annotated[str, Query(pattern=f"^({'|'.join(STANDINGS)})?$")] = "",
        held: bool = False,
        safe: bool = False,
        unscanned: bool = False,
        silent: bool = False,
        banned: bool = False,
        after: After = None,
        limit: Limit = 100,
    ) -> Response:
        """Devices by hostname, revoked ones included."""
        which = DeviceFilter(
            text=q,
            tool=tool,
            policy=policy,
            standing=standing,
            held=held,
            safe=safe,
            unscanned=unscanned,
            silent=silent,
            banned=banned,
        )
        with reading(request) as connection:
            page = queries.devices(connection, which, now=request.app.state.clock(), after=after, limit=limit)
        return answer(page, "aipolicy.devices/1")

    @router.get("/devices/{device_id}", responses=answers(DeviceDetail, "aipolicy.device/1"))
    def device(request: Request, device_id: Id, after: After = None, limit: Limit = 50) -> Response:
        """One device: its findings, its latest events. `after` pages the events."""
        with reading(request) as connection:
            row = queries.device(
                connection, device_id, now=request.app.state.clock(), after=after, limit=limit
            )
        if row is None:
            raise nothing("device")
        return answer(row, "aipolicy.device/1")

    @router.get("/tools", responses=answers(ToolList, "aipolicy.tools/1"))
    def tools(request: Request) -> Response:
        """Every tool that some device has now."""
        with reading(request) as connection:
            rows = queries.tools(connection)
        return answer(ToolList(rows=rows), "aipolicy.tools/1")

    # A tool's id is the device's word and may hold a slash.
    @router.get("/tools/{tool_id:path}/findings", responses=answers(FindingPage, "aipolicy.findings/1"))
    def tool_findings(request: Request, tool_id: Id, after: After = None, limit: Limit = 100) -> Response:
        """The findings of one tool."""
        with reading(request) as connection:
            page = queries.tool_findings(connection, tool_id, after=after, limit=limit)
        return answer(page, "aipolicy.findings/1")

    @router.get("/tools/{tool_id:path}", responses=answers(ToolDetail, "aipolicy.tool/1"))
    def tool(request: Request, tool_id: Id, after: After = None, limit: Limit = 100) -> Response:
        """One tool: its versions, owners, what was done. `after` pages its findings."""
        with reading(request) as connection:
            row = queries.tool(connection, tool_id, after=after, limit=limit)
        if row is None:
            raise nothing("tool")
        return answer(row, "aipolicy.tool/1")

    @router.get("/events", responses=answers(EventPage, "aipolicy.events/1"))
    def events(request: Request, which: Filtered, after: After = None, limit: Limit = 100) -> Response:
        """The event log, newest first."""
        with reading(request) as connection:
            page = queries.events(connection, which, after=after, limit=limit)
        return answer(page, "aipolicy.events/1")

    @router.get(
        "/events.csv",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
    )
    def events_csv(request: Request, which: Filtered) -> StreamingResponse:
        """All events of the filter as CSV, newest first."""
        rows: Iterator[EventRow] = queries.every_event(request.app.state.store.reading, which)
        return StreamingResponse(
            csv_chunks(rows),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="aipolicy-events.csv"'},
        )

    @router.get("/events/{event_id}", responses=answers(EventRow, "aipolicy.event/1"))
    def event(request: Request, event_id: Id) -> Response:
        """One event."""
        with reading(request) as connection:
            row = queries.event(connection, event_id)
        if row is None:
            raise nothing("event")
        return answer(row, "aipolicy.event/1")

    add_policy_routes(router)
    add_inventory_routes(router)
    add_removal_routes(router)

    @router.get("/openapi.json", include_in_schema=False)
    def openapi(request: Request) -> Response:
        return Response(msgspec.json.encode(request.app.openapi()), media_type="application/json")

    @router.get("/docs", include_in_schema=False)
    def docs(request: Request) -> Response:
        pages: Pages = request.app.state.pages
        return pages.page(request, "api.html", operations=operations(request.app.openapi()))

    return router
