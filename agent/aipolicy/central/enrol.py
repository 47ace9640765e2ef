"""Enrolment: the secret that IT handed out against an identity of this device's own."""

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from aipolicy.central.backoff import Backoff, asked_wait_s
from aipolicy.central.http import Client, Failure, Reply
from aipolicy.central.result import Condition, Result
from aipolicy.core.wire import ENROL_PATH, EnrolReply, EnrolRequest, HostInfo
from aipolicy.state.identity import Identity
from aipolicy.state.store import Store

logger = logging.getLogger(__name__)

_LONGEST_SECRET = 4096


class NoSecret(Exception):
    """There is no enrolment secret; the text says what to do."""


def secret_of(path: str | None, managed: str | None) -> str:
    """The secret in a file, read anew each time, so that IT can exchange it; else the one of management.

    Raises NoSecret.
    """
    if path is not None:
        return _from_file(path)
    if managed is None:
        raise NoSecret("set `enrolment_secret_file` to the file with the secret that IT handed out")
    return _as_secret("enrolment_secret", managed)


def _from_file(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            text = file.read(_LONGEST_SECRET + 1)
    except OSError as error:
        raise NoSecret(f"{path}: {error.strerror}: put the enrolment secret there") from error
    return _as_secret(path, text.decode("ascii", "replace"))


def _as_secret(place: str, text: str) -> str:
    secret = text.strip()
    if not secret or len(text) > _LONGEST_SECRET or not secret.isprintable() or not secret.isascii():
        raise NoSecret(f"{place}: it must hold one line, the enrolment secret")
    return secret


class Enroller:
    """Makes this device known to the server, once, and again where the server no longer knows its token."""

    def __init__(
        self,
        store: Store,
        client: Client,
        secret: Callable[[], str],
        host: Callable[[], HostInfo],
        clock: Callable[[], datetime],
        backoff: Backoff,
    ) -> None:
        """`secret` raises NoSecret. `backoff`: its own, so that a wrong secret is not tried in a hurry."""
        self._store = store
        self._client = client
        self._secret = secret
        self._host = host
        self._clock = clock
        self._backoff = backoff
        self._rejected: str | None = None

    def token(self) -> str | None:
        """The token to use; None where there is none, or only one that the server rejected."""
        token = self._store.identity().token
        return None if token == self._rejected else token

    def token_or_enrol(self) -> str | Result:
        """The token to use, after enrolling where that is needed; else what came of the try."""
        token = self.token()
        if token is not None:
            return token
        enrolled = self.run_once()
        token = self.token()
        return enrolled if enrolled.condition != "ok" or token is None else token

    def reject(self, token: str) -> None:
        """The server does not take this token. It is kept until there is a new one: servers err, too."""
        self._rejected = token

    def run_once(self) -> Result:
        """Enrol. The result's condition is `ok` where `token` now gives one."""
        try:
            secret = self._secret()
        except NoSecret as error:
            # The old token may be good again once the server is mended; without a secret it is all we have.
            self._rejected = None
            return Result(wait_s=self._backoff.failed(), condition="not enrolled", detail=str(error))
        request = msgspec.json.encode(EnrolRequest(secret=secret, host=self._host()))
        answer = self._client.post(ENROL_PATH, request, {})
        asked = asked_wait_s(answer.retry_after, self._clock())
        if isinstance(answer, Failure):
            return Result(wait_s=self._backoff.failed(asked), condition="unreachable", detail=answer.reason)
        enrolled = _enrolled(answer)
        if enrolled is None:
            return self._refused(answer, asked)
        self._backoff.succeeded()
        self._rejected = None
        logger.info("enrolled device=%s", enrolled.device)
        if not self._store.save_identity(Identity(device=enrolled.device, token=enrolled.token)):
            detail = "the disk does not take our new identity, and nothing is sent before it does"
            return Result(wait_s=self._backoff.failed(), condition="disk", detail=detail)
        return Result(wait_s=0)

    def _refused(self, answer: Reply, asked_s: float | None) -> Result:
        problem = answer.problem()
        condition: Condition = "not enrolled" if problem and answer.status in (401, 403) else "unreachable"
        return Result(wait_s=self._backoff.failed(asked_s), condition=condition, detail=answer.said())


def _enrolled(answer: Reply) -> EnrolReply | None:
    if answer.status not in (200, 201):
        return None
    try:
        reply = msgspec.json.decode(answer.body, type=EnrolReply)
    except msgspec.MsgspecError:
        return None
    named = reply.schema == "aipolicy.enrolled/1" and _is_word(reply.device) and _is_word(reply.token)
    return reply if named else None


def _is_word(text: str) -> bool:
    """Something that can stand in a header and in a record."""
    return 0 < len(text) <= 512 and text.isascii() and text.isprintable() and " " not in text
