"""What agents call: enrol, send events, check in. Raw routes, decoded by the wire's own records.

Each handler: who calls, read the body within bounds, decode, one transaction, answer. The answer leaves after
the commit and never before.
"""

import hashlib
import logging
import random
import secrets
import time
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aipolicy.core import wire
from aipolicy.core.first_sights import FIRST_SIGHTS_PATH, KnownSights, believable
from aipolicy.core.published import Brake, PolicyTag
from aipolicy.core.wire import Ack, CheckIn, CheckInReply, Unenrolled
from aipolicy_server import tokens
from aipolicy_server.clock import Clock, to_us
from aipolicy_server.intake.admission import Admission
from aipolicy_server.intake.body import read_body
from aipolicy_server.intake.credentials import Credentials
from aipolicy_server.intake.enrolment import Enrolment
from aipolicy_server.intake.presence import Presence
from aipolicy_server.intake.reading import read_batch, read_check_in, read_first_sights
from aipolicy_server.rates import Rate, Seconds
from aipolicy_server.refusals import Refusal
from aipolicy_server.settings import Settings
from aipolicy_server.store import brakes, devices, drift, first_sights, policies, rollouts
from aipolicy_server.store.accept import Conflict, Received, accept, raise_alarm
from aipolicy_server.store.store import Store, Unavailable

logger = logging.getLogger(__name__)

Handler = Callable[[Request], Awaitable[Response]]

_COMPLAINTS_PER_S = 1 / 30  # about the same thing: a log must not fill the disk that is full already

_MOST_ANSWERS = 8
"""Texts of policies in memory: of the newest, and of the one before while it is in its canary wave."""

_encode = msgspec.json.Encoder().encode


