"""The agent's memory: what was told, what waits to be sent, who we are. Threads share one Store.

Nothing counts before it is on disk. What the disk does not take now is kept in memory, within a bound, and
tried again with the next call; no condition of the disk raises here.
"""

import os
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from sqlite3 import Connection
from typing import Self

import msgspec

from aipolicy.core.model import Event, Health, Record
from aipolicy.core.wire import MAX_BATCH_EVENTS, MAX_BODY_BYTES, finding_key, findings_digest
from aipolicy.state import spool
from aipolicy.state.ballast import Ballast
from aipolicy.state.changes import everything_again, everything_gone
from aipolicy.state.disk import Disk
from aipolicy.state.folder import prepare_folder
from aipolicy.state.identity import Identity
from aipolicy.state.ids import Ids
from aipolicy.state.journal import Journal
from aipolicy.state.records import About, Changes, Known, Ledger, Told
from aipolicy.state.spool import SealedBatch

DATABASE = "spool.db"
MOST_BYTES = 20_000_000
MOST_IN_MEMORY = 5_000
_LITTLE_BATCH = 32 * 1024


class Standing(Record, frozen=True, kw_only=True):
    """findings: digest of what was told and holds. pending: events that the server does not have yet."""

    findings: str
    pending: int


class Store:
    """The state of one agent, in one folder."""

    @classmethod
    def open(
        cls,
        state_dir: str,
        *,
        now: Callable[[], datetime],
        entropy: Callable[[int], bytes] = os.urandom,
        most_bytes: int = MOST_BYTES,
        most_in_memory: int = MOST_IN_MEMORY,
    ) -> Self:
        """The state in `state_dir`, made where it is missing. Raises StateError where the folder is not safe.

        most_bytes: bound of the waiting events; above it the oldest are dropped and counted.
        most_in_memory: how many events wait in memory for a disk that takes none.
        """
        try:
            folder = prepare_folder(state_dir)
        except OSError:  # full or read-only: work without a disk until there is one
            folder = Path(state_dir)
        ids = Ids(entropy)
        disk = Disk(
            folder / DATABASE,
            new_spool=lambda: ids.next(int(now().timestamp() * 1000)),
            make_room=lambda connection: spool.forget_sent(connection, keep=0),
            ballast=Ballast(folder / "ballast"),
        )
        return cls(Journal(folder, disk, ids, now, most_bytes, most_in_memory), disk)

    def __init__(self, journal: Journal, disk: Disk) -> None:
        """Use `open`."""
        self._journal = journal
        self._disk = disk
        self._lock = threading.RLock()
        self._journal.flush()

    # --- what is told ------------------------------------------------------------------------------------

    def change(self, diff: Callable[[Ledger], Changes]) -> tuple[Changes, bool]:
        """Tell what `diff` makes of the ledger; whether it is on disk. No other change comes in between."""
        with self._lock:
            changes = diff(self._journal.book.view())
            return changes, self.commit(changes)

    def commit(self, changes: Changes) -> bool:
        """Tell and remember `changes` in one transaction. False: in memory until the disk takes them."""
        with self._lock:
            if changes:
                self._journal.take(changes)
            return self._journal.flush()

    def tell(self, about: About, uid: int | None = None) -> bool:
        """Tell one thing that leaves the ledger as it is, like a Health; whether it is on disk."""
        return self.commit(Changes(tell=(Told(about=about, uid=uid),)))

    def tell_everything_again(self) -> bool:
        """Tell all that is known anew, for a server whose findings differ; whether it is on disk."""
        return self.change(everything_again)[1]

    def hide_people(self, hide: bool) -> bool:
        """Tell of people by another name from now on, or no longer; whether it is on disk.

        What was told under the names before is gone under them, and told again under the new ones.
        """
        with self._lock:
            if self._journal.hides_people is hide:
                return True
            known = self._journal.book.view()
            self._journal.take(everything_gone(known))
            self._journal.hide_people(hide)
            self._journal.take(everything_again(known))
            return self._journal.flush()

    def current(self) -> dict[str, Known]:
        """What was told and still holds, by finding key."""
        with self._lock:
            return dict(self._journal.book.view().known)

    def events_about(self, uid: int) -> list[bytes]:
        """Exactly what is recorded about one user, oldest first: sent, waiting, and not on disk yet."""
        with self._lock:
            stored = self._journal.read(lambda c: spool.events_about(c, uid)) or []
            return stored + [msgspec.json.encode(e) for whose, e in self._journal.fresh if whose == uid]

    def health_told(self) -> tuple[Health, ...]:
        """What was told of the agent's own condition, oldest first, as far back as events are kept."""
        with self._lock:
            stored = self._journal.read(spool.events_about_nobody) or []
            events = [msgspec.json.decode(record, type=Event) for record in stored]
            events += [event for uid, event in self._journal.fresh if uid is None]
        return tuple(event.about for event in events if isinstance(event.about, Health))

    # --- what is sent ------------------------------------------------------------------------------------

    def pending(self) -> int:
        """How many events the server does not have yet."""
        with self._lock:
            on_disk = self._journal.read(lambda c: spool.pending(c)[0]) or 0
            return on_disk + len(self._journal.fresh)

    def standing(self) -> Standing:
        """What a check-in says of our findings: digest and waiting events of one and the same moment."""
        with self._lock:
            known = self._journal.book.view().known.values()
            told = (self._journal.as_told(each.outcome) for each in known)
            return Standing(findings=findings_digest(told), pending=self.pending())

    def undurable(self) -> int:
        """How many of them are in memory alone, because the disk does not take them."""
        with self._lock:
            return len(self._journal.fresh)

    def next_batch(
        self, max_events: int = MAX_BATCH_EVENTS, max_bytes: int = MAX_BODY_BYTES
    ) -> SealedBatch | None:
        """The batch to send: the sealed one, else the oldest events, sealed now. None: nothing to send.

        Nothing is sealed before a server has given us an identity and that is on disk.
        """
        with self._lock:
            self._journal.flush()
            if not self._journal.may_send:
                return None
            # A full disk may have room for a little batch only; each one delivered makes more room.
            if self._seal(max_events, max_bytes) is None:
                self._seal(max_events, min(max_bytes, _LITTLE_BATCH))
            return self._journal.read(spool.next_batch)

    def acknowledge(self, spool_id: str, seq: int) -> bool:
        """The server has this batch. False: it is not the one that is out, or the disk does not take it."""
        with self._lock:
            return self._journal.write(lambda c: spool.acknowledge(c, spool_id, seq)) or False

    def refuse(self, spool_id: str, seq: int) -> bool:
        """The server will never take this batch: cut it in two, or give its only event up, kept and counted.

        False: it is not the one that is out, or the disk does not take it.
        """
        with self._lock:
            new_spool = self._journal.new_id()

            def work(connection: Connection) -> bool:
                refused, given_up = spool.refuse(connection, spool_id, seq, new_spool)
                if given_up and not spool.is_note(given_up):  # a refused count must not make another count
                    spool.put_note(connection, spool.REFUSAL, 1, self._journal.loss_record)
                return refused

            return self._journal.write(work) or False

    def forget_before(self, moment: datetime) -> int:
        """Remove the events that the server has, or refused, and that happened before; how many.

        What it does not have yet stays: nothing is lost because a machine was away. So does the last event of
        each finding that holds: the server has it, and whoever asks what is stored of them must see it.
        """
        with self._lock:
            known = self._journal.book.view().known.values()
            told = (self._journal.as_told(each.outcome) for each in known)
            holding = {finding_key(outcome.verdict.finding) for outcome in told}
            return self._journal.write(lambda c: spool.forget_before(c, moment, holding)) or 0

    def renew_spool(self) -> bool:
        """Number from 1 again under a new spool id: the server knows other contents under ours."""
        with self._lock:
            new_spool = self._journal.new_id()
            return self._journal.write(lambda c: spool.renew(c, new_spool)) or False

    # --- who we are --------------------------------------------------------------------------------------

    def identity(self) -> Identity:
        """Who this device is to the server."""
        with self._lock:
            return self._journal.identity

    def save_identity(self, identity: Identity) -> bool:
        """The server knows us as this one now; all that waits gets the new id. Whether it is on disk."""
        with self._lock:
            self._journal.take_identity(identity)
            return self._journal.flush()

    def close(self) -> None:
        """Bring to disk what can be, and let go of it."""
        with self._lock:
            self._journal.flush()
            self._disk.close()

    def _seal(self, max_events: int, max_bytes: int) -> bool | None:
        device = self._journal.identity.device
        return self._journal.write(lambda c: spool.seal(c, device, max_events, max_bytes))
