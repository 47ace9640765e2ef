"""What is answered when a handler raises: to programs a `wire.Problem`, to people a page."""

from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import urlencode

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from aipolicy_server.access import NotAdmin, NotSignedIn, TooManyAttempts
from aipolicy_server.console import problems
from aipolicy_server.console.render import Pages
from aipolicy_server.refusals import Refusal
from aipolicy_server.store.queries import BadCursor
from aipolicy_server.store.store import Unavailable

Refuse = Callable[[Exception], Refusal]
Show = Callable[[Request, Pages, Exception], Response]

_FOR_PROGRAMS = ("/api/", "/v1/")
_TITLES = {
    HTTPStatus.NOT_FOUND: ("not-found", "no such address"),
    HTTPStatus.METHOD_NOT_ALLOWED: ("method", "this address does not take this method"),
}


def answer_exceptions(app: FastAPI) -> None:
    """Sets an answer for every exception that our handlers raise, and for those that nobody foresaw."""
    app.add_exception_handler(NotSignedIn, _sign_in_first)
    for kind, refuse in _ANSWERS:
        app.add_exception_handler(kind, _both(refuse, _page(refuse)))


def _both(refuse: Refuse, show: Show) -> Callable[[Request, Exception], Response]:
    def answer(request: Request, error: Exception) -> Response:
        if request.url.path.startswith(_FOR_PROGRAMS):
            return refuse(error).response()
        return show(request, request.app.state.pages, error)

    return answer


def _sign_in_first(request: Request, _error: Exception) -> Response:
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(
        f"/sign-in?{urlencode({'next': wanted})}" if wanted != "/" else "/sign-in", HTTPStatus.SEE_OTHER
    )


def _itself(error: Exception) -> Refusal:
    return error if isinstance(error, Refusal) else _failed(error)


def _not_admin(_error: Exception) -> Refusal:
    title = "send the admin token: Authorization: Bearer aipa_..."
    return Refusal(HTTPStatus.UNAUTHORIZED, "bad-token", title)


def _too_many(_error: Exception) -> Refusal:
    title = "too many wrong tokens came from this address: wait a minute"
    return Refusal(HTTPStatus.TOO_MANY_REQUESTS, "too-many", title, 60)


def _bad_cursor(error: Exception) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, "bad-cursor", str(error))


def _unavailable(_error: Exception) -> Refusal:
    return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "busy", "the database does not answer: try again later", 5)


def _bad_parameter(error: Exception) -> Refusal:
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    title = "; ".join(f"{fault['loc'][-1]}: {fault['msg']}" for fault in faults[:5])
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-parameter", title)


def _from_status(error: Exception) -> Refusal:
    status = HTTPStatus(error.status_code if isinstance(error, HTTPException) else 500)
    code, title = _TITLES.get(status, (status.name.lower().replace("_", "-"), status.phrase.lower()))
    return Refusal(status, code, title)


def _failed(error: Exception) -> Refusal:
    title = f"a fault in the server ({type(error).__name__}): its log says more"
    return Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "failed", title)


def _page(refuse: Refuse) -> Show:
    def show(request: Request, pages: Pages, error: Exception) -> Response:
        refusal = refuse(error)
        match refusal.status:
            case HTTPStatus.NOT_FOUND:
                return problems.not_found(request, pages)
            case HTTPStatus.FORBIDDEN | HTTPStatus.UNAUTHORIZED | HTTPStatus.TOO_MANY_REQUESTS:
                return problems.forbidden(request, pages, refusal.title)
            case HTTPStatus.SERVICE_UNAVAILABLE:
                return problems.unavailable(request, pages)
            case HTTPStatus.INTERNAL_SERVER_ERROR:
                return problems.failed(request, pages)
            case HTTPStatus.BAD_REQUEST | HTTPStatus.UNPROCESSABLE_ENTITY:
                return problems.bad_address(request, pages, refusal.title)
        return PlainTextResponse(f"{refusal.title}\n", int(refusal.status))

    return show


_ANSWERS: tuple[tuple[type[Exception] | int, Refuse], ...] = (
    (Refusal, _itself),
    (NotAdmin, _not_admin),
    (TooManyAttempts, _too_many),
    (BadCursor, _bad_cursor),
    (Unavailable, _unavailable),
    (RequestValidationError, _bad_parameter),
    (HTTPException, _from_status),
    (500, _failed),
)
