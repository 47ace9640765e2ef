"""The list of devices, and one device as its employee sees it."""

from starlette.requests import Request
from starlette.responses import Response

from aipolicy_server.console.filters import Asked, read_devices
from aipolicy_server.console.problems import not_found
from aipolicy_server.console.render import Pages
from aipolicy_server.console.words import STANDINGS
from aipolicy_server.store import queries
from aipolicy_server.store.rows import DevicePage


def devices_page(request: Request, pages: Pages) -> Response:
    asked, which = read_devices(request.query_params)
    if asked.problems:
        empty = DevicePage(rows=(), next=None)
        return pages.page(request, "devices.html", status=400, asked=asked, page=empty, standings=STANDINGS)
    with request.app.state.store.reading() as connection:
        page = queries.devices(connection, which, now=request.app.state.clock(), after=asked.after)
    return pages.page(request, "devices.html", asked=asked, page=page, standings=STANDINGS)


def device_page(request: Request, pages: Pages) -> Response:
    device_id = request.path_params["device"]
    asked = Asked(values={}, problems={}, after=request.query_params.get("after"))
    if "\0" in device_id:  # PostgreSQL refuses it
        return not_found(request, pages, "device")
    with request.app.state.store.reading() as connection:
        detail = queries.device(connection, device_id, now=request.app.state.clock(), after=asked.after)
        names = dict(queries.choices(connection).tools)
    if detail is None:
        return not_found(request, pages, "device")
    return pages.page(request, "device.html", asked=asked, detail=detail, names=names)
