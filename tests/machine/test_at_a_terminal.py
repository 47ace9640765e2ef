"""Given `make run` at a terminal, as root and with a policy that blocks, its keys and end hold up nobody."""

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from aipolicy.platforms import this_machine
from endtoend.lab import Agent, Lab, await_that, free_port, root
from machine.guard.lab import gone, refused
from machine.real_packages import native_claude, put_copy
from machine.test_block import BLOCK, Shell, machine_lab, refuse_beside_others
from machine_needs import is_stopped

pytestmark = [
    pytest.mark.xdist_group("machine"),
    pytest.mark.skipif(not root(), reason="needs root on Linux: answers for every program of the machine"),
]
__all__ = ["machine_lab"]


class Trial:
    """What `make run` starts, on a terminal with a shell."""

    def __init__(self, lab: Lab) -> None:
        lab.policy(BLOCK)
        lab.guard = "on"
        folder = lab.folder / "trial"
        self.agent = Agent(lab.python, [], folder / "agent.log", lab.environ)
        self.agent.state = folder / "agent"
        start = lab.folder / "make-run"
        environ = " ".join(
            f"{name}='{value}'" for name, value in {**lab.environ, **lab.python.environ}.items()
        )
        command = " ".join([*lab.python.command, "-m", "aipolicy", "trial", "--policy", str(lab.policy_file)])
        start.write_text(
            f"echo $$ > {lab.folder}/pid; exec env {environ} {command} --data {folder} --port {free_port()}\n"
        )
        self.shell = Shell(lab, 0)
        self.pid, self.parts = 0, list[int]()
        self._lab, self._start = lab, start

    def begin(self) -> None:
        """Until the guard is in force."""
        self.shell.type(f"sh {self._start}; echo back-'here'")
        await_that(lambda: "Ctrl-C ends it" in self.shell.read(), "it runs")
        await_that(lambda: self.guard() == "in force", "the guard is in force", self.agent.log)
        self.pid = int((self._lab.folder / "pid").read_text())
        below = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        self.parts = [*map(int, below), int((self.agent.state / "guard.lock").read_text())]

    def guard(self) -> str:
        """What the agent says of it."""
        status = self.agent.status()
        return str(status["layers"]["guard"]) if status else "no answer"

    def ended(self) -> bool:
        """All that it started, too."""
        return all(gone(pid) for pid in (self.pid, *self.parts))

    def close(self) -> None:
        for pid in (*self.parts, *this_machine().descendants(self.shell.process.pid)):
            with contextlib.suppress(OSError):
                if str(self._lab.folder) in Path(f"/proc/{pid}/cmdline").read_text():
                    os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self.shell.close()


@pytest.fixture
def trial(machine_lab: Lab) -> Iterator[Trial]:
    refuse_beside_others()
    trial = Trial(machine_lab)
    try:
        trial.begin()
        yield trial
    finally:
        trial.close()


def test_ctrl_z_stops_neither_guard_nor_anybody_and_ctrl_c_ends_it_all(
    trial: Trial, machine_lab: Lab
) -> None:
    notes = put_copy(native_claude(), machine_lab.folder / "notes")
    trial.shell.press("Z")
    await_that(lambda: is_stopped(trial.pid), "it is stopped")
    assert refused(notes, "--version")
    fresh = machine_lab.folder / "fresh"
    shutil.copy("/bin/true", fresh)
    assert not refused(fresh)
    assert trial.guard() == "in force"
    trial.shell.type("fg")
    await_that(lambda: not is_stopped(trial.pid), "it goes on")
    trial.shell.press("C")
    await_that(trial.ended, "all has ended", trial.agent.log)
    await_that(lambda: "everything is kept in" in trial.shell.read(), "it says where the data are")
    assert not refused(notes, "--version")


def test_a_terminal_that_is_closed_ends_it_all(trial: Trial, machine_lab: Lab) -> None:
    notes = put_copy(native_claude(), machine_lab.folder / "notes")
    assert refused(notes, "--version")
    trial.shell.hang_up()
    await_that(trial.ended, "all has ended", trial.agent.log)
    assert not refused(notes, "--version")
