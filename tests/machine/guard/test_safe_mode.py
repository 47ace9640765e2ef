"""Given an agent in safe mode, then a guard in a service of its own refuses nothing until that is over."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from aipolicy.platforms.linux_marks import marks_of
from aipolicy.state.safe_mode_file import SAFE_MODE
from machine.guard.lab import GuardLab, refused
from machine_needs import NEEDS_LINUX, NEEDS_ROOT, until

pytestmark = [NEEDS_LINUX, NEEDS_ROOT]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[GuardLab]:
    with GuardLab(tmp_path) as lab:
        yield lab


def test_28_a_guard_that_runs_lets_everything_start_and_refuses_again_after_it(lab: GuardLab) -> None:
    lab.start()
    notes = lab.put(lab.banned, "notes")
    assert refused(notes)
    gate = lab.gate
    (lab.state / SAFE_MODE).write_text("{}")
    report = lab.report(lambda r: not r["gate"])
    assert report["reason"] == "the agent is in safe mode"
    assert not marks_of(gate).filesystems
    assert not refused(notes)
    assert not refused(lab.put(lab.banned, "another"))

    (lab.state / SAFE_MODE).unlink()
    lab.report(lambda r: r["gate"] and r["numbers"]["ready"])
    until(lambda: refused(notes) or None)
    assert until(lambda: refused(lab.put(lab.banned, "one more")) or None)


def test_28_a_guard_that_starts_in_safe_mode_refuses_nothing(lab: GuardLab) -> None:
    lab.start()
    notes = lab.put(lab.banned, "notes")
    assert refused(notes)
    until(lambda: str(notes) in (lab.state / "guard-table.json").read_text() or None)
    lab.stop()
    (lab.state / SAFE_MODE).write_text("{}")
    lab.start(ready=False)
    assert lab.report()["gate"] == 0
    assert not refused(notes)
    (lab.state / SAFE_MODE).unlink()
    until(lambda: refused(notes) or None)


def test_28_a_folder_of_that_name_holds_back_no_guard(lab: GuardLab) -> None:
    os.mkdir(lab.state / SAFE_MODE)
    lab.start()
    assert until(lambda: refused(lab.put(lab.banned, "notes")) or None)
