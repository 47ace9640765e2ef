"""The daemon's side of the guard: starts it where nobody did, says how it is, and reports what it refused."""

import contextlib
import logging
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from aipolicy.core.model import Done, Health, Outcome, Record, Verdict
from aipolicy.core.plural import plural
from aipolicy.core.status import STATUS_FILE, GuardStatus, Problem
from aipolicy.daemon.guard.places import Place
from aipolicy.daemon.repeats import QUIET_S, Repeats
from aipolicy.daemon.reporter import Reporter
from aipolicy.daemon.teller import Teller, in_words
from aipolicy.enforce.guard import messages
from aipolicy.platforms.linux_calls import TERM, seconds_since_boot
from aipolicy.platforms.linux_marks import marks_of
from aipolicy.platforms.linux_terminal import terminal_of

logger = logging.getLogger(__name__)

_LOOK_S: Final = 0.5
_SILENT_S: Final = 3.0
_AGAIN_S: Final = (1.0, 2.0, 5.0, 15.0, 60.0)
_END_S: Final = 3.0
_HEALTHY_S: Final = 60.0
"""In force for so long, it counts as well again; before that, each new start waits longer."""
_MOMENT: Final = "%Y-%m-%d %H:%M:%S UTC"
_ENTER_AGAIN_S: Final = 2.0
"""Something may have been mounted in a namespace since the guard was told of it."""


class _Left(Record, frozen=True):
    """What is read of the status that an agent leaves: the rest may be another version's."""

    layers: dict[str, str]
    problems: tuple[Problem, ...] = ()


def last_in_force(state: Path) -> datetime | None:
    """When the agent before us last saw the guard in force; None where nothing is known of that.

    By the status that it wrote each half minute, so at most that much before the guard's end; where it said
    that the guard was away, since when it was.
    """
    path = state / STATUS_FILE
    try:
        left = msgspec.json.decode(path.read_bytes(), type=_Left)
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except (OSError, ValueError, OverflowError):  # of msgspec's errors all are ValueErrors
        return None
    if left.layers.get("guard") in ("in force", "partly"):
        return written
    return next((problem.since for problem in left.problems if problem.part == "guard"), None)


