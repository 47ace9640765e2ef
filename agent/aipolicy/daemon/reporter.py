"""What was found and done becomes events: the one way from the daemon's threads into the spool."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime

from msgspec import structs

from aipolicy.core.model import Health, Outcome, Unseen
from aipolicy.core.wire import finding_key, home_relative
from aipolicy.daemon.health import Conditions
from aipolicy.platforms.machine import Machine
from aipolicy.state.changes import full_look, one_less, one_more
from aipolicy.state.records import Changes, Ledger, Look, Sighting, process_place, sighting, unseen_place
from aipolicy.state.store import Store

logger = logging.getLogger(__name__)


class Reporter:
    """Threads share it. `changed` is called when there is something new to send."""

    def __init__(
        self,
        store: Store,
        machine: Machine,
        now: Callable[[], datetime],
        changed: Callable[[], None],
    ) -> None:
        self._store = store
        self._machine = machine
        self.now = now
        self._changed = changed
        self.conditions = Conditions(self.health, store.health_told())

    def survey(
        self, outcomes: Iterable[Outcome], pending: Iterable[Outcome], unseen: Iterable[Unseen]
    ) -> None:
        """Everything that one full scan saw; what it no longer saw is gone.

        pending: running tools about to be ended. They stay as they were told, if they were: what becomes of
        them is told when it is known.
        """
        homes = self._homes()
        sightings = [sighting(outcome, homes) for outcome in outcomes]
        waiting = [sighting(outcome, homes) for outcome in pending]
        look = Look(unseen=tuple(unseen_place(place, homes) for place in unseen))

        def diff(ledger: Ledger) -> Changes:
            known = [
                Sighting(outcome=ledger.known[key].outcome, place=one.place)
                for one in waiting
                if (key := finding_key(one.outcome.verdict.finding)) in ledger.known
            ]
            return full_look(ledger, [*sightings, *known], look)

        changes, durable = self._store.change(diff)
        self._noted(durable, bool(changes.tell))

    def running(self, outcome: Outcome) -> None:
        """One more running tool, seen at its start."""
        seen = sighting(outcome, self._homes())
        changes, durable = self._store.change(lambda ledger: one_more(ledger, seen))
        self._noted(durable, bool(changes.tell))

    def stopped(self, outcome: Outcome, pid: int) -> None:
        """A tool was refused or ended: told as a deed, and gone with its last process."""
        seen: Sighting = sighting(outcome, self._homes())
        key = finding_key(seen.outcome.verdict.finding)
        self._store.change(lambda ledger: one_more(ledger, seen))
        _, durable = self._store.change(lambda ledger: one_less(ledger, key, process_place(pid)))
        self._noted(durable, True)

    def health(self, about: Health) -> None:
        """A change of the agent's own condition."""
        logger.info("health part=%s condition=%s detail=%s", about.part, about.condition, about.detail)
        about = structs.replace(about, detail=home_relative(about.detail, self._homes()))
        self._noted(self._store.tell(about), True)

    def _homes(self) -> dict[str, int]:
        return {user.home: user.uid for user in self._machine.users()}

    def _noted(self, durable: bool, news: bool) -> None:
        if durable:
            self.conditions.well("spool", "writable", "Events are on disk again.")
        else:
            self.conditions.wrong(
                "spool",
                "disk",
                f"{self._store.undurable()} events wait in memory: the disk of the state folder takes none. "
                "Is it full or read-only?",
                self.now(),
            )
        if news:
            self._changed()
