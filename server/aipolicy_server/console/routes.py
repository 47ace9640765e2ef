"""Which address shows which page. Reading and showing is left to one module per page.

The pages need `app.state.store`, `app.state.access` and `app.state.clock`. One asked for without being signed
in raises `access.NotSignedIn`; signing in and out is left to sign_in.py, answering exceptions to answers.py.
"""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from aipolicy_server.access import require_sign_in
from aipolicy_server.console.assets import asset_response
from aipolicy_server.console.devices import device_page, devices_page
from aipolicy_server.console.events import event_page, events_csv, events_page
from aipolicy_server.console.kept import kept_page
from aipolicy_server.console.overview import overview_page
from aipolicy_server.console.policy import policy_page, published_page, version_page
from aipolicy_server.console.problems import not_found
from aipolicy_server.console.render import Pages
from aipolicy_server.console.tools import tool_page, tools_page

Shown = Callable[[Request, Pages], Response]

GUARDED: dict[str, Shown] = {
    "/": overview_page,
    "/devices": devices_page,
    "/devices/{device}": device_page,
    "/tools": tools_page,
    "/tools/{tool:path}": tool_page,  # a made-up tool id may hold a slash
    "/policy": policy_page,
    "/policy/versions/{version}": version_page,
    "/policy/{number}": published_page,
    "/events": events_page,
    "/events.csv": events_csv,
    "/events/{event}": event_page,
    "/kept": kept_page,
}


def console_routes(pages: Pages) -> list[BaseRoute]:
    """Every page behind the sign-in, and the files that pages link to."""
    routes: list[BaseRoute] = [Route(path, _guarded(page, pages)) for path, page in GUARDED.items()]
    routes.append(Route("/static/{digest}/{name:path}", _static(pages)))
    return routes


def _guarded(page: Shown, pages: Pages) -> Callable[[Request], Response]:
    # Not async: Starlette runs it in a thread, so that a slow query holds up nobody else.
    def endpoint(request: Request) -> Response:
        require_sign_in(request)
        return page(request, pages)

    return endpoint


def _static(pages: Pages) -> Callable[[Request], Response]:
    def endpoint(request: Request) -> Response:
        asset = pages.assets.get(request.path_params["name"])
        if asset is None:
            return not_found(request, pages, "file")
        return asset_response(asset, request.path_params["digest"], request)

    return endpoint
