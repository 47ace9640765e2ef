"""The first page: what is there by ruling and by tool, what needs attention, what the agents did lately."""

from datetime import timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from aipolicy_server.console.attention import notices
from aipolicy_server.console.render import Pages
from aipolicy_server.store import queries, unenforced
from aipolicy_server.store.rows import DeviceFilter

SHOWN_TOOLS: Final = 25
_STUCK_DAYS: Final = 7


def overview_page(request: Request, pages: Pages) -> Response:
    now = request.app.state.clock()
    with request.app.state.store.reading() as connection:
        overview = queries.overview(connection, now=now)
        stuck = unenforced.latest_stuck(connection, now - timedelta(days=_STUCK_DAYS), 50)
        silent = queries.devices(connection, DeviceFilter(silent=True), now=now, limit=3).rows
    return pages.page(
        request,
        "overview.html",
        overview=overview,
        tools=overview.tools[:SHOWN_TOOLS],
        shown_tools=SHOWN_TOOLS,
        notices=notices(overview, stuck, silent),
    )
