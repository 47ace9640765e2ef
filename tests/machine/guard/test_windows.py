"""Given a banned editor that runs, then it lives on with all it starts of itself, and no other one starts."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from machine.guard.editor import put_editor
from machine.guard.lab import GuardLab, refused, stop_it
from machine_needs import NEEDS_LINUX, NEEDS_ROOT, Child, Started, until

pytestmark = [
    NEEDS_LINUX,
    NEEDS_ROOT,
    pytest.mark.xdist_group("machine"),  # a guard of the whole machine may ban this editor, too
]

FREE = "mode: report\nbanned: [windsurf]\n"
BANNED = "mode: block\nbanned: [windsurf]\n"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[GuardLab]:
    with GuardLab(tmp_path) as lab:
        lab.policy(FREE)
        lab.start()
        yield lab


@pytest.fixture
def started() -> Iterator[Started]:
    with Started() as children:
        yield children


def editor(lab: GuardLab) -> Path:
    return put_editor(lab.folder, lab.disk / "opt/thing")


def ban(lab: GuardLab, program: Path) -> None:
    lab.policy(BANNED)
    until(lambda: refused(program, "part") or None)


def asked(running: Child, line: str) -> int:
    """What it says of what it was told to do: 0, or 7 where it was refused."""
    running.write(f"{line}\n")
    assert running.stdout is not None
    return int(running.stdout.readline())


def test_a_running_editor_starts_its_parts_and_no_other_one_starts(lab: GuardLab, started: Started) -> None:
    program = editor(lab)
    running = started.run([str(program)])
    assert asked(running, "part") == 0
    ban(lab, program)
    for _ in range(3):
        assert asked(running, "part") == 0
        assert refused(program, "part")
    assert asked(running, f"sh -c '{program} part'") == 0
    loader = next(Path("/lib64").glob("ld-linux*.so.*"))
    assert asked(running, f"{loader} {program} part") == 0
    assert refused(loader, program, "part")
    assert lab.refusal()["path"] == str(program)
    running.kill()
    running.wait()
    assert refused(program, "part")


def test_what_the_editor_left_behind_to_start_it_anew_does_not(lab: GuardLab, started: Started) -> None:
    program = editor(lab)
    running = started.run([str(program)])
    assert asked(running, "part") == 0
    ban(lab, program)
    said = lab.folder / "said"
    assert asked(running, f"wait {said}") == 0
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
    until(lambda: any("wait" in Path(f"/proc/{p}/cmdline").read_text() for p in children.read_text().split()))
    running.kill()
    running.wait()
    assert until(lambda: said.exists() and said.read_text()) == "7\n"


def test_what_is_typed_in_the_terminal_inside_the_editor_does_not_start(
    lab: GuardLab, started: Started
) -> None:
    program = editor(lab)
    running = started.run([str(program)])
    ban(lab, program)
    typed = f"script -qec '{program} part' /dev/null >/dev/null"
    assert asked(running, typed) != 0
    assert asked(running, "part") == 0


def test_it_is_the_same_with_a_guard_that_was_started_anew(lab: GuardLab, started: Started) -> None:
    program = editor(lab)
    running = started.run([str(program)])
    ban(lab, program)
    table = lab.state / "guard-table.json"
    until(lambda: any(one[4] for one in json.loads(table.read_text())["refused"]) or None)
    lab.stop()
    lab.start()
    assert asked(running, "part") == 0
    assert refused(program, "part")


def test_starts_that_wait_together_are_answered_each_for_itself(lab: GuardLab, started: Started) -> None:
    """They wait for one and the same answer about the file, which is new to the guard."""
    program = editor(lab)
    running = started.run([str(program)])
    ban(lab, program)
    program.touch()
    large = int(Path(f"/proc/{lab.classifier}/task/{lab.classifier}/children").read_text())
    stop_it(large)
    try:
        typed = started.run(["sh", "-c", f"{program} part || echo refused"], stderr=subprocess.DEVNULL)
        running.write("part\n")
        lab.report(lambda report: report["numbers"]["waiting"] == 2)
    finally:
        os.kill(large, signal.SIGCONT)
    assert running.stdout is not None
    assert typed.stdout is not None
    assert running.stdout.readline() == "0\n"
    assert typed.stdout.readline() == "refused\n"
