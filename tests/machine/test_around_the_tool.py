"""Given a real tool inside a shell, an editor or an interpreter, only the tool is ever ended."""

import shutil
import sys
import time
from pathlib import Path

import pytest
from msgspec import structs

from aipolicy.core.model import Action, Done, Evidence, Process, State, Verdict
from aipolicy.daemon.enforcer import Ends, Enforcer
from aipolicy.daemon.teller import Teller
from aipolicy.platforms import this_machine
from aipolicy.platforms.machine import Machine
from machine_needs import NEEDS_LINUX, Child, Started, until
from sightings import outcome

pytestmark = NEEDS_LINUX

AROUND = {
    "a shell": "sh -c '{tool} 600; read x'",
    "a shell that is the leader of a session": "setsid --wait sh -c '{tool} 600; read x'",
    "a terminal recorder": "script -qc \"sh -c '{tool} 600; sleep 600'\" /dev/null",
    "a window of tmux": "sh -c 'tmux -S {tool}.s -f /dev/null -D & {window}'",
    "an editor": "script -qc \"vim -u NONE -c ':!{tool} 600; sleep 600'\" /dev/null",
    "an interpreter": "{python} -c \"import subprocess; subprocess.run(['{tool}', '600']); input()\"",
    "a sandbox": "bwrap --dev-bind / / sh -c '{tool} 600; read x'",
}
"""Commands that start the tool and go on when it has ended."""
_SESSION = '\\"{tool} 600; sleep 600\\"'
_WINDOW = f'script -qc "until TERM=xterm tmux -N -S {{tool}}.s new-session {_SESSION}; do :; done" /dev/null'
"""The server of tmux is a child of the shell, and not a daemon, so that it is seen below it."""
_LOOKS = 20


@pytest.fixture
def machine() -> Machine:
    return this_machine()


@pytest.fixture
def tool(tmp_path: Path) -> str:
    """A native program in a folder of the user's."""
    place = tmp_path / "claude"
    shutil.copy("/bin/sleep", place)
    return str(place)


def banned(process: Process) -> Verdict:
    found = outcome("claude-code", state=State.RUNNING, pid=process.pid, action=Action.BLOCK).verdict
    evidence = (Evidence(kind="content", value="mark"),)
    return structs.replace(found, finding=structs.replace(found.finding, because=evidence))


def tree(machine: Machine, root: int) -> dict[int, Process]:
    """What runs there, and below."""
    pids = [root, *machine.descendants(root)]
    return {pid: found for pid in pids if isinstance(found := machine.process(pid), Process)}


def the_tool(machine: Machine, root: int, tool: str) -> Process:
    return until(lambda: next((p for p in tree(machine, root).values() if p.exe == tool), None))


def settled(machine: Machine, root: int, tool: str) -> dict[int, Process]:
    """What is around the tool once nothing comes or goes there: what only helped at the start has ended."""
    the_tool(machine, root, tool)
    looks: list[dict[int, Process]] = []

    def still() -> dict[int, Process] | None:
        looks.append(tree(machine, root))
        return (
            looks[-1] if len(looks) >= _LOOKS and all(one == looks[-1] for one in looks[-_LOOKS:]) else None
        )

    return {pid: one for pid, one in until(still).items() if one.exe != tool}


def end(machine: Machine, enforcer: Enforcer, process: Process) -> Ends:
    """As the agent does."""
    done = enforcer.act(process, banned(process), lambda now: now.exe == process.exe, time.monotonic())
    assert done is None, done
    return until(lambda: next(iter(enforcer.poll(time.monotonic())), None))


@pytest.fixture(params=AROUND)
def around(request: pytest.FixtureRequest, started: Started, tool: str) -> Child:
    command = AROUND[request.param].format(tool=tool, python=sys.executable, window=_WINDOW.format(tool=tool))
    needed = [command.split()[0], *(name for name in ("vim", "tmux") if name in command)]
    if missing := [name for name in needed if shutil.which(name) is None]:
        pytest.skip(f"needs {missing[0]}")
    return started.run(["/bin/sh", "-c", f"exec {command}"])


def test_only_the_tool_is_ended_and_what_is_around_it_lives(
    machine: Machine, around: Child, tool: str
) -> None:
    others = set(settled(machine, around.pid, tool))
    assert others
    process = the_tool(machine, around.pid, tool)
    ends = end(machine, Enforcer(machine, Teller(), tool_packages=()), process)
    assert ends.outcome.done is Done.ENDED
    assert ends.pid == process.pid
    assert others <= set(tree(machine, around.pid))


def test_what_is_around_it_is_not_ended_even_where_it_is_accused(
    machine: Machine, around: Child, tool: str
) -> None:
    """As far as it is the system's or an interpreter, as a wrong catalog or policy might have it."""
    if not machine.os_package("/bin/sh"):
        pytest.skip("needs a package database")
    enforcer = Enforcer(machine, Teller(), tool_packages=())
    others = settled(machine, around.pid, tool)
    for one in others.values():
        verdict = banned(one)
        by_name = (Evidence(kind="npm", value="@acme/claude"),)
        verdict = structs.replace(verdict, finding=structs.replace(verdict.finding, because=by_name))
        if one.script is None:
            done = enforcer.act(one, verdict, lambda _now: True, time.monotonic())
            assert done is not None
            assert done.done is Done.NOT_ENFORCEABLE
    assert not enforcer.busy
    assert set(others) <= set(tree(machine, around.pid))


def test_who_starts_it_again_and_again_is_named_once_and_lives(
    machine: Machine, started: Started, tool: str
) -> None:
    keeper = started.run(["/bin/sh", "-c", f"while :; do {tool} 600; done"])
    enforcer = Enforcer(machine, Teller(), tool_packages=())
    ends = [end(machine, enforcer, the_tool(machine, keeper.pid, tool)) for _ in range(7)]
    assert [one.outcome.done for one in ends] == [Done.ENDED] * 7
    assert [one.worth for one in ends] == [True] * 4 + [False] * 3
    named = f"again and again, lastly by sh (pid {keeper.pid})"
    assert [named in one.outcome.detail for one in ends if one.worth] == [False] * 3 + [True]
    assert keeper.poll() is None
