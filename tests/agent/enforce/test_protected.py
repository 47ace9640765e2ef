"""Given a process that a policy bans, then whether it is one of those that are never stopped."""

import itertools
from pathlib import Path

import pytest

from aipolicy.core.model import Process, Unseen
from aipolicy.enforce.protected import protected
from host import FakeMachine


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    return FakeMachine(tmp_path)


def test_the_first_processes_and_the_kernel(machine: FakeMachine) -> None:
    first = machine.run("/opt/claude", pid=1)
    container = machine.run("/opt/claude", init=True, contained=True)
    thread = machine.run("/opt/claude", pid=2, kernel=True)
    assert protected(first, machine) == "the first process of the machine"
    assert protected(container, machine) == "the first process of a container"
    assert protected(thread, machine) == "a thread of the kernel"


def test_ourselves_and_what_we_run_under(machine: FakeMachine) -> None:
    terminal = machine.run("/opt/claude", pid=50)
    shell = machine.run("/opt/claude", pid=60, parent=50)
    us = machine.run("/opt/claude", pid=machine.me, parent=60)
    sibling = machine.run("/opt/claude", parent=60)
    assert [protected(p, machine) is not None for p in (terminal, shell, us, sibling)] == [
        True,
        True,
        True,
        False,
    ]


def test_a_circle_of_parents_ends(machine: FakeMachine) -> None:
    machine.run("/bin/a", pid=50, parent=51)
    machine.run("/bin/b", pid=51, parent=50)
    machine.run("/bin/c", pid=machine.me, parent=50)
    assert protected(machine.run("/opt/claude"), machine) is None


@pytest.mark.parametrize(
    "exe",
    [
        "/usr/bin/node",
        "/home/a/.bun/bin/bun",
        "/usr/bin/python3.11",
        "/bin/bash",
        "/lib64/ld-linux-x86-64.so.2",
    ],
)
def test_an_interpreter_by_itself_is_never_stopped_the_script_it_runs_is(
    machine: FakeMachine, exe: str
) -> None:
    bare = machine.run(exe)
    hosting = machine.run(exe, script=f"{machine.root}opt/node_modules/claude/cli.js")
    module = machine.run(exe, module="aider")
    assert protected(bare, machine) == "an interpreter or loader by itself"
    assert protected(hosting, machine) is None
    assert protected(module, machine) is None


@pytest.mark.parametrize("name", ["node", "bash", "python3", "ld-linux-x86-64.so.2"])
def test_a_tool_that_was_renamed_to_an_interpreter_ran_on(machine: FakeMachine, name: str) -> None:
    renamed = machine.run(f"/home/a/bin/{name}")
    with_a_file = machine.run(f"/home/a/bin/{name}", script=machine.at("/usr/share/tool/main.py"))
    machine.packages[machine.at("/usr/share/tool/main.py")] = "tool"
    assert protected(renamed, machine, by_contents=True) is None
    assert protected(with_a_file, machine, by_contents=True) is None
    ours = machine.run(machine.at("/usr/bin/node"), script="/home/a/x.js")
    machine.packages[machine.at("/usr/bin/node")] = "nodejs"
    assert protected(ours, machine, by_contents=True) is not None


def test_a_system_file_of_a_package_is_never_stopped(machine: FakeMachine) -> None:
    sshd = machine.at("/usr/sbin/sshd")
    machine.packages[sshd] = "openssh-server"
    reason = protected(machine.run(sshd), machine)
    assert reason == "a file of the operating system's package openssh-server"
    replaced = machine.run(f"{sshd} (deleted)")
    assert protected(replaced, machine) == reason


def test_nor_a_systems_script(machine: FakeMachine) -> None:
    script = machine.at("/usr/share/tool/main.py")
    machine.packages[script] = "tool"
    assert protected(machine.run("/usr/bin/python3.11", script=script), machine) is not None


def test_a_package_that_is_an_ai_tool_may_be_stopped(machine: FakeMachine) -> None:
    desktop = machine.at("/opt/Claude/claude")
    machine.packages[desktop] = "claude-desktop"
    process = machine.run(desktop)
    assert protected(process, machine) is not None
    assert protected(process, machine, {"claude-desktop"}) is None


def test_what_a_user_could_have_put_there_is_not_the_systems(machine: FakeMachine) -> None:
    place = machine.at("/home/a/bin/claude")
    machine.packages[place] = "claimed"
    assert protected(machine.run(place), machine) is None
    assert protected(machine.run(machine.at("/usr/local/bin/claude")), machine) is None


def test_where_nobody_knows_whose_file_it_is_it_counts_as_the_systems(machine: FakeMachine) -> None:
    place = machine.at("/usr/bin/x")
    machine.packages[place] = Unseen(place="rpm", reason="did not answer")
    assert "did not answer" in (protected(machine.run(place), machine) or "")


def test_in_a_container_our_packages_say_nothing(machine: FakeMachine) -> None:
    """/usr/bin/x in an image is not the file that has this name here."""
    place = machine.at("/usr/bin/x")
    machine.packages[place] = "coreutils"
    assert protected(machine.run(place, contained=True), machine) is None


def test_a_service_with_a_private_namespace_runs_our_files(machine: FakeMachine) -> None:
    """systemd's PrivateTmp makes a mount namespace; its sshd is the system's all the same."""
    place = machine.at("/usr/sbin/sshd")
    machine.packages[place] = "openssh-server"
    process = machine.run(place, contained=True)
    machine.same_files.add(process.pid)
    assert protected(process, machine) is not None


def test_being_a_session_leader_protects_nobody(machine: FakeMachine) -> None:
    """`tmux new claude`."""
    assert protected(machine.run("/opt/claude/claude", parent=1), machine) is None


def test_every_kind_of_process_gets_an_answer(machine: FakeMachine) -> None:
    """Whatever the fields, protected() says yes or no and never raises."""
    for exe, script, module, contained in itertools.product(
        ("", "/x", "relative", "/usr/bin/node", "\\xff"),
        (None, "", "npm:x", "/y"),
        (None, "m"),
        (True, False),
    ):
        process = machine.run(exe, script=script, module=module, contained=contained)
        assert isinstance(process, Process)
        assert protected(process, machine) is None or protected(process, machine)
