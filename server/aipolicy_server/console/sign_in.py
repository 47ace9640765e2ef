"""The sign-in page, and where a browser goes afterwards. Checking the token is left to `access`."""

from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from aipolicy_server.console.render import Pages

WRONG_TOKEN: Final = "This is not the admin token. Copy the whole line of the file admin-token."  # noqa: S105  # a text for people
TOO_MANY: Final = "Too many wrong tokens came from your address. Wait a minute, then try again."


def sign_in_page(
    request: Request, pages: Pages, *, next_path: str = "/", problem: str = "", status: int = 200
) -> Response:
    """The form. It posts `token` and `next` to /sign-in."""
    values = {"next": safe_next(next_path), "problem": problem}
    return pages.page(request, "sign_in.html", status=status, signed_in=False, **values)


def safe_next(path: str | None) -> str:
    """A path on this server to go to; anything that a browser could take for another host becomes "/"."""
    if not path or not path.startswith("/") or path.startswith(("//", "/\\")) or not path.isprintable():
        return "/"
    if "\\" in path or len(path) > 2000:
        return "/"
    parts = urlsplit(path)
    return "/" if parts.scheme or parts.netloc or parts.path == "/sign-in" else path
