"""Given an agent and its guard on a failing disk, a broken policy or power loss: what is banned is refused or
ended, what is innocent starts, and from when to when the guard was away is told.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from endtoend.lab import Agent, Lab, await_that, root
from machine.real_packages import native_claude, put_copy
from machine.test_block import BLOCK, Shell, is_alive, machine_lab, shell, start_notes
from machine.test_guarded_machine import deadman, end_with_guards, in_force, lab

pytestmark = [
    pytest.mark.xdist_group("machine"),
    pytest.mark.skipif(not root(), reason="needs root on Linux: answers for every program of the machine"),
]
__all__ = ["lab", "machine_lab", "shell"]

_MOMENT = r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC"


def now() -> datetime:
    """To the second, as it is told."""
    return datetime.now(UTC).replace(microsecond=0)


def moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)


def told(lab: Lab, part: str = "guard") -> list[dict[str, Any]]:
    return [event for event in lab.server.events(kind="health") if event["place"] == part]


def gap(lab: Lab, agent: Agent, before: int) -> tuple[datetime, datetime, bool]:
    """Since when and until when it was away, once the server is told; and whether the first is only the
    earliest that it can be. before: how much was told of the guard before that.
    """

    def last() -> list[tuple[str, str, str]]:
        events = told(lab)[before:]
        if [event["reason"] for event in events][-2:] != ["away", "in force"]:
            return []
        return re.findall(f"away from {_MOMENT}( at the earliest)? to {_MOMENT}", events[-1]["detail"])

    ((since, earliest, until),) = await_that(last, "it is told", agent.log)
    return moment(since), moment(until), bool(earliest)


def begin(lab: Lab) -> Agent:
    """Until the server knows that the guard is in force."""
    agent = lab.begin(BLOCK, "--scan-every-s", "86400")
    await_that(lambda: [e["reason"] for e in told(lab)][-1:] == ["in force"], "it is in force", agent.log)
    return agent


def guards(agent: Agent) -> int:
    """How many it has started."""
    return agent.log.read_text().count("guard started pid=")


class Tries:
    """Starts of the banned tool and of an innocent program, each a file that nobody has started before."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._number = 0

    def new_ones(self) -> tuple[str, str]:
        """What the person sees of both."""
        self._number += 1
        folder = self._shell.home / f"try{self._number}"
        notes = put_copy(native_claude(), folder / "notes")
        fine = put_copy(Path(os.path.realpath(str(shutil.which("sleep")))), folder / "fine")
        return self.seen(f"{notes} --version"), self.seen(f"{fine} 0 && echo it-'ran'")

    def seen(self, line: str) -> str:
        self._number += 1
        self._shell.read()
        self._shell.screen = ""
        self._shell.type(f"{line}; echo end-''{self._number}")
        await_that(lambda: f"end-{self._number}" in self._shell.read(), line)
        return self._shell.screen

    def are_told_apart(self) -> None:
        banned, innocent = self.new_ones()
        assert "not permitted" in banned
        assert "it-ran" in innocent


@pytest.fixture
def tries(shell: Shell) -> Tries:
    return Tries(shell)


def test_agent_and_guard_that_end_together_are_away_since_they_were_last_seen(lab: Lab, shell: Shell) -> None:
    """As the power fails: nobody is left who could note the moment."""
    agent = begin(lab)
    before = len(told(lab))
    status = agent.state / "status.json"
    await_that(lambda: json.loads(status.read_text())["layers"]["guard"] == "in force", "noted", agent.log)
    seen = datetime.fromtimestamp(int(status.stat().st_mtime), UTC)
    guard = deadman(agent)
    agent.kill()
    os.kill(guard, signal.SIGKILL)
    killed = now()
    await_that(lambda: not is_alive(guard), "it has ended")
    running = start_notes(shell)
    again = now()
    agent.start()
    await_that(lambda: not is_alive(running), "what started in between is ended", agent.log)
    since, until, earliest = gap(lab, agent, before)
    assert seen <= since <= killed
    assert until >= again
    assert earliest
    assert "was last seen in force at" in told(lab)[-2]["detail"]
    assert shell.alive()


