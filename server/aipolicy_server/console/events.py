"""The event log with its filters, one event, and the log as CSV."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from aipolicy_server.console.export import csv_chunks
from aipolicy_server.console.filters import read_events
from aipolicy_server.console.problems import not_found
from aipolicy_server.console.render import PAGE_HEADERS, Pages
from aipolicy_server.console.words import DONE, KINDS, RULINGS
from aipolicy_server.store import queries
from aipolicy_server.store.rows import EventPage


def events_page(request: Request, pages: Pages) -> Response:
    asked, which = read_events(request.query_params)
    with request.app.state.store.reading() as connection:
        choices = queries.choices(connection)
        if asked.problems:
            page = EventPage(rows=(), next=None)
        else:
            page = queries.events(connection, which, after=asked.after)
    return pages.page(
        request,
        "events.html",
        status=400 if asked.problems else 200,
        asked=asked,
        page=page,
        choices=choices,
        names=dict(choices.tools),
        rulings=[(value, word.text) for value, word in RULINGS.items()],
        dones=[(value, word.text) for value, word in DONE.items()],
        kinds=list(KINDS.items()),
    )


def event_page(request: Request, pages: Pages) -> Response:
    event_id = request.path_params["event"]
    if "\0" in event_id:  # PostgreSQL refuses it
        return not_found(request, pages, "event")
    with request.app.state.store.reading() as connection:
        event = queries.event(connection, event_id)
        names = dict(queries.choices(connection).tools)
    if event is None:
        return not_found(request, pages, "event")
    return pages.page(request, "event.html", event=event, names=names)


def events_csv(request: Request, _pages: Pages) -> Response:
    """The same filter, all pages of it."""
    asked, which = read_events(request.query_params)
    if asked.problems:
        text = "".join(f"{field} {problem}\n" for field, problem in asked.problems.items())
        return PlainTextResponse(text, status_code=400, headers=PAGE_HEADERS)
    rows = queries.every_event(request.app.state.store.reading, which)
    day = request.app.state.clock().strftime("%Y-%m-%d")
    return StreamingResponse(
        csv_chunks(rows),
        media_type="text/csv; charset=utf-8",
        headers={
            **PAGE_HEADERS,
            "Content-Disposition": f'attachment; filename="aipolicy-events-{day}.csv"',
        },
    )
