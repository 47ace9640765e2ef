"""The regular sign of life: what this device enforces, and a digest by which drift is repaired."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from aipolicy.central.auth import Bearer
from aipolicy.central.backoff import Backoff, asked_wait_s
from aipolicy.central.enrol import Enroller
from aipolicy.central.first_sights import SightsExchange
from aipolicy.central.http import Client, Failure, Reply
from aipolicy.central.result import Condition, Result
from aipolicy.core.model import Record
from aipolicy.core.wire import CHECK_IN_PATH, MAX_TAG, MAX_TAGS, CheckIn, CheckInReply, HostInfo
from aipolicy.state.store import Store

logger = logging.getLogger(__name__)

SOONEST_S: Final = 1
LATEST_S: Final = 24 * 3600
_LONGEST_WHY: Final = 2000


class Enforced(Record, frozen=True, kw_only=True):
    """What the device enforces: versions of policy and catalog, the mode, how it sees new processes.

    published, refused, refused_why, ceiling, tags, scanned: see wire.CheckIn.
    """

    policy: str
    mode: str
    catalog: str
    process_events: str
    published: int = 0
    refused: int = 0
    refused_why: str = ""
    ceiling: str = ""
    tags: tuple[str, ...] = ()
    scanned: bool = False


class CheckInCaller:
    """Checks in with each call. One thread calls it."""

    def __init__(
        self,
        store: Store,
        client: Client,
        enroller: Enroller,
        host: Callable[[], HostInfo],
        enforced: Callable[[], Enforced],
        clock: Callable[[], datetime],
        backoff: Backoff,
        obey: Callable[[CheckInReply, str], str] = lambda _reply, _token: "",
        sights: SightsExchange | None = None,
    ) -> None:
        """obey: does what a reply orders, with our token; why some of it could not be had now, or empty.

        sights: None where nothing is told of when graces began.
        """
        self._store = store
        self._client = client
        self._enroller = enroller
        self._host = host
        self._enforced = enforced
        self._clock = clock
        self._backoff = backoff
        self._obey = obey
        self._sights = sights
        self._resends = _EverMoreSeldom()
        self._exchanges = _EverMoreSeldom()

    def run_once(self) -> Result:
        """Check in, after enrolling where that is needed; the result's wait is the time to the next one."""
        token = self._enroller.token_or_enrol()
        if isinstance(token, Result):
            return token
        body = msgspec.json.encode(self._words())
        answer = self._client.post(CHECK_IN_PATH, body, Bearer(token).headers("POST", CHECK_IN_PATH, body))
        asked = asked_wait_s(answer.retry_after, self._clock())
        if isinstance(answer, Failure):
            return Result(wait_s=self._backoff.failed(asked), condition="unreachable", detail=answer.reason)
        reply = _checked_in(answer)
        if reply is None:
            return self._refused(answer, token, asked)
        self._repair(reply.resend)
        unfetched = self._obey(reply, token), self._exchange(reply.first_sights, token)
        if any(unfetched):
            detail = "; ".join(filter(None, unfetched))
            return Result(wait_s=self._backoff.failed(), condition="unreachable", detail=detail)
        self._backoff.succeeded()
        return Result(wait_s=min(LATEST_S, max(SOONEST_S, reply.next_s)))

    def _words(self) -> CheckIn:
        standing, enforced = self._store.standing(), self._enforced()
        return CheckIn(
            host=self._host(),
            policy=enforced.policy,
            mode=enforced.mode,
            catalog=enforced.catalog,
            findings=standing.findings,
            pending=standing.pending,
            process_events=enforced.process_events,
            published=enforced.published,
            refused=enforced.refused,
            refused_why=enforced.refused_why[:_LONGEST_WHY],
            ceiling=enforced.ceiling[:_LONGEST_WHY],
            tags=_within_bounds(enforced.tags),
            scanned=enforced.scanned,
            first_sights=None if self._sights is None else self._sights.digest(),
        )

    def _refused(self, answer: Reply, token: str, asked_s: float | None) -> Result:
        problem = answer.problem()
        if problem and answer.status == 401:
            self._enroller.reject(token)
        condition: Condition = "refused" if problem and answer.status in (401, 403) else "unreachable"
        return Result(wait_s=self._backoff.failed(asked_s), condition=condition, detail=answer.said())

    def _repair(self, resend: bool) -> None:
        """Tell all again where the server asks."""
        if self._resends.asked(resend):
            logger.info("server's findings differ, telling all again times=%d", self._resends.in_a_row)
            self._store.tell_everything_again()

    def _exchange(self, differ: bool, token: str) -> str:
        """Tell when graces began where the server asks; why that could not be done now, or empty."""
        if self._sights is None or not self._exchanges.asked(differ):
            return ""
        failed = self._sights.run_once(token)
        if failed:
            self._exchanges.in_a_row = 0  # it was not done
        return failed


class _EverMoreSeldom:
    """A server that asks for the same for ever gets it the 1st, 2nd, 4th, 8th ... time in a row."""

    def __init__(self) -> None:
        self.in_a_row = 0

    def asked(self, whether: bool) -> bool:
        """Whether it is to be done now. whether: it was asked for, or was not this time."""
        self.in_a_row = self.in_a_row + 1 if whether else 0
        return self.in_a_row.bit_count() == 1


def _within_bounds(tags: Sequence[str]) -> tuple[str, ...] | None:
    """Tags that the server would refuse must not cost the check-in: then they are not told."""
    told = tuple(sorted(set(tags)))
    return (
        told
        if len(told) <= MAX_TAGS and all(len(tag) <= MAX_TAG and tag.isprintable() for tag in told)
        else None
    )


def _checked_in(answer: Reply) -> CheckInReply | None:
    if answer.status != 200:
        return None
    try:
        reply = msgspec.json.decode(answer.body, type=CheckInReply)
    except msgspec.MsgspecError:
        return None
    return reply if reply.schema == "aipolicy.checked-in/1" else None
