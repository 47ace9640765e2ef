"""Pages for what went wrong: each says what happened and what to do next."""

from starlette.requests import Request
from starlette.responses import Response

from aipolicy_server.console.render import Pages


def not_found(request: Request, pages: Pages, what: str = "page", *, signed_in: bool = True) -> Response:
    return pages.page(
        request,
        "problem.html",
        status=404,
        signed_in=signed_in,
        title=f"No such {what}",
        text="The address is mistyped, or what it named was never reported here.",
    )


def forbidden(request: Request, pages: Pages, text: str) -> Response:
    return pages.page(request, "problem.html", status=403, signed_in=False, title="Not allowed", text=text)


def bad_address(request: Request, pages: Pages, text: str) -> Response:
    return pages.page(request, "problem.html", status=400, title="This address cannot be used", text=text)


def unavailable(request: Request, pages: Pages) -> Response:
    """The database can't be reached or is busy; nothing is lost, devices send again."""
    response = pages.page(
        request,
        "problem.html",
        status=503,
        signed_in=False,
        title="The database does not answer",
        text="Try again in a moment. Nothing is lost: devices keep their reports until they are stored here.",
    )
    response.headers["Retry-After"] = "5"
    return response


def failed(request: Request, pages: Pages) -> Response:
    return pages.page(
        request,
        "problem.html",
        status=500,
        signed_in=False,
        title="Something went wrong here",
        text="The fault is in this server, not in what you did. Its log says what happened. Devices go on.",
    )
