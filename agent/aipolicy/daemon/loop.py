"""The daemon itself: opens everything, holds it together until it is told to end, and closes it again."""

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType

from aipolicy import __version__
from aipolicy.central.check_in import Enforced
from aipolicy.central.policy_source import ACCEPTED, FilePolicy, LastGood, NotedVersion, PolicyText
from aipolicy.central.published_policy import UNTIL_PUBLISHED, OfServerElseFile, PublishedPolicy
from aipolicy.core.model import Action
from aipolicy.core.policy import Policy
from aipolicy.core.privacy import Usernames
from aipolicy.core.status import Mine
from aipolicy.core.tools import Catalog
from aipolicy.daemon.agent_status import AgentStatus, in_use
from aipolicy.daemon.bell import Bell
from aipolicy.daemon.catalog_keeper import catalog_at_start, own_sha256, prove_own
from aipolicy.daemon.ceilings import Ceilings, sources
from aipolicy.daemon.courier import Courier
from aipolicy.daemon.directory import Directory
from aipolicy.daemon.enforcer import Enforcer, installed_outcome
from aipolicy.daemon.guard.command import guard_command, guard_socket
from aipolicy.daemon.guard.link import GuardLink, last_in_force
from aipolicy.daemon.judge import Judge, Surroundings
from aipolicy.daemon.local_api import LocalApi, socket_path
from aipolicy.daemon.mine import mine
from aipolicy.daemon.moments import Moments
from aipolicy.daemon.native_controls import NativeControls, keeps_them
from aipolicy.daemon.orders import Orders
from aipolicy.daemon.policy_keeper import PolicyKeeper
from aipolicy.daemon.process_watch import ProcessWatch
from aipolicy.daemon.pulse import Pulse
from aipolicy.daemon.reach import in_words, newly_stopped
from aipolicy.daemon.reporter import Reporter
from aipolicy.daemon.safe_mode import CATALOG, POLICY, RUNNING, SCAN, Life
from aipolicy.daemon.scanner import Scanner
from aipolicy.daemon.teller import Teller
from aipolicy.daemon.windows import with_windows
from aipolicy.examine import examiner_for
from aipolicy.platforms import local_peer
from aipolicy.platforms.boot import boot_now
from aipolicy.platforms.linux_calls import ending
from aipolicy.platforms.machine import Machine
from aipolicy.platforms.policy_watch import FileWatch
from aipolicy.platforms.service import Service
from aipolicy.platforms.sources import install_source, process_source
from aipolicy.settings import SYSTEM_STATE, Settings
from aipolicy.state import tags
from aipolicy.state.brake import ServerBrake
from aipolicy.state.evidence import EvidenceCache
from aipolicy.state.folder import prepare_folder
from aipolicy.state.instance import InstanceLock
from aipolicy.state.sights import Sights
from aipolicy.state.starts import Moment, StartsFolder, With
from aipolicy.state.store import Store

logger = logging.getLogger(__name__)

_TICK_S = 1.0
_STATUS_EVERY_S = 30.0
_FORGET_EVERY_S = 3600.0
_DIRECTORY_WAIT_S = 2.0
_CLOSE_S = 1.5


