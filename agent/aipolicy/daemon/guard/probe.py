"""Proves on this machine that a banned program is refused, ended, and freed again: with one of our own.

A copy of `sleep` gets two random marks, a tool file of its own names them, and a guard on a filesystem that
nobody else sees bans it. Nothing else here is touched, and the agent's own guard is not part of it.
"""

import contextlib
import hashlib
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from aipolicy.central.policy_source import LastGood, PolicyText
from aipolicy.core import policy as policies
from aipolicy.core.model import Action, Process, Record
from aipolicy.daemon.catalog_keeper import catalog_at_start
from aipolicy.daemon.guard.command import deadman_command, guard_socket
from aipolicy.daemon.judge import Judge, Surroundings
from aipolicy.enforce.guard import messages
from aipolicy.enforce.terminate import Ended, Ending, Running
from aipolicy.examine import examiner_for
from aipolicy.observe.processes import with_facts
from aipolicy.platforms.linux_self import folder_of_ones_own, leave_folder
from aipolicy.platforms.machine import Machine

_PATIENCE_S: Final = 20.0
_PADDING: Final = 1_200_000
"""A smaller program is no tool by its contents; see core/content.py."""
_ID: Final = "aipolicy-probe"


class Proof(Record, frozen=True, kw_only=True):
    """What was tried. layer: guard or ending. good: whether it did as it should. says: one sentence."""

    layer: str
    good: bool
    says: str


def prove(machine: Machine) -> Iterator[Proof]:
    """Both layers that need no vendor. Needs Linux and root."""
    with tempfile.TemporaryDirectory(prefix="aipolicy-probe-", dir="/run") as name:
        place = Path(name)
        try:
            folder_of_ones_own(name)
            trial = _Trial(machine, place)
        except (OSError, subprocess.SubprocessError) as error:
            yield Proof(layer="guard", good=False, says=f"the trial could not be made here: {error}")
            return
        yield trial.guard()
        yield trial.ending()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(guard_socket(str(place / "state")))
        with contextlib.suppress(OSError):
            leave_folder(name)


class _Trial:
    def __init__(self, machine: Machine, place: Path) -> None:
        self._machine = machine
        self._place = place
        self._state, self._tools = place / "state", place / "tools"
        for folder in (self._state, self._tools):
            folder.mkdir(mode=0o700)
        marks = [f"aipolicy-probe-{secrets.token_hex(12)}" for _ in range(2)]
        (self._tools / f"{_ID}.yaml").write_text(_TOOL.format(id=_ID, first=marks[0], second=marks[1]))
        self._program = place / "probe"
        sleep = os.path.realpath(shutil.which("sleep", path="/usr/bin:/bin") or "/bin/sleep")
        self._program.write_bytes(Path(sleep).read_bytes() + b"\0" * _PADDING + "\0".join(marks).encode())
        self._program.chmod(0o700)

    def guard(self) -> Proof:
        """Refused under a ban, and free again without."""
        if not self._starts():
            return _bad("guard", "a program of ours cannot be executed in /run at all")
        self._policy(f"mode: block\nbanned: [{_ID}]\n")
        if fault := catalog_at_start(str(self._tools), self._state).fault:
            return _bad("guard", fault)
        command = deadman_command(str(self._state), str(self._tools), [str(self._place)])
        with (self._place / "log").open("wb") as log:
            guard = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log, start_new_session=True)
        try:
            if not _until(lambda: _is_ready(str(self._state)) or guard.poll() is not None) or guard.poll():
                why = (self._place / "log").read_text(errors="replace").strip().rpartition("\n")[2]
                return _bad("guard", f"it does not start here: {why or 'no reason given'}")
            if not _until(lambda: not self._starts()):
                return _bad("guard", "a banned program of ours was not refused")
            self._policy(f"mode: report\nbanned: [{_ID}]\n")
            if not _until(self._starts):
                return _bad("guard", "a program of ours that was freed is still refused")
        finally:
            guard.terminate()
            guard.wait()
        return Proof(
            layer="guard", good=True, says="a banned program of ours was refused, and freed it started"
        )

    def ending(self) -> Proof:
        """Recognised as it runs, and ended."""
        start = catalog_at_start(str(self._tools), self._state)
        judge = Judge(
            catalog=start.catalog,
            policy=policies.parse(f"mode: block\nbanned: [{_ID}]\n", "probe.yaml", start.catalog.known),
            surroundings=Surroundings(device="", hostname="", os=self._machine.os),
        )
        examiner = examiner_for(start.catalog)

        def is_banned(process: Process) -> bool:
            seen = [one for one in with_facts(process, self._machine, examiner) if isinstance(one, Process)]
            verdicts = (judge.verdict(finding, datetime.now(UTC)) for finding in judge.findings(seen))
            return any(verdict.action is Action.BLOCK for verdict in verdicts)

        running = subprocess.Popen([self._program, "60"], stdin=subprocess.DEVNULL)
        try:
            process = self._machine.process(running.pid)
            if not isinstance(process, Process) or not is_banned(process):
                return _bad("ending", "a banned program of ours was not recognised as it ran")
            ending = Ending.start(self._machine, process, is_banned, time.monotonic(), by_contents=True)
            if not isinstance(ending, Ending):
                return _bad("ending", f"a banned program of ours could not be ended: {ending.reason}")
            with contextlib.closing(ending):
                _until(lambda: not isinstance(ending.poll(time.monotonic()), Running))
                if isinstance(ending.poll(time.monotonic()), Ended):
                    return Proof(
                        layer="ending", good=True, says="a banned program of ours was ended as it ran"
                    )
            return _bad("ending", "a banned program of ours did not end")
        finally:
            running.kill()
            running.wait()

    def _policy(self, text: str) -> None:
        content = text.encode()
        sha256 = hashlib.sha256(content).hexdigest()
        LastGood(self._state).keep(PolicyText(name="probe.yaml", content=content, sha256=sha256))

    def _starts(self) -> bool:
        try:
            return subprocess.run([self._program, "0"], check=False, stdin=subprocess.DEVNULL).returncode == 0
        except PermissionError:
            return False


def _bad(layer: str, says: str) -> Proof:
    return Proof(layer=layer, good=False, says=says)


def _is_ready(state: str) -> bool:
    channel = messages.connected(guard_socket(state), 1.0)
    if channel is None:
        return False
    with channel:
        received = messages.receive(channel)
    report = (received.message or {}).get("report") if received is not None else None
    return bool(report and report["numbers"]["ready"])


def _until(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.1)
    return False


_TOOL: Final = """
id: {id}
name: Probe of aipolicy
vendor: aipolicy
category: cli
evidence:
  content: [{first}, {second}]
  npm: ["@aipolicy/probe"]
sources:
  content: made for this trial
  npm: made for this trial
examples:
  - {{is: certain, program: /home/u/bin/notes, marks: [{first}, {second}]}}
  - {{is: certain, npm: "@aipolicy/probe"}}
not:
  - {{npm: probe}}
"""
