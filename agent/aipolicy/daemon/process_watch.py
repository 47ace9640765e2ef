"""Every process that starts: looked at, named, judged, and acted on, in a thread of its own."""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from aipolicy.core.model import (
    Action,
    Confidence,
    Done,
    Finding,
    Outcome,
    Package,
    Process,
    Unseen,
    Verdict,
)
from aipolicy.daemon.enforcer import Enforcer
from aipolicy.daemon.guard.places import Place
from aipolicy.daemon.judge import Judge
from aipolicy.daemon.reporter import Reporter
from aipolicy.daemon.turns import Turns
from aipolicy.examine import Examiner
from aipolicy.observe.processes import with_facts
from aipolicy.platforms.events import ProcessSource
from aipolicy.platforms.interpreters import family_of
from aipolicy.platforms.machine import Machine

logger = logging.getLogger(__name__)

_IDLE_S = 1.0
_ENDING_S = 0.05
_TITLE_S = 2.0
"""After so long a program that hides its script behind a title of its own has set it."""
_MOST_LATER = 1_000
_LOOK_AGAIN_S = 600.0
"""Every running process is looked at again after so long, however seldom there is a scan: whoever may only be
asked to close a tool is asked once an hour."""
_SET_TITLES = frozenset({"node", "bun", "deno", "python", "ruby", "perl"})


