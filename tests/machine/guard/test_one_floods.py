"""Given somebody who floods the guard, then others are judged before the flood is, and nobody is refused.

All is told by order and counts: the classifier is stopped until everybody waits.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from aipolicy.enforce.guard.questions import LARGE_BYTES, MOST_WAITING, MOST_WAITING_OF_ONE
from aipolicy.platforms.linux_permission import MOST_AT_ONCE
from machine.guard.lab import GuardLab, asks, gone, refused, stop_it
from machine_needs import NEEDS_LINUX, NEEDS_ROOT, until

pytestmark = [
    NEEDS_LINUX,
    NEEDS_ROOT,
    pytest.mark.xdist_group("machine"),  # a guard of the whole machine would judge the flood, too
]

FLOODS, OTHER = 64_801, 64_901
"""Two people whom nobody else is."""
_LATE = 3
"""So many files of the one may be judged before the first of the other: what was underway, and a turn."""


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[GuardLab]:
    with GuardLab(tmp_path) as lab:
        lab.start(cap_s=300.0)
        yield lab


class Crowd:
    """Programs on the guarded disk that people start, all of one person at once: so that the classifier,
    stopped meanwhile, is not taken for stuck.
    """

    def __init__(self, lab: GuardLab) -> None:
        self._lab = lab
        self.started: list[subprocess.Popen[bytes]] = []
        self._held: dict[int, tuple[int, int]] = {}
        self._of: dict[int, list[subprocess.Popen[bytes]]] = {}

    def will_start(self, program: Path, uid: int, times: int = 1) -> None:
        """Once the person is told to `go`, who need not be able to reach the folder."""
        start = f"i=0; while [ $i -lt {times} ]; do ./{program.name} & i=$((i+1)); done"
        shell = f"read x; exec 3>&1 >/dev/null; {start}; echo all >&3; wait"
        if uid not in self._held:
            self._held[uid] = os.pipe()
            self._of[uid] = []
        how = {"user": uid, "group": uid, "extra_groups": [], "cwd": self._lab.disk}
        quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "start_new_session": True}
        told = {"stdin": self._held[uid][0]}
        one = subprocess.Popen(["/bin/sh", "-c", shell], **how, **quiet, **told)  # type: ignore[call-overload]
        self.started.append(one)
        self._of[uid].append(one)

    def go(self, uid: int) -> None:
        """Returns once all are on their way."""
        self._let_go(uid)
        for one in self._of[uid]:
            assert one.stdout is not None
            assert one.stdout.readline() == b"all\n"

    def _let_go(self, uid: int) -> None:
        for end in self._held.pop(uid):
            os.close(end)

    def all_wait(self, number: int) -> None:
        """Returns once so many wait for the guard, and the others of those who went have ended."""

        def so_many() -> bool:
            pids = [pid for one in self.started for pid in _children(one.pid)]
            waiting = {pid for pid in pids if asks(pid)}
            return len(waiting) == number and all(pid in waiting or gone(pid) for pid in pids)

        until(so_many)

    def close(self) -> None:
        for uid in list(self._held):
            self._let_go(uid)
        for one in self.started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(one.pid, signal.SIGKILL)
            one.communicate()


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


@pytest.fixture
def crowd(lab: GuardLab) -> Iterator[Crowd]:
    crowd = Crowd(lab)
    yield crowd
    crowd.close()


@pytest.mark.parametrize(
    ("line", "files", "size", "of_the_other"),
    [(0, 100, 0, 0), (1, 20, 1 << 30, LARGE_BYTES + 4096)],
    ids=["many files", "large sparse files"],
)
def test_who_floods_with_files_is_judged_in_turns_with_everybody_else(
    lab: GuardLab, crowd: Crowd, line: int, files: int, size: int, of_the_other: int
) -> None:
    for number in range(files):
        flooding = lab.put(lab.banned, f"flood{number}")
        os.truncate(flooding, size or flooding.stat().st_size)
        crowd.will_start(flooding, FLOODS)
    notes = lab.put(lab.banned, "notes")
    os.truncate(notes, of_the_other or notes.stat().st_size)
    crowd.will_start(notes, OTHER)
    stop_it(classifier := lab.classifiers[line])
    crowd.go(FLOODS)
    crowd.all_wait(files)
    crowd.go(OTHER)
    crowd.all_wait(files + 1)
    os.kill(classifier, signal.SIGCONT)
    judged_first = [lab.refusal()["uid"] for _ in range(_LATE + 1)]
    assert OTHER in judged_first


@pytest.mark.parametrize("files", [MOST_WAITING_OF_ONE + 40, 1], ids=["many files", "one file"])
def test_more_starts_of_one_than_may_wait_go_unjudged_and_others_are_judged(
    lab: GuardLab, crowd: Crowd, files: int
) -> None:
    for number in range(files):
        program = lab.put(lab.allowed, f"flood{number}")
        crowd.will_start(program, FLOODS, (MOST_WAITING_OF_ONE + 40) // files)
    crowd.will_start(lab.put(lab.banned, "notes"), OTHER)
    stop_it(classifier := lab.classifier)
    crowd.go(FLOODS)
    crowd.all_wait(MOST_WAITING_OF_ONE)
    crowd.go(OTHER)
    crowd.all_wait(MOST_WAITING_OF_ONE + 1)
    os.kill(classifier, signal.SIGCONT)
    assert lab.refusal()["uid"] == OTHER
    assert [one.wait(timeout=120) for one in crowd.started] == [0] * len(crowd.started)
    report = lab.report(lambda r: r["numbers"]["asked"] == MOST_WAITING_OF_ONE + 41)
    assert (report["starts"], report["numbers"]["refused"], report["numbers"]["unasked"]) == (1, 1, 40)


def test_as_many_as_may_wait_are_all_answered_by_the_same_gate(lab: GuardLab, crowd: Crowd) -> None:
    """With 1,024 of one person the gate took so long that the deadman ended it."""
    program = lab.put(lab.allowed, "flood")
    people = range(FLOODS, FLOODS + MOST_WAITING // MOST_WAITING_OF_ONE)
    for uid in people:
        crowd.will_start(program, uid, MOST_WAITING_OF_ONE)
    stop_it(classifier := lab.classifier)
    for uid in people:
        crowd.go(uid)
    crowd.all_wait(MOST_WAITING)
    os.kill(classifier, signal.SIGCONT)
    assert [one.wait(timeout=120) for one in crowd.started] == [0] * len(crowd.started)
    assert lab.report(lambda r: r["numbers"]["waiting"] == 0)["starts"] == 1


def test_a_thousand_marked_files_of_one_take_nobody_elses(lab: GuardLab, crowd: Crowd) -> None:
    """Marks have no limit (FAN_UNLIMITED_MARKS), and those of innocent files the kernel may drop."""
    few = lab.put(lab.allowed, "fine")
    few.write_bytes(b"#!/bin/sh\n")
    script = "i=0; while [ $i -lt 1000 ]; do cp fine f$i; ./f$i || exit 1; i=$((i+1)); done"
    subprocess.run(["/bin/sh", "-c", script], cwd=lab.disk, check=True, timeout=240)
    assert refused(lab.put(lab.banned, "notes"))
    report = lab.report(lambda r: r["numbers"]["refused"] == 1)
    assert report["numbers"]["faults"] == 0
    assert report["starts"] == 1


def test_of_a_crowd_that_waits_for_an_answer_each_person_gets_one_in_turns(
    lab: GuardLab, crowd: Crowd
) -> None:
    """Each answer wakes all who wait: behind 3,000 starts of a refused tool others' waited for seconds."""
    notes = lab.put(lab.banned, "notes")
    for uid in (FLOODS, OTHER):
        assert refused("./notes", cwd=lab.disk, user=uid, group=uid, extra_groups=[])
        assert lab.refusal()["uid"] == uid
    crowd.will_start(notes, FLOODS, 200)
    crowd.will_start(notes, OTHER)
    assert lab.process is not None
    deadman, gate = lab.process.pid, lab.gate
    for pid in (deadman, gate):
        stop_it(pid)
    for uid, all_in_all in ((FLOODS, 200), (OTHER, 201)):
        crowd.go(uid)
        crowd.all_wait(all_in_all)
    for pid in (gate, deadman):
        os.kill(pid, signal.SIGCONT)
    assert OTHER in [lab.refusal()["uid"] for _ in range(MOST_AT_ONCE)]
    assert lab.report(lambda r: r["numbers"]["refused"] == 203)["starts"] == 1
