"""Turns a template and its values into a response, with the headers that every page carries."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from aipolicy import __version__
from aipolicy.core.model import Record
from aipolicy.core.plural import plural
from aipolicy.core.published import Brake
from aipolicy_server.console import show, words
from aipolicy_server.console.assets import Asset, load_assets
from aipolicy_server.program import NAME
from aipolicy_server.store import brakes, policies
from aipolicy_server.store.store import Unavailable

# Nothing inline, nothing from elsewhere; Pico draws its form icons with data: images.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # Not "no-referrer": browsers then send `Origin: null` with our own forms, and the check of it would fail.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}


class Head(Record, frozen=True, kw_only=True):
    """What every page shows or links to. versions: of the policies that were published here."""

    brake: Brake | None = None
    versions: frozenset[str] = frozenset()


def _head(request: Request) -> Head:
    """Where the database can't say, the page goes without."""
    try:
        with request.app.state.store.reading() as connection:
            return Head(brake=brakes.brake(connection), versions=policies.versions(connection))
    except (Unavailable, SQLAlchemyError):
        return Head()


class Pages:
    """The templates and the files they link to, loaded once per application."""

    def __init__(self) -> None:
        self.assets: Mapping[str, Asset] = load_assets()
        self._environment = Environment(
            loader=PackageLoader("aipolicy_server.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters.update(
            shown=show.shown,
            moment=show.moment,
            machine_time=show.machine_time,
            ago=show.ago,
            number=show.number,
            plural=plural,
            line_of=show.line_of,
            path=lambda value: quote(str(value), safe=""),
        )
        self._environment.globals.update(
            asset=lambda name: self.assets[name].url,
            version=__version__,
            program=NAME,
            ruling_word=words.ruling_word,
            done_word=words.done_word,
            confidence_word=words.confidence_word,
            kind_word=words.kind_word,
            evidence_kind=words.evidence_kind,
        )

    def page(
        self, request: Request, template: str, *, status: int = 200, signed_in: bool = True, **values: object
    ) -> Response:
        """The page. `here` is the navigation's entry it belongs to, the first part of its path."""
        path = request.url.path
        here = "/" + path.split("/")[1] if len(path) > 1 else "/"
        head = _head(request) if signed_in else Head()
        text = self._environment.get_template(template).render(
            brake=head.brake,
            published=head.versions,
            here=here,
            exact=path == here,
            signed_in=signed_in,
            origin=str(request.base_url).rstrip("/"),
            now=request.app.state.clock(),
            **values,
        )
        # A name may hold what no encoding can carry; a page must not fail over it.
        body = text.encode("utf-8", "backslashreplace")
        return HTMLResponse(body, status_code=status, headers=PAGE_HEADERS)
