"""The addresses that sign a browser in and out, and the check that a form was sent by a page of ours."""

from http import HTTPStatus
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from aipolicy_server.access import COOKIE, Access, TooManyAttempts, address
from aipolicy_server.console.problems import forbidden
from aipolicy_server.console.render import Pages
from aipolicy_server.console.sign_in import TOO_MANY, WRONG_TOKEN, safe_next, sign_in_page
from aipolicy_server.intake.body import read_body
from aipolicy_server.refusals import Refusal

_FORM_BYTES = 8192
_FORM_S = 10.0


def sign_in_routes() -> list[Route]:
    """GET and POST /sign-in, POST /sign-out."""
    return [
        Route("/sign-in", _form, methods=["GET"], name="sign_in_form"),
        Route("/sign-in", _sign_in, methods=["POST"], name="sign_in"),
        Route("/sign-out", _sign_out, methods=["POST"], name="sign_out"),
    ]


def _form(request: Request) -> Response:
    return sign_in_page(request, request.app.state.pages, next_path=request.query_params.get("next", "/"))


async def _sign_in(request: Request) -> Response:
    fields = await _fields(request)
    return await run_in_threadpool(_signed_in, request, fields.get("token", ""), fields.get("next", "/"))


async def _sign_out(request: Request) -> Response:
    session = request.cookies.get(COOKIE)
    access: Access = request.app.state.access
    if session is not None:
        await run_in_threadpool(access.sign_out, session)
    response = RedirectResponse("/sign-in", HTTPStatus.SEE_OTHER)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return response


def _signed_in(request: Request, token: str, next_path: str) -> Response:
    """The browser with its cookie, on its way to the page it wanted; or the form again."""
    access: Access = request.app.state.access
    pages: Pages = request.app.state.pages
    next_path = safe_next(next_path)
    try:
        session = access.sign_in(token.strip(), address(request))
    except TooManyAttempts:
        page = sign_in_page(request, pages, next_path=next_path, problem=TOO_MANY, status=429)
        page.headers["Retry-After"] = "60"
        return page
    if session is None:
        return sign_in_page(request, pages, next_path=next_path, problem=WRONG_TOKEN, status=401)
    response = RedirectResponse(next_path, HTTPStatus.SEE_OTHER)
    response.set_cookie(
        COOKIE, session, path="/", httponly=True, samesite="strict", secure=request.url.scheme == "https"
    )
    return response


async def _fields(request: Request) -> dict[str, str]:
    try:
        _, body = await read_body(request, _FORM_BYTES, _FORM_S)
    except Refusal:
        return {}
    parsed = parse_qs(body.decode("utf-8", "replace"), max_num_fields=20, separator="&")
    return {name: values[0] for name, values in parsed.items()}


class TokenAddress:
    """ASGI middleware: an address with `?token=` signs the browser in and leads to the same without it.

    So that the address which `server run` prints is all one needs, and the token leaves the address bar.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET" and b"token=" in scope["query_string"]:
            request = Request(scope, receive)
            token = request.query_params.get("token")
            if token is not None and not scope["path"].startswith(("/v1/", "/api/")):
                response = await run_in_threadpool(_signed_in, request, token, _without_token(request))
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _without_token(request: Request) -> str:
    rest = [(name, value) for name, value in request.query_params.multi_items() if name != "token"]
    path = request.url.path if request.url.path != "/sign-in" else "/"
    return f"{path}?{urlencode(rest)}" if rest else path


class SameOrigin:
    """ASGI middleware: refuses what another site makes a browser send here.

    The rule is that of Go's http.CrossOriginProtection: browsers say where a request comes from, by
    Sec-Fetch-Site or else by Origin; what says neither is no browser, and holds no cookie of ours.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in {"GET", "HEAD", "OPTIONS"}:
            request = Request(scope, receive)
            if not scope["path"].startswith("/v1/") and not is_same_origin(request):
                pages: Pages = request.app.state.pages
                response = forbidden(request, pages, "This form was sent from another site. Open it here.")
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)


def is_same_origin(request: Request) -> bool:
    """Whether a request that changes something comes from a page of ours, or from no browser at all."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("origin")
    if origin is None:
        return True
    return urlsplit(origin).netloc == request.headers.get("host", "") != ""
