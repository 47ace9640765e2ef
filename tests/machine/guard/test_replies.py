"""Given answers that the kernel no longer wants, nothing happens, and who asks next is answered."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from aipolicy.platforms.linux_permission import Event, PermissionGroup, parse_events
from machine.guard.lab import held_up
from machine_needs import NEEDS_LINUX, NEEDS_ROOT, until

pytestmark = [NEEDS_LINUX, NEEDS_ROOT]


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Path]:
    """On a filesystem of its own."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=755", "asked", str(tmp_path)], check=True)
    yield Path(shutil.copy("/bin/true", tmp_path / "program"))
    subprocess.run(["umount", "-l", tmp_path], check=True)


@pytest.fixture
def group(program: Path) -> Iterator[PermissionGroup]:
    group = PermissionGroup()
    group.ask_for_filesystem(str(program))
    yield group
    group.close()


def asked(group: PermissionGroup) -> Event:
    """The next one who waits."""
    return until(lambda: next(iter(parse_events(group.read())), None))


def ends(group: PermissionGroup, program: Path, *, allow: bool) -> int:
    """The exit code of one who is answered."""
    waiting = held_up(program)
    event = asked(group)
    assert event.pid == waiting.pid
    group.answer(event.fd, allow=allow)
    os.close(event.fd)
    return waiting.wait(timeout=60)


def both_are_answered(group: PermissionGroup, program: Path) -> bool:
    return (ends(group, program, allow=True), ends(group, program, allow=False)) == (0, 126)


@pytest.mark.parametrize("heard", [True, False], ids=["its event was read", "its event was not read"])
def test_an_answer_to_one_who_was_killed_changes_nothing(
    group: PermissionGroup, program: Path, heard: bool
) -> None:
    waiting = held_up(program)
    events = [asked(group)] if heard else []
    waiting.kill()
    waiting.wait(timeout=60)
    events += parse_events(group.read())
    for event in events:
        group.answer(event.fd, allow=False)
        os.close(event.fd)
    assert both_are_answered(group, program)


def test_a_second_answer_changes_nothing(group: PermissionGroup, program: Path) -> None:
    waiting = held_up(program)
    event = asked(group)
    for allow in (True, False):
        group.answer(event.fd, allow=allow)
    os.close(event.fd)
    assert waiting.wait(timeout=60) == 0
    assert both_are_answered(group, program)


def test_an_answer_to_who_asked_another_group_changes_nothing(group: PermissionGroup, program: Path) -> None:
    other = PermissionGroup()
    waiting = held_up(program)
    event = asked(group)
    other.answer(event.fd, allow=False)
    other.close()
    group.answer(event.fd, allow=True)
    os.close(event.fd)
    assert waiting.wait(timeout=60) == 0
