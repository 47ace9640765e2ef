"""The parent of gate and classifier: ends a gate that is stuck, and starts what has ended anew.

A stuck gate holds up every program on the machine, so nothing here needs to execute one: the gate is a fork,
and its end lets everybody go on. Only the classifier is executed, by a child that may wait.
"""

import os
import select
import signal
import time
import traceback
from collections.abc import Callable, Collection, Sequence
from typing import Final

from aipolicy.enforce.guard import messages, table
from aipolicy.enforce.guard.filesystems import Filesystems
from aipolicy.enforce.guard.gate import Gate
from aipolicy.enforce.guard.questions import CAP_S, MOST_WAITING
from aipolicy.enforce.guard.shared import Shared
from aipolicy.platforms.linux_calls import ENDING, KILL, STOPPING, TERM, pidfd_open, seconds_since_boot
from aipolicy.platforms.linux_mounts import MountTable
from aipolicy.platforms.linux_permission import PermissionGroup
from aipolicy.platforms.linux_self import (
    allow_many_files,
    die_with_parent,
    fork,
    outlive_others,
    stay_in_memory,
)
from aipolicy.platforms.service import Service
from aipolicy.state.safe_mode_file import in_safe_mode

STUCK_S: Final = 1.5
"""Without progress for so long, the gate is ended."""
_LOOK_S: Final = 0.25
_HEALTHY_S: Final = 600.0
MOST_ENDS: Final = 3
"""Ends of the gate within _HEALTHY_S; then it stays away, and programs start as if it had never been."""
_CLASSIFIER_AGAIN_S: Final = 2.0
_KEPT_WAITING_S: Final = 5.0
"""systemd waits no longer than this for a gate that does not come: people must be able to log in."""

CLASSIFIER_FDS: Final = (3, 4, 5)
"""Where the classifier finds its channels: quick and slow to the gate, and one to us."""


