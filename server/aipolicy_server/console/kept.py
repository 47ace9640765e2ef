"""The page about what is kept how long, and what was removed."""

from starlette.requests import Request
from starlette.responses import Response

from aipolicy_server.console.filters import Asked
from aipolicy_server.console.render import Pages
from aipolicy_server.kept_for import by_policy, in_force
from aipolicy_server.settings import Keep
from aipolicy_server.store import removals

WHAT = (
    ("events", "The event log, from when an event was received"),
    ("batches", "What devices sent, as it came"),
    ("alarms", "Hints at copied devices, from the last one"),
    ("findings", "Findings of a device that is not heard of, from then on"),
    ("devices", "A device that is not heard of, with all that is of it"),
)


def kept_page(request: Request, pages: Pages) -> Response:
    asked = Asked(values={}, problems={}, after=request.query_params.get("after"))
    with request.app.state.store.reading() as connection:
        page = removals.page(connection, after=asked.after)
        policy = by_policy(connection)
    keep: Keep = request.app.state.settings.keep
    holds = in_force(keep, policy)
    kept = tuple((what, getattr(holds, name), getattr(keep, name)) for name, what in WHAT)
    return pages.page(request, "kept.html", asked=asked, kept=kept, policy=policy, page=page)