class Intake:
    """The agents' side of the server."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        clock: Clock,
        chance: tokens.Chance = secrets.token_bytes,
        seconds: Seconds = time.monotonic,
    ) -> None:
        limits = settings.limits
        self._store = store
        self._settings = settings
        self._clock = clock
        self._credentials = Credentials(store, seconds)
        self._complaints = Rate(_COMPLAINTS_PER_S, 1, seconds)
        self._admission = Admission(limits.reading)
        self._enrolment = Enrolment(store, settings, clock, chance, seconds)
        self._answers: dict[PolicyTag, bytes] = {}
        """The policy as agents get it, encoded once for all of them."""
        self.presence = Presence(store, settings.flush_s)

    def routes(self) -> list[Route]:
        """The routes, in the order of how often they are called."""
        return [
            Route(wire.EVENTS_PATH, self._guarded(self._events), methods=["POST"], name="events"),
            Route(wire.CHECK_IN_PATH, self._guarded(self._check_in), methods=["POST"], name="check_in"),
            Route(wire.POLICY_PATH, self._guarded(self._policy), methods=["GET"], name="policy"),
            Route(
                FIRST_SIGHTS_PATH, self._guarded(self._first_sights), methods=["POST"], name="first_sights"
            ),
            Route(wire.UNENROL_PATH, self._guarded(self._unenrol), methods=["POST"], name="unenrol"),
            Route(wire.ENROL_PATH, self._guarded(self._enrolment.enrol), methods=["POST"], name="enrol"),
        ]

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            try:
                with self._admission.enter():
                    return await handler(request)
            except Refusal as refusal:
                return refusal.response()
            except Unavailable as error:
                if self._complaints.take("database"):
                    cause = error.__cause__
                    logger.warning(
                        "nothing can be stored: %s", getattr(cause, "orig", None) or cause or error
                    )
                return self._admission.busy(f"nothing was stored ({error})").response()

        return guarded

    async def _events(self, request: Request) -> Response:
        device = await self._credentials.device(request)
        raw, body = await read_body(request, wire.MAX_BODY_BYTES, self._settings.limits.read_s)
        batch = read_batch(body)
        now_us = to_us(self._clock())
        if batch.device != device:
            await self._store.write(
                lambda connection: raise_alarm(connection, device, "wrong-device", batch.device[:100], now_us)
            )
            raise Refusal(HTTPStatus.FORBIDDEN, "wrong-device", "the batch is in another device's name")
        received = Received(
            device=device,
            spool=batch.spool,
            seq=batch.seq,
            digest=hashlib.sha256(body).digest(),
            body=raw,
            received_us=now_us,
            events=batch.events,
        )
        try:
            stored = await self._store.write(lambda connection: accept(connection, received))
        except IntegrityError:
            # The device was erased, or removed as too old, while its token was still believed here.
            self._credentials.forget()
            await self._credentials.device(request)
            raise
        if isinstance(stored, Conflict):
            if self._complaints.take(device):
                logger.warning(
                    "batch number used twice: device=%s spool=%s seq=%d", device, batch.spool, batch.seq
                )
            raise Refusal(
                HTTPStatus.CONFLICT,
                "content-conflict",
                "this batch number was used for other content: start a new spool",
            )
        self.presence.batch(device, now_us)
        return _json(Ack(spool=batch.spool, seq=batch.seq, stored=stored.events))

    async def _check_in(self, request: Request) -> Response:
        device = await self._credentials.device(request)
        limits = self._settings.limits
        _, body = await read_body(request, limits.check_in_bytes, limits.read_s)
        said = read_check_in(body)
        now_us = to_us(self._clock())
        self.presence.check_in(device, said, now_us)
        resend = await self._settle(device, said)
        policy, brake = await self._store.read(partial(_orders, said=said))
        sights = said.first_sights is not None and await self._store.read(
            partial(first_sights.differ, device_id=device, device_digest=said.first_sights)
        )
        every_s = self._settings.check_in_s
        next_s = random.randint(every_s * 9 // 10, every_s * 11 // 10)  # noqa: S311  # spreads load, no secret
        reply = CheckInReply(
            next_s=max(1, next_s), resend=resend, policy=policy, brake=brake, first_sights=sights
        )
        return _json(reply)

    async def _first_sights(self, request: Request) -> Response:
        """The device tells when graces began, and gets back what was known of its machine."""
        device = await self._credentials.device(request)
        limits = self._settings.limits
        _, body = await read_body(request, limits.first_sights_bytes, limits.read_s)
        said = read_first_sights(body)
        now = self._clock()
        told = [sight for sight in said.sights if believable(sight, now)]
        machine = tokens.hashed(said.machine) if said.machine else ""
        known = await self._store.write(
            lambda connection: first_sights.exchange(connection, device, machine, told)
        )
        if known is None:  # it was erased while its token was still believed here
            self._credentials.forget()
            await self._credentials.device(request)
            raise Unavailable("the device is not there")
        return _json(KnownSights(sights=known))

    async def _unenrol(self, request: Request) -> Response:
        """The device takes its leave."""
        device = await self._credentials.device(request)
        now_us = to_us(self._clock())
        await self._store.write(lambda connection: devices.leave(connection, device, now_us))
        self._credentials.forget()
        logger.info("device took its leave: device=%s", device)
        return _json(Unenrolled(device=device))

    async def _policy(self, request: Request) -> Response:
        """The policy that is to be in force, unless the device says that it has it."""
        device = await self._credentials.device(request)
        tag = await self._store.read(partial(rollouts.tag_of, device_id=device))
        if tag is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "no-policy", "no policy was published here")
        headers = {"ETag": tag.etag}
        if request.headers.get("if-none-match") == tag.etag:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        body = self._answers.get(tag)
        if body is None:
            found = await self._store.read(partial(policies.answer, number=tag.number))
            if len(self._answers) >= _MOST_ANSWERS:
                self._answers.clear()
            body = self._answers[tag] = _encode(found)
        return Response(body, headers=headers, media_type="application/json")

    async def _settle(self, device: str, said: CheckIn) -> bool:
        """Whether the device must send its findings again."""
        if said.pending > 0 or not said.findings:
            return False  # what still waits in its spool is in its digest but not here: no comparing them yet
        if not await self._store.read(
            lambda connection: drift.has_drifted(connection, device, said.findings)
        ):
            return False
        return await self._store.write(lambda connection: drift.settle(connection, device, said.findings))


def _orders(connection: Connection, said: CheckIn) -> tuple[PolicyTag | None, Brake | None]:
    return rollouts.tag(connection, said.host.hostname, said.published), brakes.brake(connection)


def _json(record: Ack | CheckInReply | KnownSights | Unenrolled) -> Response:
    return Response(_encode(record), media_type="application/json")
