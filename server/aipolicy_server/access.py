"""Who may see pages and API: an admin token, in a header or as a browser that signed in with it.

The routes ask `require_admin` (API) or `require_sign_in` (pages); the addresses that sign in and out are in
`sign_in`. Devices have tokens of their own and get nowhere here.
"""

import secrets
import time
from datetime import timedelta
from typing import Final

from starlette.requests import Request

from aipolicy_server import tokens
from aipolicy_server.clock import Clock, to_us
from aipolicy_server.rates import Rate, Seconds
from aipolicy_server.settings import Settings
from aipolicy_server.store import admins
from aipolicy_server.store.store import Store

COOKIE: Final = "aipolicy_session"


class NotSignedIn(Exception):
    """A page was asked for without being signed in: answers.py sends the browser to /sign-in."""


class NotAdmin(Exception):
    """The API was asked without an admin's token or session: answers.py answers 401."""


class TooManyAttempts(Exception):
    """Too many wrong tokens came from this address within a minute."""


class Access:
    """Signs browsers in and out, and recognises them and the bearer of an admin token."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        clock: Clock,
        chance: tokens.Chance = secrets.token_bytes,
        seconds: Seconds = time.monotonic,
    ) -> None:
        self._store = store
        self._clock = clock
        self._chance = chance
        self._hours = settings.session_hours
        wrong = settings.limits.wrong_per_minute
        self._wrong = Rate(wrong / 60, wrong, seconds)

    def sign_in(self, token: str, address: str) -> str | None:
        """The value for the session cookie, None for a wrong token. Raises TooManyAttempts."""
        admin = self._admin(token, address)
        if admin is None:
            return None
        session = tokens.new(tokens.SESSION_PREFIX, self._chance)
        now = self._clock()
        until = now + timedelta(hours=self._hours)
        self._store.write_now(
            lambda connection: admins.add_session(
                connection, tokens.hashed(session), admin, to_us(now), to_us(until)
            )
        )
        return session

    def sign_out(self, session: str) -> None:
        """The cookie is worth nothing from here on."""
        self._store.write_now(lambda connection: admins.remove_session(connection, tokens.hashed(session)))

    def signed_in(self, session: str | None) -> str | None:
        """Which admin's browser this cookie is of; None where it signed in never, or too long ago."""
        if session is None or not session.startswith(tokens.SESSION_PREFIX) or len(session) > 100:
            return None
        with self._store.reading() as connection:
            return admins.session_admin(connection, tokens.hashed(session), to_us(self._clock()))

    def admin(self, token: str | None, address: str) -> str | None:
        """Which admin's token this is. Raises TooManyAttempts."""
        return None if token is None else self._admin(token, address)

    def _admin(self, token: str, address: str) -> str | None:
        name = None
        if token.startswith(tokens.ADMIN_PREFIX):  # before any query
            with self._store.reading() as connection:
                known = admins.admin_hashes(connection)
            found = tokens.find(token, known)
            name = known[found] if found is not None else None
        # A right token is never refused for the wrong ones of others behind the same address.
        if name is None and not self._wrong.take(address):
            raise TooManyAttempts
        return name


def require_admin(request: Request) -> str:
    """FastAPI dependency of the API: the admin's name. Raises NotAdmin, TooManyAttempts."""
    access: Access = request.app.state.access
    header = request.headers.get("authorization")
    if header is not None:
        name = access.admin(tokens.bearer(header), address(request))
    else:
        name = access.signed_in(request.cookies.get(COOKIE))
    if name is None:
        raise NotAdmin
    return name


def require_sign_in(request: Request) -> None:
    """FastAPI dependency of the pages. Raises NotSignedIn."""
    access: Access = request.app.state.access
    if access.signed_in(request.cookies.get(COOKIE)) is None:
        raise NotSignedIn


def address(request: Request) -> str:
    """Whose attempt it is. uvicorn takes it from a proxy's header only where that proxy was named."""
    return request.client.host if request.client is not None else ""