class GuardLink:
    """A thread of its own. wanted: whether anything is to be refused. started: called after each gap.

    path: the guard's socket. command: starts a guard. before: see last_in_force. now: monotonic seconds.
    """

    def __init__(
        self,
        *,
        path: str,
        command: Sequence[str],
        wanted: Callable[[], bool],
        started: Callable[[], None],
        reporter: Reporter,
        teller: Teller,
        before: datetime | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._command = list(command)
        self._wanted = wanted
        self._after_gap = started
        self._reporter = reporter
        self._teller = teller
        self._before = before
        self._back: datetime | None = None
        """Since when it is in force again, where that was before we saw it."""
        self._now = now
        self._closed = threading.Event()
        self._channel: socket.socket | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._tries = 0
        self._due = 0.0
        self._renewed = False
        self._heard = 0.0
        self._in_vain = False
        """Nothing was there when we last waited for a message: else it may be we who were held up, by a
        directory that does not say who a person is, or as our machine or group was frozen.
        """
        self._since: float | None = None
        """In force without a break since then."""
        self._life: tuple[int, int] = (0, 0)
        self._entered: dict[int, float] = {}
        self._ours: int | None = None
        """The guard that an agent started, this one or one before; nobody else ends it."""
        self._asked = False
        """Whether a guard of an agent before us was looked for, where nothing is to be refused."""
        self._repeats = Repeats(free=1)
        self._missed = self._counted = 0
        """Refusals that nobody told one by one: since the last event of them, and since our start."""
        self._missed_due = float("-inf")
        self.state = "off"
        """As `status` says it: in force, partly, away or off."""
        self.status: GuardStatus | None = None
        self._thread = threading.Thread(target=self._run, name="guard-link", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Ends the guard as well, if it is ours."""
        self._closed.set()
        self._thread.join(timeout=_END_S)
        self._disconnect()
        self._end_child()
        self._missed_due = float("-inf")
        self._tell_missed()

    def enter(self, pid: int) -> None:
        """A process runs in a mount namespace of its own: the guard is to see what is mounted there."""
        try:
            namespace = os.stat(f"/proc/{pid}/ns/mnt").st_ino
        except OSError:  # it has ended
            return
        now = self._now()
        if now - self._entered.get(namespace, float("-inf")) < _ENTER_AGAIN_S:
            return
        self._entered = {known: at for known, at in self._entered.items() if now - at < _ENTER_AGAIN_S}
        self._entered[namespace] = now
        if (channel := self._channel) is not None:
            messages.send(channel, {"enter": pid})

    def judge(self, places: Sequence[Place]) -> None:
        """Files of banned tools that were found, each with its owner: refused from now on, also to
        interpreters.
        """
        if (channel := self._channel) is not None:
            for at in range(0, len(places), 16):
                messages.send(channel, {"judge": places[at : at + 16]})

    def renew(self) -> None:
        """Another policy is in force: a guard that stays away gets another chance at once."""
        self._renewed = True

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                self._hear()
                self._turn()
            except Exception:
                logger.exception("the link to the guard stumbled")
            if self._channel is None:
                self._closed.wait(_LOOK_S)

    def _turn(self) -> None:
        if not self._wanted():
            if not self._still_there():
                self._leave()
            return
        if self._renewed:
            self._renewed, self._tries, self._due = False, 0, 0.0
            if self.state == "away" and self._channel is not None:
                self._disconnect()
                self._end_child()
        if self._channel is None:
            self._connect()
        if self._channel is None:
            self._away("it does not run")
            self._start_one()
        elif self._in_vain and self._now() - self._heard > _SILENT_S:
            self._away("it does not answer")
            self._disconnect()

    # --- its life ----------------------------------------------------------------------------------------

    def _connect(self) -> None:
        self._channel, self._heard = messages.connected(self._path, _LOOK_S), self._now()

    def _start_one(self) -> None:
        if self._child is not None and self._child.poll() is None:
            return  # it is about to answer
        if self._now() < self._due:
            return
        self._due = self._now() + _AGAIN_S[min(self._tries, len(_AGAIN_S) - 1)]
        self._tries += 1
        # Of a session of its own: Ctrl-Z at a terminal must not stop what everybody's programs wait for.
        self._child = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, start_new_session=True)
        logger.info("guard started pid=%d", self._child.pid)

    def _still_there(self) -> bool:
        """Whether a guard of an agent before us is to be waited for, which only its report can tell us of."""
        if self._life != (0, 0) or self._asked:
            return False
        if self._channel is None:
            self._connect()
        if self._channel is not None and self._now() - self._heard <= _SILENT_S:
            return True
        self._asked = True
        return False

    def _leave(self) -> None:
        self._disconnect()
        self._end_child()
        self.state = "off"
        self._tries, self._due, self._before = 0, 0.0, None
        self._reporter.conditions.well("guard", "off", "Nothing is to be refused.")

    def _end_child(self) -> None:
        if self._child is None:
            if self._ours is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._ours, TERM)
                self._ours = None
            return
        self._child.terminate()
        try:
            self._child.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child = None

    def _disconnect(self) -> None:
        self.status = None
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _away(self, why: str) -> None:
        self.state, self._since = "away", None
        since = now = self._reporter.now()
        if self._before is not None:  # while there was no agent, it ended unseen
            since = min(self._before, now)
            why = f"{why}, and was last seen in force at {since:{_MOMENT}}"
        detail = f"{why}: banned tools are ended after they have started, not refused before"
        self._reporter.conditions.wrong("guard", "away", detail, since)

    # --- what it says ------------------------------------------------------------------------------------

    def _hear(self) -> None:
        """Waits a while for one message."""
        received = None if self._channel is None else messages.receive(self._channel)
        self._in_vain = received is None
        if received is None:
            return
        messages.close_all(received.files)
        if received.message is None:
            self._disconnect()
            return
        self._heard = self._now()
        try:
            if "refused" in received.message:
                self._refused(received.message["refused"])
            elif received.message.get("report"):
                self._reported(received.message["report"])
        except Exception:
            logger.exception("the guard said what is not understood")

    def _reported(self, report: messages.Message) -> None:
        life = (int(report["deadman"]), int(report["starts"]))
        self._ours = int(report["deadman"]) if report["of_agent"] else None
        self._tell_missed()
        self.status = GuardStatus(
            gate_restarts=max(0, int(report["starts"]) - 1),
            classifier_restarts=max(0, int(report.get("classifier_starts", 1)) - 1),
            counted=self._counted,
        )
        if not self._wanted():  # it is about to be left alone, or ended
            self._life = life
            return
        if report["gate"]:
            self._find_gap(report)
        if not report["gate"]:
            self._away(str(report["reason"]))
        elif marks_of(int(report["gate"])).filesystems == 0:
            self._away("the kernel holds no mark of it")
        elif not report["numbers"]["ready"] or report["numbers"]["unmarked"]:
            self.state = "partly"  # only what was refused before is, or not on every filesystem
        elif given_up := int(report["numbers"]["given_up"]):
            self.state = "partly"
            detail = f"{given_up} files start unjudged: judging them ended the classifier twice"
            self._reporter.conditions.wrong("guard", "partly", detail, self._reporter.now())
        else:
            if self._since is None:
                self._since = self._now()
            elif self._now() - self._since > _HEALTHY_S:
                self._tries = 0
            self.state = "in force"
            self._reporter.conditions.well("guard", "in force", self._was(str(report["reason"])))
            self._before = None
        if life != self._life:
            self._life = life
            self._after_gap()

    def _find_gap(self, report: messages.Message) -> None:
        """This guard may have taken the place of one that the agent before us saw: as in an upgrade."""
        age_s = report.get("gate_age_s")  # a guard of an older version does not say
        if self._before is None or self.state == "away" or age_s is None:
            return
        now = self._reporter.now()
        began, booted = now - timedelta(seconds=float(age_s)), now - timedelta(seconds=seconds_since_boot())
        if began > self._before >= booted:  # at boot it comes before whatever it is to refuse
            self._away("another one took its place")
            self._back = began

    def _was(self, why: str) -> str:
        """What was wrong until now, from when to when; nothing where all was well."""
        conditions, now = self._reporter.conditions, self._back or self._reporter.now()
        self._back = None
        before = next((problem for problem in conditions.problems() if problem.part == "guard"), None)
        if before is None:
            return why
        earliest = " at the earliest" if self._before is not None else ""
        said = f"{before.condition} from {before.since:{_MOMENT}}{earliest} to {now:{_MOMENT}}"
        return f"{said}: {why}" if why else said

    def _refused(self, said: messages.Message) -> None:
        if "verdict" in said:
            self._refusal(said)
        missed = int(said.get("missed", 0))
        self._missed, self._counted = self._missed + missed, self._counted + missed
        if self._channel is not None:
            messages.send(self._channel, {"taken": said["number"]})

    def _tell_missed(self) -> None:
        """Each that is only counted is told, in one event an hour however many they are."""
        if not self._missed or self._now() < self._missed_due:
            return
        self._missed_due = self._now() + QUIET_S
        detail = "Banned tools were refused faster than each refusal could be told, or the guard ended "
        detail += "meanwhile: so many are only counted."
        count, self._missed = self._missed, 0
        self._reporter.health(Health(part="refusals", condition="counted", detail=detail, count=count))

    def _refusal(self, said: messages.Message) -> None:
        verdict = msgspec.json.decode(said["verdict"], type=Verdict)
        uid, pid = int(said["uid"]), int(said["pid"])
        finding = msgspec.structs.replace(verdict.finding, pid=pid)
        verdict = msgspec.structs.replace(verdict, finding=finding)
        terminal = terminal_of(int(said["terminal"]), uid, int(said.get("session", 0)))
        told = self._teller.tell(verdict, terminal, Done.DENIED, self._now())
        worth = self._repeats.one_more((finding.tool, uid, finding.path), self._now())
        if worth is not None:
            times = plural(worth.before, "time")
            more = f"; refused {times} more since the last report" if worth.before else ""
            outcome = Outcome(verdict=verdict, done=Done.DENIED, detail=in_words(told) + more)
            self._reporter.stopped(outcome, pid)
