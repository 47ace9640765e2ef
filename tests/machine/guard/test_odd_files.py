"""Given a file that somebody has made odd, then the guard judges it all the same and goes on."""

import os
import signal
import subprocess
import sys

import pytest

from aipolicy.enforce.guard.questions import LARGE_BYTES
from machine.guard.lab import GuardLab, held_up, refused, stop_it, was_asked
from machine_needs import NEEDS_LINUX, NEEDS_ROOT, until

pytestmark = [NEEDS_LINUX, NEEDS_ROOT]


@pytest.mark.parametrize("size", [0, LARGE_BYTES + 1], ids=["small", "large"])
def test_a_name_that_is_no_text_is_refused_and_told(lab: GuardLab, size: int) -> None:
    program = lab.put(lab.banned, os.fsdecode(b"no\xfftes\n\x1b[2J"))
    os.truncate(program, max(size, program.stat().st_size))
    for _ in range(2):
        assert refused(program)
        assert "test-probe" in lab.refusal()["verdict"]
    assert lab.report()["classifier_starts"] == 1


def test_in_a_folder_too_deep_for_its_path_to_be_named(lab: GuardLab) -> None:
    """Who starts it there is the only one to know where it lies."""
    code = """
import os, shutil, subprocess, sys
for _ in range(20):
    os.mkdir("x" * 250)
    os.chdir("x" * 250)
for source in sys.argv[1:]:
    shutil.copy(source, os.path.basename(source))
for name in ("allowed", "banned") * 2:
    try:
        subprocess.run([f"./{name}"], check=True, stdout=-3)
        print(name)
    except PermissionError:
        pass
"""
    one = subprocess.run(
        [sys.executable, "-c", code, lab.allowed, lab.banned], cwd=lab.disk, stdout=-1, check=True
    )
    assert one.stdout.split() == [b"allowed", b"allowed"]
    assert "test-probe" in lab.refusal()["verdict"]
    assert lab.report()["numbers"]["faults"] == 0


def test_one_whose_lease_is_not_given_back_holds_up_nobody(lab: GuardLab) -> None:
    program = lab.put(lab.allowed, "leased")
    code = """
import fcntl, signal, sys
signal.signal(signal.SIGIO, signal.SIG_IGN)
leased = open(sys.argv[1], "rb")
fcntl.fcntl(leased, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("leased", flush=True)
sys.stdin.read()
"""
    holds = subprocess.Popen([sys.executable, "-c", code, program], stdin=-1, stdout=-1)
    assert holds.stdout is not None
    assert holds.stdout.readline() == b"leased\n"
    assert refused(program), "by the kernel, which could not open it for the gate"
    assert not refused(lab.put(lab.allowed, "fresh"))
    assert refused(lab.put(lab.banned, "notes"))
    holds.communicate()
    assert not refused(program)
    assert lab.report()["starts"] == 1, "the gate is the first one"


@pytest.mark.parametrize("size", [0, LARGE_BYTES + 1], ids=["small", "large"])
def test_one_that_is_touched_while_it_is_judged_is_refused(lab: GuardLab, size: int) -> None:
    notes, fine = lab.put(lab.banned, "notes"), lab.put(lab.allowed, "fine")
    for program, code in ((notes, 126), (fine, 0)):
        os.truncate(program, max(size, program.stat().st_size))
        classifier = lab.classifiers[bool(size)]
        stop_it(classifier)
        waiting = held_up(program)
        until(lambda classifier=classifier: was_asked(classifier) or None)  # type: ignore[misc]
        os.utime(program)
        os.kill(classifier, signal.SIGCONT)
        assert waiting.wait(timeout=60) == code
        assert refused(program) == (program == notes)
    assert lab.report(lambda r: not r["numbers"]["waiting"])["numbers"]["unasked"] == 0


def test_beside_refusals_that_were_not_heard_yet_there_is_room_for_a_question(lab: GuardLab) -> None:
    known = lab.put(lab.banned, "known")
    assert refused(known)
    classifier = lab.classifier
    stop_it(classifier)
    for _ in range(300):
        assert refused(known)
    fresh = held_up(lab.put(lab.banned, "fresh"))
    until(lambda: was_asked(classifier) or None)
    os.kill(classifier, signal.SIGCONT)
    assert fresh.wait(timeout=60) == 126
    assert lab.report()["numbers"]["unasked"] == 0