class Daemon:
    """One agent. Construct it, `run` it; `stop` may be called from a signal handler."""

    def __init__(
        self,
        settings: Settings,
        policy_file: str,
        machine: Machine,
        environ: Mapping[str, str],
    ) -> None:
        """Raises StateError, NoGoodPolicy, ValueError (server address), each with words for the person."""
        self._settings = settings
        self._machine = machine
        started = self._now()
        self._bell = Bell()
        self._status_due = 0.0
        self._forget_due = 0.0
        self._first_scan_told = False
        self._service = Service(environ, os.getpid())
        folder = settings.state_dir(admin=machine.is_admin(), environ=environ)
        self._state = Path(os.path.abspath(folder))
        self._lock = _locked(self._state)
        for number in ending():  # before the marker: to be told to end is no crash
            signal.signal(number, self.stop)
        self._life = self._new_life(policy_file)
        self._store = Store.open(str(self._state), now=self._now)
        self._reporter = Reporter(self._store, machine, self._now, self._news)
        self._courier: Courier | None = None
        safe = self._life.safe
        self._life.phase(CATALOG)
        self._catalog = catalog = self._first_catalog()
        self._cache = EvidenceCache(self._state / "evidence.db")
        examiner = examiner_for(catalog, self._cache)
        self._life.phase(POLICY)
        brake, published = ServerBrake(self._state), PublishedPolicy(self._state)
        if settings.server is None:  # nobody is left who could lift it
            brake.order(None)
        obeyed = sources(self._state, brake, self._life)
        self._ceilings = Ceilings(obeyed, self._reporter.conditions, self._now)
        self._orders = Orders(
            published=published,
            brake=brake,
            takes_policy=settings.takes_policy,
            conditions=self._reporter.conditions,
            now=self._now,
            changed=self._bell.ring,
        )
        self._sights = Sights(self._state)
        tags.keep(self._state, settings.tags)
        self._directory = Directory(machine.groups_of, _DIRECTORY_WAIT_S)
        self._keeper = PolicyKeeper(
            path=policy_file,
            known=catalog.known,
            state_dir=self._state,
            conditions=self._reporter.conditions,
            now=self._now,
            too_much=self._too_much,
            ceilings=lambda: self._ceilings.current,
            source=OfServerElseFile(published, FilePolicy(policy_file)) if settings.takes_policy else None,
            otherwise=UNTIL_PUBLISHED if settings.takes_policy else None,
            file_counts=settings.policy is not None,
            trying=self._life.trying,
            aside=safe.tried.policy if safe is not None and safe.policy else None,
        )
        self._teller = Teller()
        self._enforcer = Enforcer(
            machine,
            self._teller,
            tool_packages=catalog.wanted.deb | catalog.wanted.rpm,
            with_windows=with_windows(catalog),
        )
        self._controls = NativeControls(
            machine=machine,
            state=self._state,
            judge=self._judge,
            conditions=self._reporter.conditions,
            now=self._now,
            keeping=keeps_them(settings, self._state, machine),
        )
        self._process_source, why_polling = process_source(machine, time.monotonic)
        self._installs, why_folders = install_source(machine, catalog.wanted.install_names, ())
        self._processes = ProcessWatch(
            machine=machine,
            source=self._process_source,
            examiner=examiner,
            judge=self._judge,
            enforcer=self._enforcer,
            reporter=self._reporter,
        )
        self._scanner = Scanner(
            machine=machine,
            examiner=examiner,
            installs=self._installs,
            judge=self._judge,
            processes=self._processes,
            reporter=self._reporter,
            every_s=settings.scan_every_s,
            scanned=self._scanned,
            installed=lambda verdict: installed_outcome(verdict, self._controls.on_extension),
        )
        self._guard = guard = self._guard_link()
        self._teller.guarded = lambda: guard is not None and guard.state == "in force"
        if self._guard is not None:
            self._processes.contained = self._guard.enter
            self._processes.banned = self._scanner.banned = self._guard.judge
        if settings.server is not None:
            self._courier = Courier(
                settings=settings,
                server=settings.server,
                store=self._store,
                host=lambda: machine.host(__version__),
                enforced=self._enforced,
                conditions=self._reporter.conditions,
                now=self._now,
                orders=self._orders,
                sights=self._sights,
                installation=machine.installation,
            )
        self._moments = Moments(lambda: self._keeper.written, self._sights)
        self._watch = FileWatch(policy_file, self._bell.ring)
        self._status = AgentStatus(
            state=self._state,
            settings=settings,
            machine=machine,
            store=self._store,
            conditions=self._reporter.conditions,
            keeper=self._keeper,
            judge=self._judge,
            controls=self._controls,
            guard=self._guard,
            scanner=self._scanner,
            courier=self._courier,
            catalog=catalog.version,
            process_events=lambda: in_use(self._process_source.way, why_polling),
            install_events=lambda: in_use(self._installs.way, why_folders),
            started=started,
        )
        self._api = self._open_api()
        self._use_policy()

    def _guard_started(self) -> None:
        """What started while it was away is looked at, and it is told what was found before."""
        self._processes.sweep()
        self._scanner.judge_again()

    def _new_life(self, policy_file: str) -> Life:
        """What this start is made with, before any of it is used."""
        file = FilePolicy(policy_file, wait=lambda _s: None)
        published = PublishedPolicy(self._state)
        source = OfServerElseFile(published, file) if self._settings.takes_policy else file
        read = source.read()
        policy = read if isinstance(read, PolicyText) else LastGood(self._state).load()
        sha256 = policy.sha256 if policy is not None else ""
        accepted = NotedVersion(self._state, ACCEPTED)
        return Life(
            StartsFolder(self._state),
            With(version=__version__, policy=sha256, tools=own_sha256(self._settings.tools)),
            lambda: Moment(boot=boot_now(), at=self._now()),
            lambda: (accepted.version(), accepted.stamp()),
            allowed=self._settings.safe_mode != "off",
        )

    def _first_catalog(self) -> Catalog:
        safe = self._life.safe
        aside = safe.tried.tools if safe is not None and safe.tools else None
        start = catalog_at_start(self._settings.tools, self._state, aside)
        conditions, version = self._reporter.conditions, f"version {start.catalog.version}"
        if start.fault:
            wrong = "rejected" if aside is None else "set aside"
            conditions.wrong("catalog", wrong, f"{start.fault}, {version}", self._now())
        else:
            conditions.well("catalog", "in force", version)
        return start.catalog

    def _too_much(self, policy: Policy) -> str | None:
        """What a new policy would stop here, where that is more than may be stopped without a question."""
        most = self._settings.stop_at_most
        # As they are written: under a brake every policy would newly stop all that it bans.
        before, after = self._judge(self._keeper.written), self._judge(policy)
        stopped = newly_stopped(self._scanner.findings, before, after, self._reporter.now())
        return in_words(stopped) if most and len(stopped) > most else None

    def _guard_link(self) -> GuardLink | None:
        if self._machine.os != "linux" or not self._machine.is_admin() or self._settings.guard == "off":
            return None
        return GuardLink(
            path=guard_socket(str(self._state)),
            command=guard_command(str(self._state), self._settings.tools),
            wanted=lambda: self._judge().most_here() is Action.BLOCK,
            started=self._guard_started,
            reporter=self._reporter,
            teller=self._teller,
            before=last_in_force(self._state),
        )

    def stop(self, *_signal: int | FrameType | None) -> None:
        """End soon; also a signal handler."""
        self._bell.end()

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Work until `stop`. `ready` is called once everything watches."""
        try:
            self._life.phase(SCAN)
            self._processes.start()
            self._scanner.start()
            if self._guard is not None:
                self._guard.start()
            if self._courier is not None:
                self._courier.start()
            self._service.ready(f"policy {self._keeper.current.version}, mode {self._judge().most_here()}")
            logger.info(
                "running pid=%d state=%s process_events=%s",
                os.getpid(),
                self._state,
                self._process_source.way,
            )
            ready()
            self._loop()
            self._life.ended()
        finally:
            self._close()

    def _loop(self) -> None:
        tick_s = min(_TICK_S, self._service.alive_every_s or _TICK_S)
        pulse = Pulse(self._service, lambda: self._processes.beats)
        noted = handed_back = 0
        while not self._bell.ended:
            changed = False
            if self._bell.rung(tick_s) or self._keeper.passing or self._keeper.released:
                changed, self._status_due = self._refreshed(), 0.0
            changed = self._live_on() or changed
            passed = self._moments.one_passed(self._now())
            earlier, handed_back = self._sights.handed_back != handed_back, self._sights.handed_back
            if self._ceilings.look() or changed or passed or earlier:
                self._obey()
            if noted != self._sights.changes:  # a state folder may be lost before the next check-in
                noted = self._sights.changes
                self._check_in_soon()
            self._sights.flush()
            pulse.tell()
            now = time.monotonic()
            if now >= self._forget_due:
                self._forget_due = now + _FORGET_EVERY_S
                self._forget_what_is_old()
            if now >= self._status_due:
                self._status_due = now + _STATUS_EVERY_S
                self._orders.look()
                self._say_whether_the_directory_answers()
                self._status.keep()

    def _forget_what_is_old(self) -> None:
        """What the policy lets nobody keep any longer, of what the server has."""
        days = self._keeper.current.privacy.retention_days
        if days is not None and (gone := self._store.forget_before(self._now() - timedelta(days=days))):
            logger.info("events older than the policy's retention removed here events=%d", gone)

    def _refreshed(self) -> bool:
        """Whether another policy is in force now. The server is told at once which of its own is, or not."""
        before = self._keeper.number, self._keeper.refused
        changed = self._keeper.refresh()
        if before != (self._keeper.number, self._keeper.refused):
            self._check_in_soon()
        return changed

    def _obey(self) -> None:
        """Another policy is in force, or the same one says something else now."""
        self._use_policy()
        self._forget_due = 0.0
        self._scanner.judge_again()
        self._check_in_soon()
        self._status_due = 0.0

    def _live_on(self) -> bool:
        """Safe mode may be over, and then another policy in force; a start that went well may be proven."""
        why = self._life.over(self._keeper.taken)
        if why is not None:
            self._life.leave(why)
            self._keeper.end_safe_mode()
            self._refreshed()
        looked = self._scanner.status is not None
        self._life.phase(RUNNING if looked else SCAN)
        quiet_s = self._life.quiet_s()
        if looked and quiet_s is not None and quiet_s >= self._settings.healthy_after_s:
            if self._life.safe is None:
                prove_own(self._settings.tools, self._state)
                self._life.well(self._keeper.prove())
            else:
                self._life.well("")
        return why is not None

    def _close(self) -> None:
        logger.info("ending pid=%d", os.getpid())
        self._service.stopping()
        parts = (self._api, self._watch, self._processes, self._scanner, self._courier, self._guard)
        # All at once: each waits for a thread of its own, and together they may take two seconds at most.
        closers = [threading.Thread(target=part.close, daemon=True) for part in parts if part is not None]
        for closer in closers:
            closer.start()
        end = time.monotonic() + _CLOSE_S
        for closer in closers:
            closer.join(max(0.0, end - time.monotonic()))
        self._status.keep(running=False)
        self._cache.close()
        self._store.close()
        if self._lock is not None:
            self._lock.release()
        for number in ending():  # Python puts the default back while it ends, and one more would kill it
            signal.signal(number, signal.SIG_IGN)

    # --- what the parts ask of each other ---------------------------------------------------------------

    def _now(self) -> datetime:
        return datetime.now(UTC)

    def _news(self) -> None:
        if self._courier is not None:
            self._courier.wake()

    def _check_in_soon(self) -> None:
        if self._courier is not None:
            self._courier.check_in_soon()

    def _judge(self, policy: Policy | None = None) -> Judge:
        """By the policy in force, or another one."""
        host = self._machine.host(__version__)
        return Judge(
            catalog=self._catalog,
            policy=policy or self._keeper.current,
            surroundings=Surroundings(
                device=self._store.identity().device,
                hostname=host.hostname,
                os=self._machine.os,
                tags=frozenset(self._settings.tags),
                groups=self._directory.groups,
                first_seen=self._sights.of,
                note=self._sights.note,
            ),
        )

    def _use_policy(self) -> None:
        self._store.hide_people(self._keeper.current.privacy.usernames is Usernames.HASH)
        self._teller.contact = self._keeper.current.contact
        self._teller.instead = self._keeper.current.instead
        self._controls.refresh()
        self._processes.sweep()
        if self._guard is not None:
            self._guard.renew()

    def _scanned(self) -> None:
        self._cache.flush()
        self._controls.seen(self._scanner.findings)
        self._controls.refresh()
        self._status_due = 0.0
        if not self._first_scan_told:
            self._check_in_soon()
        self._first_scan_told = True

    def _enforced(self) -> Enforced:
        policy, refused = self._keeper.current, self._orders.refused or self._keeper.refused
        return Enforced(
            policy=policy.version,
            mode=self._judge().most_here(),
            catalog=self._catalog.version,
            process_events=self._process_source.way,
            published=self._keeper.number,
            refused=refused.number if refused else 0,
            refused_why=refused.why if refused else "",
            ceiling="; ".join(f"{one.part}: {one.reason}" for one in self._ceilings.current),
            tags=self._settings.tags,
            scanned=self._scanner.status is not None,
        )

    # --- what people are told ---------------------------------------------------------------------------

    def _open_api(self) -> LocalApi | None:
        if not local_peer.supported():
            return None
        path = socket_path(str(self._state), admin=self._machine.is_admin(), system_state=SYSTEM_STATE)
        try:
            api = LocalApi(path, {"status": lambda _uid: self._status.now(), "mine": self._mine})
        except OSError as error:
            detail = f"{path}: {error.strerror or error}; `aipolicy status` and `mine` cannot ask this agent"
            self._reporter.conditions.wrong("local socket", "closed", detail, self._now())
            return None
        self._reporter.conditions.well("local socket", "open")
        return api

    def _say_whether_the_directory_answers(self) -> None:
        conditions, user = self._reporter.conditions, self._directory.unanswered
        if user and self._keeper.written.asks_for_groups:
            detail = "The groups of somebody could not be learnt: nothing is blocked that depends on them."
            conditions.wrong("directory", "away", detail, self._now())
        else:
            conditions.well("directory", "answers")

    def _mine(self, uid: int) -> Mine:
        return mine(self._store, self._sights, self._machine.owner(uid))


def _locked(state: Path) -> InstanceLock | None:
    """The state folder, made where it is missing, for this agent alone: before anything in it is touched."""
    with contextlib.suppress(OSError):  # a full or read-only disk: work without a lock, as without a disk
        prepare_folder(str(state))
    return InstanceLock.take(state, os.getpid())
