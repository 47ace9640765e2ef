"""Lets devices in: an enrolment secret against a bearer of the device's own.

Wrong secrets are counted per address, but a right one is never refused for its neighbours' sake: a whole
company may call from one proxy's address, with one badly set up laptop among them.
"""

import logging
import random
from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from aipolicy.core.wire import EnrolReply
from aipolicy_server import tokens
from aipolicy_server.access import address
from aipolicy_server.clock import Clock, to_us, uuid7
from aipolicy_server.intake.body import read_body
from aipolicy_server.intake.reading import read_enrolment
from aipolicy_server.rates import Rate, Seconds
from aipolicy_server.refusals import Refusal
from aipolicy_server.settings import Settings
from aipolicy_server.store import devices
from aipolicy_server.store.devices import NewDevice
from aipolicy_server.store.store import Store

logger = logging.getLogger(__name__)


class Enrolment:
    """Answers POST /v1/enrol."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        clock: Clock,
        chance: tokens.Chance,
        seconds: Seconds,
    ) -> None:
        self._store = store
        self._limits = settings.limits
        self._clock = clock
        self._chance = chance
        self._rate = Rate(self._limits.enrol_per_s, 2 * self._limits.enrol_per_s, seconds)
        self._wrong = Rate(self._limits.wrong_per_minute / 60, self._limits.wrong_per_minute, seconds)
        self._hashes: frozenset[str] = frozenset()

    async def enrol(self, request: Request) -> Response:
        """A new device for everyone who brings a good secret. Raises Refusal, Unavailable."""
        _, body = await read_body(request, self._limits.enrol_bytes, self._limits.read_s)
        asked = read_enrolment(body)
        if not await self._exists(asked.secret, address(request)):
            raise _wrong_secret()
        if not self._rate.take():
            after_s = random.randint(2, 20)  # noqa: S311  # spreads load, no secret
            raise _slow_down("too many devices enrol at once", after_s)
        now = self._clock()
        token = tokens.new_device_token(self._store.token_key, self._chance)
        new = NewDevice(id=uuid7(now, self._chance(10)), token_hash=tokens.hashed(token), host=asked.host)
        if not await self._store.write(
            lambda connection: devices.enrol(connection, asked.secret, new, to_us(now))
        ):
            raise _wrong_secret()
        logger.info("device enrolled: device=%s", new.id)
        return Response(
            msgspec.json.encode(EnrolReply(device=new.id, token=token)), media_type="application/json"
        )

    async def _exists(self, secret: str, caller: str) -> bool:
        """Whether there is such a secret, from memory where that will do. Raises Refusal."""
        if tokens.find(secret, self._hashes) is not None:
            return True
        if not self._wrong.has_left(caller):
            raise _slow_down("too many wrong secrets came from this address", 60)
        if secret.startswith(tokens.SECRET_PREFIX):
            self._hashes = await self._store.read(devices.secret_hashes)
            if tokens.find(secret, self._hashes) is not None:
                return True
        self._wrong.take(caller)
        return False


def _wrong_secret() -> Refusal:
    return Refusal(
        HTTPStatus.UNAUTHORIZED,
        "bad-secret",
        "this enrolment secret is unknown, used up, expired or withdrawn: ask IT for a new one",
    )


def _slow_down(title: str, after_s: int) -> Refusal:
    return Refusal(HTTPStatus.TOO_MANY_REQUESTS, "too-many", f"{title}: try again later", after_s)
