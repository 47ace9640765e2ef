"""Given more refusals than can be told one by one, or a process that is lost with some, all are counted."""

import errno
import os
import signal
from pathlib import Path

import pytest

from machine.guard.lab import GuardLab, refused, stop_it
from machine_needs import NEEDS_LINUX, NEEDS_ROOT, until

pytestmark = [NEEDS_LINUX, NEEDS_ROOT]

FLOOD = 2_500
"""More than gate, channel and classifier keep together."""


def flood(program: Path, times: int) -> None:
    """Refused so many times, as fast as can be."""
    for _ in range(times):
        with pytest.raises(PermissionError) as error:
            os.posix_spawn(program, [str(program)], {})
        assert error.value.errno == errno.EPERM


def told(lab: GuardLab, refusals: int) -> tuple[int, int]:
    """What the daemon hears of them: one by one, and counted only. It takes each."""
    one_by_one = counted = 0
    while one_by_one + counted < refusals:
        said = lab.refusal()
        one_by_one += "verdict" in said
        counted += said["missed"]
        lab.say({"taken": said["number"]})
    assert one_by_one + counted == refusals
    return one_by_one, counted


def test_a_flood_while_the_classifier_stands_still_is_counted_to_the_last(lab: GuardLab) -> None:
    program = lab.put(lab.banned, "notes")
    assert refused(program)
    stop_it(classifier := lab.classifier)
    flood(program, FLOOD)
    os.kill(classifier, signal.SIGCONT)
    assert refused(program)
    one_by_one, counted = told(lab, FLOOD + 2)
    assert one_by_one >= 1_000
    assert counted > 0


def test_a_flood_while_there_is_no_daemon_is_counted_to_the_last(lab: GuardLab) -> None:
    program = lab.put(lab.banned, "notes")
    assert refused(program)
    lab.disconnect()
    flood(program, FLOOD)
    lab.connect()
    assert told(lab, FLOOD + 1) == (1_000, FLOOD + 1 - 1_000), "those at its end without another refusal"
    assert lab.report(lambda r: r["numbers"]["told"] == FLOOD + 1)


@pytest.mark.parametrize("whose", ["classifier", "gate"])
def test_what_was_not_told_when_a_process_was_killed_is_counted_with_the_next(
    lab: GuardLab, whose: str
) -> None:
    program = lab.put(lab.banned, "notes")
    assert refused(program)
    assert told(lab, 1) == (1, 0)
    lab.report(lambda r: r["numbers"]["told"] == 1)
    until(lambda: str(program) in (lab.state / "guard-table.json").read_text() or None)
    gate, classifier = lab.gate, lab.classifier
    stop_it(classifier)
    flood(program, 1_500)
    os.kill(gate if whose == "gate" else classifier, signal.SIGKILL)
    if whose == "gate":
        os.kill(classifier, signal.SIGCONT)
    lab.connect()
    lab.report(lambda r: (r["starts"], r["classifier_starts"]) == ((2, 1) if whose == "gate" else (1, 2)))
    assert until(lambda: refused(program) or None)
    told(lab, 1_501)
