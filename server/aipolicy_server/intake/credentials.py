"""Which device is calling: known by its bearer alone, never by what it says.

A token that we never made costs one MAC; only then is the database asked, and its answer kept for seconds.
"""

import time
from collections import OrderedDict
from http import HTTPStatus

from starlette.requests import Request

from aipolicy_server import tokens
from aipolicy_server.rates import Seconds
from aipolicy_server.refusals import Refusal
from aipolicy_server.store import devices
from aipolicy_server.store.devices import Known
from aipolicy_server.store.store import Store

_KEPT = 20_000
_KEPT_S = 5.0  # also the time until a revocation by another process is in force here


class Credentials:
    """Recognises devices."""

    def __init__(self, store: Store, seconds: Seconds = time.monotonic) -> None:
        self._store = store
        self._seconds = seconds
        self._kept: OrderedDict[str, tuple[Known, float]] = OrderedDict()

    async def device(self, request: Request) -> str:
        """The id of the device that calls. Raises Refusal."""
        token = tokens.bearer(request.headers.get("authorization"))
        if token is None or not tokens.is_device_token(token, self._store.token_key):
            raise _unknown()
        token_hash = tokens.hashed(token)
        known = self._recent(token_hash)
        if known is None:
            known = await self._store.read(lambda connection: devices.by_token_hash(connection, token_hash))
            if known is None:
                raise _unknown()
            self._keep(token_hash, known)
        if known.left:
            raise _unenrolled()
        if known.revoked:
            raise Refusal(HTTPStatus.FORBIDDEN, "revoked", "this device's credential was withdrawn: ask IT")
        return known.device

    def forget(self) -> None:
        """What was known of tokens is asked anew."""
        self._kept.clear()

    def _recent(self, token_hash: str) -> Known | None:
        known, until = self._kept.get(token_hash, (None, 0.0))
        return known if self._seconds() < until else None

    def _keep(self, token_hash: str, known: Known) -> None:
        self._kept[token_hash] = (known, self._seconds() + _KEPT_S)
        self._kept.move_to_end(token_hash)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)


def _unenrolled() -> Refusal:
    # Not 401: the agent would enrol anew by itself, and the machine that was erased be there again.
    return Refusal(
        HTTPStatus.FORBIDDEN,
        "unenrolled",
        "this device took its leave or was erased here, and is not enrolled any more: to let it in again, run"
        " `aipolicy unenrol --offline` on it and start its agent with an enrolment secret",
    )


def _unknown() -> Refusal:
    return Refusal(HTTPStatus.UNAUTHORIZED, "bad-token", "no device has this token: enrol again")
