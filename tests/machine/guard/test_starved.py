"""Given a guard that gets no time, a little or another one, nobody is refused for it, and all goes on."""

import os
import signal
import time
from pathlib import Path

import pytest

from machine.guard.lab import BANNED, Cgroup, GuardLab, gone, held_up, refused
from machine_needs import NEEDS_LINUX, NEEDS_ROOT, until

pytestmark = [NEEDS_LINUX, NEEDS_ROOT]

FROZEN_S = 2.5
"""Longer than the deadman's patience."""


def test_a_guard_frozen_as_a_whole_goes_on_where_it_was_and_so_does_who_waited(lab: GuardLab) -> None:
    known = lab.put(lab.allowed, "known")
    assert not refused(known)
    with Cgroup() as group:
        group.take(*lab.processes())
        group.freeze()
        assert not refused(known), "the kernel does not ask about it again"
        waiting = [held_up(lab.put(lab.allowed, f"fresh{number}")) for number in range(3)]
        time.sleep(FROZEN_S)
        assert [one.poll() for one in waiting] == [None] * 3
        group.set("cgroup.freeze", "0")
        assert [one.wait(timeout=60) for one in waiting] == [0] * 3
    assert refused(lab.put(lab.banned, "notes"))
    assert lab.report(lambda r: r["numbers"]["refused"] == 1)["starts"] == 1, "nobody took it for stuck"


def test_a_gate_that_alone_is_frozen_is_ended_and_started_anew(lab: GuardLab) -> None:
    with Cgroup() as group:
        gate = lab.gate
        group.take(gate)
        group.freeze()
        assert not refused(lab.put(lab.allowed, "fresh")), "it waits until the deadman has ended the gate"
        until(lambda: gone(gate) or None)
        report = lab.report(lambda r: r["starts"] == 2 and bool(r["numbers"]["ready"]))
        assert report["reason"] == "it made no progress and was ended"
    assert refused(lab.put(lab.banned, "notes"))


def test_with_a_twentieth_of_a_core_nobody_is_refused_and_all_go_on(lab: GuardLab) -> None:
    program = lab.put(lab.banned, "notes")
    assert refused(program)
    with Cgroup("cpu") as group:
        group.set("cpu.cfs_period_us", "100000")
        group.set("cpu.cfs_quota_us", "5000")
        group.take(*lab.processes())
        for number in range(10):
            assert not refused(lab.put(lab.allowed, f"fresh{number}"))
    assert until(lambda: refused(program) or None)


def test_a_clock_put_forwards_and_back_by_a_year_changes_nothing(lab: GuardLab) -> None:
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if library is None:
        pytest.skip("needs libfaketime")
    lab.stop()
    clock = lab.folder / "clock"
    clock.write_text("+0")
    faked = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    lab.start(under=("env", *(f"{name}={value}" for name, value in faked.items())))
    for number, moved in enumerate(("+365d", "-365d", "+365d")):
        clock.write_text(moved)
        beats = lab.report()["numbers"]["beats"]
        lab.report(lambda r: r["numbers"]["beats"] > beats + 8)  # noqa: B023
        assert not refused(lab.put(lab.allowed, f"fresh{number}"))
        assert refused(lab.put(lab.banned, f"notes{number}"))
        lab.policy(f"{BANNED}# {number}\n")
    report = lab.report()
    assert (report["starts"], report["classifier_starts"]) == (1, 1), "nobody was taken for stuck"
    for life in range(1, 5):
        os.kill(int(lab.report(lambda r: r["starts"] == life and bool(r["gate"]))["gate"]), signal.SIGKILL)  # noqa: B023
    away_since = lab.report(lambda r: not r["gate"])["away_since"]
    assert away_since > time.time() + 300 * 86_400, "its clock was another one indeed"
