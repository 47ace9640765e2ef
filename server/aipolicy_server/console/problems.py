"""Pages for what went wrong: each says what happened and what to do next."""

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response

from aipolicy_server.access import NotSignedIn, require_sign_in
from aipolicy_server.console.render import Pages
from aipolicy_server.store.store import Unavailable


def not_found(request: Request, pages: Pages, what: str = "page") -> Response:
    return pages.page(
        request,
        "problem.html",
        status=404,
        signed_in=_is_signed_in(request),
        title=f"No such {what}",
        text="The address is mistyped, or what it named was never reported here.",
    )


def forbidden(request: Request, pages: Pages, text: str) -> Response:
    return pages.page(
        request, "problem.html", status=403, signed_in=_is_signed_in(request), title="Not allowed", text=text
    )


def bad_address(request: Request, pages: Pages, text: str) -> Response:
    return pages.page(
        request,
        "problem.html",
        status=400,
        signed_in=_is_signed_in(request),
        title="This address cannot be used",
        text=text,
    )


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


def _is_signed_in(request: Request) -> bool:
    """Whether to show the menu. Where the database can't say, the page goes without."""
    try:
        require_sign_in(request)
    except (NotSignedIn, Unavailable, SQLAlchemyError):
        return False
    return True