class ProcessWatch:
    """Runs until closed. `sweep` looks at every process; `judge` is asked anew for each."""

    def __init__(
        self,
        *,
        machine: Machine,
        source: ProcessSource,
        examiner: Examiner,
        judge: Callable[[], Judge],
        enforcer: Enforcer,
        reporter: Reporter,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._machine = machine
        self._source = source
        self._examiner = examiner
        self._judge = judge
        self._enforcer = enforcer
        self._reporter = reporter
        self._now = now
        self._closed = False
        self._sweep = threading.Event()
        self.contained: Callable[[int], None] = lambda _pid: None
        """Told of each process that lives in a namespace of its own."""
        self.banned: Callable[[Sequence[Place]], None] = lambda _places: None
        """Told what a banned process was given to run: the guard is to refuse it from then on."""
        self.packages: tuple[Package, ...] = ()
        """What the last scan found installed: it can make surer what a process is."""
        self._stuck: dict[tuple[int, int], Outcome] = {}
        self._later: deque[tuple[float, int]] = deque(maxlen=_MOST_LATER)
        self._long = Turns()
        self._swept = now()
        self.beats = 0
        """Counts the turns of the loop: progress that a watchdog can see."""
        self._thread = threading.Thread(target=self._run, name="process-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closed = True
        self._source.close()
        self._thread.join(timeout=1.0)
        self._enforcer.close()

    def sweep(self) -> None:
        """Look at every running process, soon: after a new policy, a gap, or a scan."""
        self._sweep.set()

    def outcome(self, verdict: Verdict) -> Outcome | None:
        """How to report a running tool that a scan found; None where this thread is about to end it."""
        stuck = next(
            (o for o in list(self._stuck.values()) if _same(o.verdict.finding, verdict.finding)), None
        )
        if stuck is not None:
            return stuck
        if verdict.action is Action.BLOCK:
            return None
        return self._enforcer.as_before(verdict)

    def _run(self) -> None:
        while not self._closed:
            try:
                self._turn()
            except Exception:  # one odd process must not blind us for all others
                logger.exception("process watch stumbled")
                time.sleep(_ENDING_S)

    def _turn(self) -> None:
        self.beats += 1
        batch = self._source.wait(self._patience_s())
        if batch.lost:
            self._reporter.conditions.wrong(
                "process events",
                "overflow",
                "The kernel had to drop process events; every process is looked at again.",
                self._reporter.now(),
                batch.lost,
            )
            self._sweep.set()
        for pid in batch.pids:
            if not self._look(pid):
                self._later.append((self._now() + _TITLE_S, pid))
        while self._later and self._later[0][0] <= self._now():
            self._look(self._later.popleft()[1])
        self._look_at_one_that_takes_long()
        if self._sweep.is_set() or self._now() - self._swept >= _LOOK_AGAIN_S:
            self._sweep.clear()
            self._swept = self._now()
            self._sweep_all()
            self._reporter.conditions.well("process events", "seeing", "Every process was looked at again.")
        for ends in self._enforcer.poll(self._now()):
            if ends.worth:
                self._settle(ends.outcome, ends.pid)
            for survivor in ends.survivors:
                self._look(survivor.pid)

    def _look_at_one_that_takes_long(self) -> None:
        begun = self._now()
        if (turn := self._long.next(begun)) is not None:
            uid, pid = turn
            self._look(pid, at_once=True)
            self._long.took(uid, self._now() - begun, self._now())

    def _patience_s(self) -> float:
        if self._long.ready(self._now()):
            return 0.0
        return _ENDING_S if self._enforcer.busy else _IDLE_S

    def _sweep_all(self) -> None:
        running: set[tuple[int, int]] = set()
        for process in self._machine.processes():
            if isinstance(process, Unseen):
                continue
            running.add((process.pid, process.started))
            self._look(process.pid)
            if self._closed:
                return
        self._stuck = {key: outcome for key, outcome in self._stuck.items() if key in running}

    def _look(self, pid: int, *, at_once: bool = False) -> bool:
        """Act on what it is. False: an interpreter of which nothing is known yet, perhaps a little later.

        at_once: also where its program takes long to read; otherwise that waits for its turn.
        """
        if self._enforcer.is_ending(pid):
            return True
        process = self._machine.process(pid)
        if not isinstance(process, Process):
            return True
        if process.contained:
            self.contained(pid)
        if not at_once and self._takes_long(process):
            self._long.wait(process.owner.uid, pid)
            return True
        looked = with_facts(process, self._machine, self._examiner)
        seen = [one for one in looked if isinstance(one, Process)]
        verdicts = [(process, verdict) for process in seen for verdict in self._judged(process)]
        for process, verdict in verdicts:
            if verdict.action is Action.BLOCK and (place := self._machine.script_place(process)) is not None:
                self.banned([Place(place, process.owner.uid)])
            outcome = self._enforcer.act(process, verdict, self._matches(verdict), self._now())
            if outcome is None:
                continue
            if outcome.done in (Done.NOT_ENFORCEABLE, Done.FAILED):
                self._stuck[process.pid, process.started] = outcome
            self._reporter.running(outcome)
        return bool(verdicts) or not any(family_of(os.fsencode(p.exe)) in _SET_TITLES for p in seen)

    def _takes_long(self, process: Process) -> bool:
        reachable = bool(process.exe) and self._machine.program_out_of_reach(process) is None
        return reachable and self._examiner.takes_long(self._machine.program(process.pid))

    def _judged(self, process: Process) -> list[Verdict]:
        judge = self._judge()
        findings = judge.findings([process])
        if any(finding.confidence is not Confidence.CERTAIN for finding in findings):
            together = judge.findings([process, *self.packages])
            findings = tuple(finding for finding in together if finding.pid == process.pid)
        moment = self._reporter.now()
        return [judge.verdict_on_seen(finding, moment) for finding in findings]

    def _matches(self, verdict: Verdict) -> Callable[[Process], bool]:
        """Whether the process as it is now would still be blocked for the same tool."""

        def matches(process: Process) -> bool:
            seen = with_facts(process, self._machine, self._examiner)
            again = [v for o in seen if isinstance(o, Process) for v in self._judged(o)]
            return any(v.action is Action.BLOCK and v.finding.tool == verdict.finding.tool for v in again)

        return matches

    def _settle(self, outcome: Outcome, pid: int) -> None:
        if outcome.done is Done.ENDED:
            self._reporter.stopped(outcome, pid)
            return
        self._reporter.running(outcome)


def _same(one: Finding, other: Finding) -> bool:
    return (one.tool, one.owner.uid, one.pid) == (other.tool, other.owner.uid, other.pid)