def test_an_agent_that_was_stopped_with_its_guard_says_since_then(lab: Lab, shell: Shell) -> None:
    agent = begin(lab)
    before, stopping = len(told(lab)), now()
    agent.stop()
    stopped = now()
    agent.start()
    since, until, _ = gap(lab, agent, before)
    assert stopping <= since <= stopped
    assert since <= until


def test_a_broken_policy_and_then_a_killed_agent_change_nothing(lab: Lab, tries: Tries) -> None:
    agent = begin(lab)
    before = len(told(lab))
    lab.policy("mode: [")
    await_that(lambda: told(lab, "policy"), "it is told", agent.log)
    agent.kill()
    tries.are_told_apart()
    agent.start()
    await_that(lambda: in_force(agent), "the guard is in force", agent.log)
    tries.are_told_apart()
    assert told(lab, "policy")[-1]["reason"] == "rejected"
    assert len(told(lab)) == before, "it was never away"
    status = agent.status()
    assert status is not None
    assert [problem["part"] for problem in status["problems"]] == ["policy"]


@pytest.fixture
def own_disk(lab: Lab) -> Iterator[Path]:
    """The state folder, on a small ext4 of its own."""
    state = lab.own(lab.folder / "agents") / "state"
    state.mkdir()
    image = lab.folder / "state.img"
    with image.open("wb") as file:
        file.truncate(64 << 20)
    subprocess.run(["/usr/sbin/mkfs.ext4", "-q", "-m", "0", image], check=True)
    subprocess.run(["mount", "-o", "loop,errors=remount-ro", image, state], check=True)
    yield state
    end_with_guards(lab)
    subprocess.run(["umount", "-l", state], check=False)


def fill(state: Path) -> Path:
    """A folder with what takes all the room: one large file, and small ones where it can grow no more."""
    filler = state / "filler"
    filler.mkdir()
    with contextlib.suppress(OSError), (filler / "large").open("ab", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass

    def small_ones() -> None:
        for number in range(10_000):
            (filler / str(number)).write_bytes(b"x")

    with pytest.raises(OSError, match="No space"):  # what the agent frees later is its own affair
        small_ones()
    return filler


def make_read_only(state: Path) -> None:
    """As the kernel does where the disk fails."""
    device = next(m.split()[0] for m in Path("/proc/self/mounts").read_text().splitlines() if str(state) in m)
    trigger = Path("/sys/fs/ext4", device.rpartition("/")[2], "trigger_fs_error")
    if not trigger.exists():
        pytest.skip("needs an ext4 that can be told to fail")
    trigger.write_text("a test")
    with pytest.raises(OSError, match="Read-only"):
        (state / "x").touch()


@pytest.mark.parametrize("how", ["full", "read-only"])
def test_with_a_disk_that_takes_nothing_the_guard_works_and_comes_back(
    lab: Lab, tries: Tries, own_disk: Path, how: str
) -> None:
    agent = begin(lab)
    filler = fill(own_disk) if how == "full" else make_read_only(own_disk)
    tries.are_told_apart()
    before, ending = len(told(lab)), now()
    lives = guards(agent)
    os.kill(deadman(agent), signal.SIGKILL)
    await_that(lambda: guards(agent) > lives and in_force(agent), "it is back", agent.log)
    tries.are_told_apart()
    if filler is not None:
        shutil.rmtree(filler)
        since, until, earliest = gap(lab, agent, before)
        assert ending <= since <= until <= now()
        assert not earliest


@pytest.mark.parametrize("how", ["full", "read-only"])
def test_an_agent_started_on_a_disk_that_takes_nothing_has_a_guard(
    lab: Lab, tries: Tries, own_disk: Path, how: str
) -> None:
    agent = begin(lab)
    agent.stop()
    if how == "full":
        fill(own_disk)
    else:
        make_read_only(own_disk)
    agent.start()
    await_that(lambda: in_force(agent), "the guard is in force", agent.log)
    tries.are_told_apart()
