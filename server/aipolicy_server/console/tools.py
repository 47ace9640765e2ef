"""The list of tools, and one tool over the fleet: where, whose, which versions, what was done and why."""

from starlette.requests import Request
from starlette.responses import Response

from aipolicy.core.model import Ruling
from aipolicy_server.console.filters import Asked
from aipolicy_server.console.problems import not_found
from aipolicy_server.console.render import Pages
from aipolicy_server.store import queries


def tools_page(request: Request, pages: Pages) -> Response:
    chosen = request.query_params.get("ruling", "")
    if chosen not in [ruling.value for ruling in Ruling]:
        chosen = ""
    with request.app.state.store.reading() as connection:
        tools = queries.tools(connection)
    shown = [tool for tool in tools if not chosen or getattr(tool, chosen)]
    return pages.page(request, "tools.html", tools=shown, chosen=chosen)


def tool_page(request: Request, pages: Pages) -> Response:
    tool_id = request.path_params["tool"]
    asked = Asked(values={}, problems={}, after=request.query_params.get("after"))
    if "\0" in tool_id:  # PostgreSQL refuses it
        return not_found(request, pages, "tool")
    with request.app.state.store.reading() as connection:
        detail = queries.tool(connection, tool_id, after=asked.after)
    if detail is None:
        return not_found(request, pages, "tool")
    return pages.page(request, "tool.html", asked=asked, detail=detail)
