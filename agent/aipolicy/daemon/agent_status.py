"""What `aipolicy status` says: put together from the daemon's parts at the moment somebody asks."""

import logging
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from aipolicy import __version__
from aipolicy.core.model import Action, Unseen
from aipolicy.core.status import STATUS_FILE, PolicyStatus, ServerStatus, Status
from aipolicy.daemon.courier import Courier
from aipolicy.daemon.guard.link import GuardLink
from aipolicy.daemon.health import Conditions
from aipolicy.daemon.judge import Judge
from aipolicy.daemon.native_controls import NativeControls
from aipolicy.daemon.policy_keeper import PolicyKeeper
from aipolicy.daemon.scanner import Scanner
from aipolicy.platforms.machine import Machine
from aipolicy.settings import Settings
from aipolicy.state.files import write_safely
from aipolicy.state.store import Store

logger = logging.getLogger(__name__)


class AgentStatus:
    """One per daemon; any thread may ask."""

    def __init__(
        self,
        *,
        state: Path,
        settings: Settings,
        machine: Machine,
        store: Store,
        conditions: Conditions,
        keeper: PolicyKeeper,
        judge: Callable[[], Judge],
        controls: NativeControls,
        guard: GuardLink | None,
        scanner: Scanner,
        courier: Courier | None,
        catalog: str,
        process_events: Callable[[], str],
        install_events: Callable[[], str],
        started: datetime,
    ) -> None:
        """catalog: its version; process_events, install_events: how those are learnt now, see `in_use`."""
        self._state = state
        self._settings = settings
        self._machine = machine
        self._store = store
        self._conditions = conditions
        self._keeper = keeper
        self._judge = judge
        self._controls = controls
        self._guard = guard
        self._scanner = scanner
        self._courier = courier
        self._catalog = catalog
        self._process_events = process_events
        self._install_events = install_events
        self._started = started

    def now(self, *, running: bool = True) -> Status:
        policy, problems = self._keeper.current, self._conditions.problems()
        most = self._judge().most_here()
        return Status(
            running=running,
            healthy=running and not problems,
            pid=os.getpid(),
            started=self._started,
            agent_version=__version__,
            scope="machine" if self._machine.is_admin() else "user",
            layers={
                "native controls": self._controls.layer,
                "guard": "off" if self._guard is None else self._guard.state,
                "ending": "in force" if most is Action.BLOCK else "off",
            },
            controls=self._controls.states,
            guard=None if self._guard is None else self._guard.status,
            process_events=self._process_events(),
            install_events=self._install_events(),
            settings=self._settings.files,
            policy=PolicyStatus(
                file=self._keeper.file if not self._keeper.number else self._settings.server or "",
                number=self._keeper.number,
                name=policy.name,
                version=policy.version,
                mode=most,
                since=self._keeper.since,
            ),
            catalog=self._catalog,
            server=ServerStatus(
                url=self._settings.server,
                device=self._store.identity().device,
                pending=self._store.pending(),
                last_ok=self._courier.last_ok if self._courier is not None else None,
            ),
            scan=self._scanner.status,
            soon_blocked=self._scanner.soon_blocked,
            problems=problems,
        )

    def keep(self, *, running: bool = True) -> None:
        """In the state folder, for who asks when no agent answers."""
        try:
            write_safely(self._state / STATUS_FILE, msgspec.json.encode(self.now(running=running)))
        except OSError as error:  # a full disk; the socket still answers
            logger.debug("status not written error=%s", error)


def in_use(way: str, why_not: Unseen | None) -> str:
    """The way that events come, and why the better one is not used."""
    return way if why_not is None else f"{way} ({why_not.reason})"
