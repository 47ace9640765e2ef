"""Full scans: at the start, when something was installed, and now and then, in a thread of their own."""

import logging
import threading
import time
from collections.abc import Callable

from aipolicy.core.model import Done, Finding, Outcome, State, Verdict
from aipolicy.core.status import ScanStatus, SoonBlocked
from aipolicy.daemon.enforcer import installed_outcome
from aipolicy.daemon.guard.places import Place, found
from aipolicy.daemon.judge import Judge
from aipolicy.daemon.pace import Pace
from aipolicy.daemon.process_watch import ProcessWatch
from aipolicy.daemon.reporter import Reporter
from aipolicy.daemon.survey import Survey, survey
from aipolicy.examine import Examiner
from aipolicy.observe import Disguises
from aipolicy.platforms.events import InstallSource
from aipolicy.platforms.machine import Machine

logger = logging.getLogger(__name__)

_QUIET_S = 1.0
"""How long nothing may have been installed before a scan: an install is thousands of files."""
_LATEST_S = 3.0
"""A scan comes at the latest this long after the first hint, however busy it stays."""

_RETRY_S = 30.0
"""When to look again after a scan that failed."""


class _Closing(BaseException):
    """Ends a scan at once; no Exception, so that no observer takes it for a fault of its own."""


class Scanner:
    """Runs until closed. `soon` asks for a scan."""

    def __init__(
        self,
        *,
        machine: Machine,
        examiner: Examiner,
        installs: InstallSource,
        judge: Callable[[], Judge],
        processes: ProcessWatch,
        reporter: Reporter,
        every_s: float,
        scanned: Callable[[], None],
        installed: Callable[[Verdict], Outcome] = installed_outcome,
    ) -> None:
        self._machine = machine
        self._examiner = examiner
        self._installs = installs
        self._judge = judge
        self._processes = processes
        self._reporter = reporter
        self._every_s = every_s
        self._scanned = scanned
        self._installed = installed
        self._closed = threading.Event()
        self._due = threading.Event()
        self._due.set()
        self._last: Survey | None = None
        self._disguises = Disguises()
        self._folders: frozenset[str] = frozenset()
        self.banned: Callable[[tuple[Place, ...]], None] = lambda _places: None
        """Told after each scan where the programs of banned tools lie."""
        self.status: ScanStatus | None = None
        self.soon_blocked: SoonBlocked | None = None
        self._thread = threading.Thread(target=self._run, name="scanner", daemon=True)
        self._listener = threading.Thread(target=self._listen, name="install-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._listener.start()

    def soon(self) -> None:
        """Scan as soon as the one underway is over."""
        self._due.set()

    def judge_again(self) -> None:
        """Another policy: what is known is judged anew at once, without a look at the disk."""
        if self._last is not None:
            self._report(self._last)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the last scan found."""
        return self._last.findings if self._last is not None else ()

    def close(self) -> None:
        self._closed.set()
        self._due.set()
        self._installs.close()
        self._thread.join(timeout=1.0)

    def _run(self) -> None:
        wait_s = self._every_s
        while not self._closed.is_set():
            self._due.wait(wait_s)
            self._due.clear()
            wait_s = self._every_s
            if self._closed.is_set():
                return
            try:
                self._scan()
            except _Closing:
                return
            except Exception:  # the next scan may go better; the daemon stays
                logger.exception("scan failed")
                wait_s = min(_RETRY_S, self._every_s)
                self._say_that_it_failed()

    def _say_that_it_failed(self) -> None:
        try:
            self._reporter.conditions.wrong(
                "scan", "failed", "A scan failed; the log says why.", self._reporter.now()
            )
        except Exception:  # what broke the scan may break this, too, and the next scan must come all the same
            logger.exception("the failed scan could not be reported")

    def _scan(self) -> None:
        started = time.monotonic()
        at = self._reporter.now()
        pace = Pace(time.thread_time, self._closed.wait)
        seen = survey(
            self._machine, self._judge(), self._examiner, lambda *_: self._progress(pace), self._disguises
        )
        self._last = seen
        self._processes.packages = seen.packages
        outcomes = self._report(seen)
        counts: dict[str, int] = {}
        for outcome in outcomes:
            counts[outcome.verdict.ruling] = counts.get(outcome.verdict.ruling, 0) + 1
        self.status = ScanStatus(
            at=at,
            took_s=round(time.monotonic() - started, 2),
            complete=seen.complete,
            unseen=len(seen.unseen),
            findings=counts,
        )
        self._watch_anew(seen.roots)
        self._reporter.conditions.well("scan", "done")
        self._scanned()
        logger.info(
            "scanned took_s=%s findings=%d unseen=%d", self.status.took_s, len(outcomes), len(seen.unseen)
        )

    def _watch_anew(self, folders: tuple[str, ...]) -> None:
        """Watch the folders that are there now. What came into a new one before is seen by one more scan."""
        self._installs.watch(folders)
        if not self._folders.issuperset(folders):
            self.soon()
        self._folders = frozenset(folders)

    def _report(self, seen: Survey) -> list[Outcome]:
        judge, now = self._judge(), self._reporter.now()
        outcomes: list[Outcome] = []
        pending: list[Outcome] = []
        for finding in seen.findings:
            verdict = judge.verdict_on_seen(finding, now)
            if finding.state is State.INSTALLED:
                outcomes.append(self._installed(verdict))
            elif (outcome := self._processes.outcome(verdict)) is not None:
                outcomes.append(outcome)
            else:
                pending.append(Outcome(verdict=verdict, done=Done.REPORTED))
        moments = [o.verdict.blocks_from for o in outcomes if o.verdict.blocks_from is not None]
        self.soon_blocked = SoonBlocked(findings=len(moments), first=min(moments)) if moments else None
        self.banned(tuple(found(outcomes, self._examiner, self._machine.out_of_reach)))
        self._reporter.survey(outcomes, pending, seen.unseen)
        self._processes.sweep()
        return [*outcomes, *pending]

    def _progress(self, pace: Pace) -> None:
        pace.step()
        if self._closed.is_set():
            raise _Closing

    def _listen(self) -> None:
        first = 0.0
        while not self._closed.is_set():
            try:
                hints = self._installs.wait(_QUIET_S if first else self._every_s)
            except Exception:  # scans go on at their interval
                logger.exception("install watch stumbled")
                self._reporter.conditions.wrong(
                    "install events",
                    "failed",
                    "New installs are seen by the regular scan only.",
                    self._reporter.now(),
                )
                return
            now = time.monotonic()
            if hints.lost:
                self.soon()
            if hints.changed and not first:
                first = now
            if first and (not hints.changed or now - first >= _LATEST_S):
                first = 0.0
                self.soon()
