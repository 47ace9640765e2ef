"""On a real terminal: the notice appears where the tool ran, and nowhere else."""

import os
import select
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aipolicy.enforce.notify import tell
from aipolicy.platforms import this_machine
from machine_needs import LONG_S, NEEDS_LINUX, NEEDS_ROOT, Child, Started, until

pytestmark = NEEDS_LINUX

IN_TERMINAL = """
import fcntl, os, sys, termios
slave = os.open(sys.argv[1], os.O_RDWR)
fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
if len(sys.argv) > 3:
    os.chown(sys.argv[1], int(sys.argv[3]), -1)
if len(sys.argv) > 4:
    os.setuid(int(sys.argv[4]))
print("there", flush=True)
os.execv("/bin/sleep", [sys.argv[2], "600"])
"""


@pytest.fixture
def started() -> Iterator[Started]:
    with Started() as children:
        yield children


@pytest.fixture
def pty() -> Iterator[tuple[int, str]]:
    master, slave = os.openpty()
    path = os.ttyname(slave)
    yield master, path
    os.close(slave)
    os.close(master)


def in_terminal(started: Started, path: str, *more: int) -> Child:
    command = [sys.executable, "-I", "-c", IN_TERMINAL, path, "claude", *map(str, more)]
    child = started.run(command)
    assert child.stdout is not None
    assert child.stdout.readline() == "there\n"
    return child


def test_the_terminal_it_ran_in_is_written_to(started: Started, pty: tuple[int, str]) -> None:
    master, path = pty
    child = in_terminal(started, path)
    terminal = until(lambda: this_machine().terminal(child.pid))
    assert (terminal.path, terminal.uid) == (path, os.geteuid())
    child.kill()
    assert tell(terminal, "Claude Code was ended")
    shown = b""
    while b"Claude Code was ended" not in shown:  # it comes in pieces
        assert select.select([master], [], [], LONG_S)[0], shown
        shown += os.read(master, 1000)


def test_without_a_terminal_there_is_none(started: Started) -> None:
    child = started.run(["sleep", "600"])
    assert this_machine().terminal(child.pid) is None


@NEEDS_ROOT
def test_another_persons_terminal_is_not_taken(started: Started, pty: tuple[int, str]) -> None:
    """`su` into a terminal that still belongs to whoever logged in."""
    _master, path = pty
    child = in_terminal(started, path, 4321, 1234)
    assert this_machine().terminal(child.pid) is None


@NEEDS_ROOT
def test_ones_own_is_taken_whoever_asks(started: Started, pty: tuple[int, str]) -> None:
    _master, path = pty
    child = in_terminal(started, path, 1234, 1234)
    found = until(lambda: this_machine().terminal(child.pid))
    assert found.uid == 1234


@NEEDS_ROOT
def test_a_terminal_of_another_mount_namespace_is_not_ours(started: Started, pty: tuple[int, str]) -> None:
    """There the number means another terminal."""
    _master, path = pty
    command = ["unshare", "-m", sys.executable, "-I", "-c", IN_TERMINAL, path, "claude"]
    child = started.run(command)
    assert child.stdout is not None
    assert child.stdout.readline() == "there\n"
    assert this_machine().terminal(child.pid) is None
    assert Path(f"/proc/{child.pid}").is_dir()