class Deadman:
    """Runs until it is told to end. It says nothing by itself, since a log may make its writer wait.

    state: the folder with the table, and where safe mode is noted. classifier: the command that starts the
    classifier. only: see Filesystems. of_agent: started by the agent, which ends it as well. cap_s: how long
    a program waits for its verdict. service: who is told that programs are refused from now on, and then that
    we are alive.
    """

    def __init__(
        self,
        state: str,
        classifier: Sequence[str],
        only: Collection[str] | None = None,
        *,
        of_agent: bool = False,
        cap_s: float = CAP_S,
        service: Service | None = None,
    ) -> None:
        self._cap_s = cap_s
        self._service, self._began = service, time.monotonic()
        self._told, self._said_alive = False, float("-inf")
        self._most_files = 0
        self._of_agent = of_agent
        self._state = state
        self._command = list(classifier)
        self._only = only
        self._shared = Shared()
        self._quick, self._slow, self._reports = messages.pair(), messages.pair(), messages.pair()
        self._control = messages.pair()
        self._gate = self._gate_fd = 0
        self._classifier = self._classifier_fd = 0
        self._classifier_due = 0.0
        self._ends: list[float] = []
        self._beats, self._moved, self._looked = -1, time.monotonic(), time.monotonic()
        self._ending = False
        self._held_back = True
        """No gate: before the first look, and while the agent is in safe mode."""
        self._away_since: float | None = time.time()
        self._starts = self._classifier_starts = 0
        self._gate_began = 0.0
        self._reason = ""

    def run(self) -> int:
        """The exit code: 0 after an orderly end."""
        for number in ENDING:
            signal.signal(number, self._end)
        for number in STOPPING:  # Ctrl-Z would stop gate and deadman together; the children inherit this
            signal.signal(number, signal.SIG_IGN)
        self._most_files = allow_many_files()
        outlive_others()
        self._start_classifier()
        try:
            while not self._ending:
                self._turn()
        finally:
            for pid in (self._gate, self._classifier):
                if pid:
                    os.kill(pid, TERM if pid == self._classifier else KILL)
        return 0

    def _end(self, *_signal: object) -> None:
        self._ending = True

    def _turn(self) -> None:
        self._obey_safe_mode()
        waiting = [fd for fd in (self._gate_fd, self._classifier_fd) if fd]
        ended = select.select(waiting, [], [], _LOOK_S)[0]
        now = time.monotonic()
        if self._classifier_fd in ended:
            self._classifier, self._classifier_fd = _reaped(self._classifier, self._classifier_fd)
            self._classifier_due = now + _CLASSIFIER_AGAIN_S
        if self._gate_fd in ended:
            self._gate_ended(now)
        elif self._gate:
            self._watch(now)
        if self._classifier and self._shared.get("stuck") == self._classifier:
            os.kill(self._classifier, KILL)
            self._shared.set("stuck", 0)
        if not self._classifier and now >= self._classifier_due:
            self._start_classifier()
        self._tell_service(now)
        self._report()

    def _tell_service(self, now: float) -> None:
        """Ready once, also where nothing will be refused for now: in safe mode, or where the gate does not
        hold. Then that we are alive: stopped together with our gate, we would leave everybody waiting.
        """
        if self._service is None:
            return
        settled = self._shared.get("ready") or self._held_back or self._ends
        if not self._told and (settled or now - self._began > _KEPT_WAITING_S):
            self._service.ready()
            self._told = True
        if (every := self._service.alive_every_s) is not None and now - self._said_alive >= every / 2:
            self._service.alive()
            self._said_alive = now

    def _obey_safe_mode(self) -> None:
        """While it lasts, the kernel asks nobody; then the gate has a new life, as after our own start."""
        before, self._held_back = self._held_back, in_safe_mode(self._state)
        if not self._held_back:
            if before:
                self._ends, self._reason = [], ""
                self._start_gate()
            return
        self._reason = "the agent is in safe mode"
        if self._gate:
            os.kill(self._gate, KILL)
            self._gate, self._gate_fd = _reaped(self._gate, self._gate_fd)
            self._shared.set("ready", 0)
            self._away_since = time.time()

    def _watch(self, now: float) -> None:
        beats = self._shared.get("beats")
        # We may have been asleep ourselves, with the whole machine: then nothing can be said.
        slept = now - self._looked > STUCK_S / 2
        self._looked = now
        if beats != self._beats or slept:
            self._beats, self._moved = beats, now
        elif now - self._moved > STUCK_S:
            self._reason = "it made no progress and was ended"
            os.kill(self._gate, KILL)
            select.select([self._gate_fd], [], [], STUCK_S)
            self._gate_ended(now)

    def _gate_ended(self, now: float) -> None:
        self._gate, self._gate_fd = _reaped(self._gate, self._gate_fd)
        self._shared.set("ready", 0)
        self._shared.set("marked", 0)
        self._away_since = self._away_since or time.time()
        self._reason = self._reason or "it ended"
        self._ends = [end for end in self._ends if now - end < _HEALTHY_S] + [now]
        if len(self._ends) > MOST_ENDS:
            self._reason = f"it ended {len(self._ends)} times within ten minutes and stays away"
            return
        self._start_gate()

    # --- starting ----------------------------------------------------------------------------------------

    def _start_gate(self) -> None:
        self._control[0].close()
        self._control[1].close()
        self._control = messages.pair()
        self._beats, self._moved = self._shared.get("beats"), time.monotonic()
        self._looked = self._moved
        self._gate, self._gate_fd = _forked(self._be_gate)
        self._away_since = None
        self._gate_began = seconds_since_boot()
        self._starts += 1

    def _be_gate(self) -> None:
        stay_in_memory()
        mounts = MountTable()
        refusals = table.load(os.path.join(self._state, table.TABLE), time.time())
        refused = []
        for refusal in table.on_this_start(refusals, mounts):  # which a cold disk may make take long
            self._shared.add("beats")
            refused.append(refusal.known())
        group = PermissionGroup()
        Gate(
            group=group,
            opens=PermissionGroup(),
            filesystems=Filesystems(group, self._only),
            shared=self._shared,
            control=self._control[1],
            quick=self._quick[0],
            slow=self._slow[0],
            refused=refused,
            cap_s=self._cap_s,
            most_waiting=min(MOST_WAITING, self._most_files // 4),
            most_read=self._most_files // 2,
            classifier=self._classifier,
        ).run()

    def _start_classifier(self) -> None:
        for one in (self._quick, self._slow, self._reports):
            for end in one:
                end.close()
        self._quick, self._slow, self._reports = messages.pair(), messages.pair(), messages.pair()
        theirs = [end[1].fileno() for end in (self._quick, self._slow, self._reports)]
        self._classifier, self._classifier_fd = _forked(lambda: _execute(self._command, theirs))
        for one in (self._quick, self._slow, self._reports):
            one[1].close()  # else the gate would not see that the classifier has ended
        self._classifier_starts += 1
        if self._gate:
            ours = [self._quick[0].fileno(), self._slow[0].fileno()]
            messages.send(self._control[0], {"classifier": self._classifier}, ours)

    # --- telling -----------------------------------------------------------------------------------------

    def _report(self) -> None:
        numbers = self._shared.all()
        messages.send(
            self._reports[0],
            {
                "at": time.monotonic(),
                "deadman": os.getpid(),
                "of_agent": self._of_agent,
                "gate": self._gate,
                "gate_age_s": seconds_since_boot() - self._gate_began,
                "starts": self._starts,
                "classifier_starts": self._classifier_starts,
                "away_since": self._away_since,
                "reason": self._reason,
                "numbers": numbers,
            },
        )


def _forked(work: Callable[[], None]) -> tuple[int, int]:
    """A child that does `work` and ends when we do; its pid, and a descriptor that becomes readable at its
    end.
    """
    parent = os.getpid()
    pid = fork()
    if pid:
        return pid, pidfd_open(pid)
    code = 70
    try:
        for number in ENDING:
            signal.signal(number, signal.SIG_DFL)
        if die_with_parent(parent):
            work()
            code = 0
    except BaseException:
        traceback.print_exc()  # should standard error make us wait, we are ended as any stuck gate
    finally:
        os._exit(code)


def _execute(command: list[str], channels: list[int]) -> None:
    kept = [os.dup(fd) for fd in channels]  # the places may be among them
    for place, fd in zip(CLASSIFIER_FDS, kept, strict=True):
        os.dup2(fd, place, inheritable=True)
    os.execv(command[0], command)  # noqa: S606  ourselves, without a shell on purpose


def _reaped(pid: int, pidfd: int) -> tuple[int, int]:
    os.waitpid(pid, 0)
    os.close(pidfd)
    return 0, 0


def main(arguments: Sequence[str]) -> int:
    """State folder, `--of-agent`, `--cap-s=1.0`, mount points to stay within, `--`, the classifier's
    command.
    """
    at = list(arguments).index("--")
    state, *rest = arguments[:at]
    cap_s = next((float(word[8:]) for word in rest if word.startswith("--cap-s=")), CAP_S)
    only = [word for word in rest if not word.startswith("--")]
    of_agent = "--of-agent" in rest
    service = (
        None if of_agent else Service(os.environ, os.getpid())
    )  # the agent tells systemd of itself alone
    command = arguments[at + 1 :]
    return Deadman(state, command, only or None, of_agent=of_agent, cap_s=cap_s, service=service).run()
