"""The policy that the server published, as a source beside the policy file: fetched, checked, and kept.

Whether it is a right policy is core's to say, when it comes into force. Here is checked that it is the one
that was named, whole, and no older one than this device had (TUF calls these attacks arbitrary installation,
rollback, fast-forward, mix-and-match, endless data and slow retrieval).
"""

import hashlib
import logging
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from aipolicy.central.auth import Bearer
from aipolicy.central.http import Client, Failure
from aipolicy.central.policy_source import LastGood, NoPolicy, PolicySource, PolicyText
from aipolicy.core.model import Record
from aipolicy.core.policy import NO_POLICY
from aipolicy.core.published import PolicyAnswer, PolicyTag, answered_wrongly, told_wrongly
from aipolicy.core.wire import POLICY_PATH, printable
from aipolicy.core.yamlfile import MAX_BYTES
from aipolicy.state.files import read_small, write_safely

logger = logging.getLogger(__name__)

_NAME: Final = "policy.published.json"
_MOST_BYTES: Final = 2 * MAX_BYTES + 4096
"""JSON writes a quote or a line break in two bytes; what it would write in more no policy may hold."""
_DEADLINE_S: Final = 60.0


UNTIL_PUBLISHED: Final = PolicyText(
    name="(no policy)",
    content=NO_POLICY,
    sha256=hashlib.sha256(NO_POLICY).hexdigest(),
)
"""What holds at a first start without a policy file, until the server names one: all is reported."""


class PublishedPolicy:
    """The one that the server named last, over restarts. One thread takes, others read."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NAME
        self._lock = threading.Lock()
        self._kept = _load(self._path)
        good = LastGood(folder).load()
        self._floor = PolicyTag(number=good.number, sha256=good.sha256) if good and good.number else None
        """What was in force here at the last start, for the case that the file is lost."""

    @property
    def tag(self) -> PolicyTag | None:
        """Which one it is; None where the server never named one."""
        with self._lock:
            kept, floor = self._kept, self._floor
        held = None if kept is None else PolicyTag(number=kept.number, sha256=kept.sha256)
        known = [one for one in (held, floor) if one is not None]
        return max(known, key=lambda one: one.number, default=None)

    def read(self) -> PolicyText | None:
        """It, as a policy to check; None where there is none."""
        with self._lock:
            kept = self._kept
        if kept is None:
            return None
        return PolicyText(
            name=kept.name, content=kept.content.encode("utf-8"), sha256=kept.sha256, number=kept.number
        )

    def take(self, answer: PolicyAnswer) -> None:
        """Keep it; on a disk that takes nothing, until the next start."""
        with self._lock:
            self._kept = answer
        try:
            write_safely(self._path, msgspec.json.encode(answer))
        except OSError as error:
            logger.warning("the published policy could not be kept error=%s", error)

    def confirm(self, now: datetime) -> None:
        """The server said that it is still the one. The file's time remembers that."""
        try:
            os.utime(self._path, (now.timestamp(), now.timestamp()))
        except OSError as error:
            logger.debug("not noted that the policy is still the one error=%s", error)

    def confirmed(self) -> datetime | None:
        """When the server said so last; None where it is not known."""
        try:
            return datetime.fromtimestamp(os.lstat(self._path).st_mtime, UTC)
        except OSError:
            return None


class OfServerElseFile:
    """What the server published once it did so, and the file before that."""

    def __init__(self, published: PublishedPolicy, file: PolicySource) -> None:
        self._published = published
        self._file = file

    def read(self) -> PolicyText | NoPolicy:
        return self._published.read() or self._file.read()


class Refused(Record, frozen=True, kw_only=True):
    """A policy of the server's that is not taken. number: which, 0 where it named none. why: in words."""

    number: int
    why: str


class Unfetched(Record, frozen=True, kw_only=True):
    """The policy could not be had this time. why: in words."""

    why: str


class PolicyFetcher:
    """Follows what check-ins name. One thread calls it."""

    def __init__(self, client: Client, published: PublishedPolicy, deadline_s: float = _DEADLINE_S) -> None:
        self._client = client
        self._published = published
        self._deadline_s = deadline_s

    def follow(self, told: PolicyTag | None, token: str) -> PolicyAnswer | Refused | Unfetched | None:
        """The policy to take, where another one was named than is held; None: there is nothing new."""
        held = self._published.tag
        if wrong := told_wrongly(told, held):
            return Refused(number=told.number if told else 0, why=wrong)
        if told is None or (told == held and self._published.read() is not None):
            return None
        return self._fetch(told, held, token)

    def _fetch(
        self, told: PolicyTag, held: PolicyTag | None, token: str
    ) -> PolicyAnswer | Refused | Unfetched:
        headers = dict(Bearer(token).headers("GET", POLICY_PATH, b""))
        if held is not None and self._published.read() is not None:
            headers["If-None-Match"] = held.etag
        reply = self._client.get(POLICY_PATH, headers, most_bytes=_MOST_BYTES, deadline_s=self._deadline_s)
        if isinstance(reply, Failure):
            return Unfetched(why=f"the policy could not be fetched: {reply.reason}")
        if reply.status == 304:
            why = f"number {told.number} was named, but the server says that nothing has changed"
            return Refused(number=told.number, why=why)
        if reply.status != 200:
            return Unfetched(why=f"the policy could not be fetched: {reply.said()}")
        try:
            answer = msgspec.json.decode(reply.body, type=PolicyAnswer)
        except msgspec.MsgspecError:
            return Refused(number=told.number, why="the answer is no policy that this agent can read")
        if wrong := answered_wrongly(answer, told):
            return Refused(number=told.number, why=wrong)
        return msgspec.structs.replace(answer, name=printable(answer.name)[:255] or "policy.yaml")


def _load(path: Path) -> PolicyAnswer | None:
    """None where there is none, or the disk changed it since."""
    try:
        content = read_small(path, _MOST_BYTES)
        kept = None if content is None else msgspec.json.decode(content, type=PolicyAnswer)
    except (OSError, msgspec.MsgspecError, UnicodeError):
        return None
    if kept is None or answered_wrongly(kept, PolicyTag(number=kept.number, sha256=kept.sha256)):
        return None
    return kept
