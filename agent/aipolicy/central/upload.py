"""Brings the spool to the server: the identical batch again and again until the server says it has it."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

import msgspec

from aipolicy.central.auth import Bearer
from aipolicy.central.backoff import Backoff, asked_wait_s
from aipolicy.central.enrol import Enroller
from aipolicy.central.http import Client, Failure, Reply
from aipolicy.central.result import Condition, Result
from aipolicy.core.wire import EVENTS_PATH, Ack
from aipolicy.state.spool import SealedBatch
from aipolicy.state.store import Store

logger = logging.getLogger(__name__)

_NEVER_STORED: Final = frozenset({400, 413, 422})
_AT_ONCE: Final = 20
"""Refusals in a row that are answered without a wait: enough to find one bad event among 500."""


class Uploader:
    """Sends one batch with each call. One thread calls it."""

    def __init__(
        self,
        store: Store,
        client: Client,
        enroller: Enroller,
        clock: Callable[[], datetime],
        backoff: Backoff,
    ) -> None:
        self._store = store
        self._client = client
        self._enroller = enroller
        self._clock = clock
        self._backoff = backoff
        self._refusals = 0

    def run_once(self) -> Result:
        """Send the next batch, after enrolling where that is needed."""
        token = self._enroller.token_or_enrol()
        if isinstance(token, Result):
            return token
        batch = self._store.next_batch()
        if batch is None:
            return self._nothing_to_send()
        headers = {"Content-Encoding": "gzip", **Bearer(token).headers("POST", EVENTS_PATH, batch.body)}
        return self._judge(self._client.post(EVENTS_PATH, batch.body, headers), batch, token)

    def _nothing_to_send(self) -> Result:
        waiting = self._store.pending()
        if waiting == 0:
            return Result(wait_s=None)
        detail = f"{waiting} events wait in memory until the disk takes them: is it full or read-only?"
        return Result(wait_s=self._backoff.failed(), condition="disk", detail=detail)

    def _judge(self, answer: Reply | Failure, batch: SealedBatch, token: str) -> Result:
        asked = asked_wait_s(answer.retry_after, self._clock())
        if isinstance(answer, Failure):
            if answer.status == 413 and batch.events > 1:
                # A proxy's limit. Smaller parts may pass; but on its word no event is given up.
                return self._refused(batch, answer.reason)
            return Result(wait_s=self._backoff.failed(asked), condition="unreachable", detail=answer.reason)
        if answer.status == 200:
            return self._stored(answer, batch)
        problem = answer.problem()
        if problem is None:
            detail = f"HTTP {answer.status} without our server's own words: does a proxy answer?"
            return Result(wait_s=self._backoff.failed(asked), condition="unreachable", detail=detail)
        detail = answer.said()
        if answer.status in _NEVER_STORED:
            return self._refused(batch, detail)
        if answer.status == 401:
            self._enroller.reject(token)
        elif answer.status == 409:
            logger.warning("batch number known with other contents, new spool begun spool=%s", batch.spool)
            self._store.renew_spool()
        condition: Condition = "refused" if answer.status in (401, 403, 409) else "unreachable"
        return Result(wait_s=self._backoff.failed(asked), condition=condition, detail=detail)

    def _stored(self, answer: Reply, batch: SealedBatch) -> Result:
        if not _names(answer.body, batch):
            detail = "the answer does not name the batch that was sent, so nothing counts as stored"
            return Result(wait_s=self._backoff.failed(), condition="unreachable", detail=detail)
        if not self._store.acknowledge(batch.spool, batch.seq):
            detail = "the disk does not take the server's answer; the batch will be sent once more"
            return Result(wait_s=self._backoff.failed(), condition="disk", detail=detail)
        self._backoff.succeeded()
        self._refusals = 0
        logger.debug("batch stored spool=%s seq=%d events=%d", batch.spool, batch.seq, batch.events)
        return Result(wait_s=0 if self._store.pending() else None, events=batch.events)

    def _refused(self, batch: SealedBatch, detail: str) -> Result:
        """Cut the batch. A server that refuses everything must not get the whole spool in one second."""
        self._refusals += 1
        self._store.refuse(batch.spool, batch.seq)
        logger.warning(
            "batch refused spool=%s seq=%d events=%d why=%s", batch.spool, batch.seq, batch.events, detail
        )
        wait_s = 0.0 if self._refusals <= _AT_ONCE else self._backoff.failed()
        return Result(wait_s=wait_s, condition="refused", detail=detail)


def _names(body: bytes, batch: SealedBatch) -> bool:
    try:
        ack = msgspec.json.decode(body, type=Ack)
    except msgspec.MsgspecError:
        return False
    return ack.schema == "aipolicy.ack/1" and (ack.spool, ack.seq) == (batch.spool, batch.seq)
