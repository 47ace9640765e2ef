"""Given a fault of the guard, its disk or rules, what is innocent starts and what is known stays refused."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import aipolicy
from aipolicy.daemon.catalog_keeper import catalog_at_start
from aipolicy.enforce.guard.questions import LARGE_BYTES
from aipolicy.platforms.linux_marks import marks_of
from machine.guard.lab import BANNED, MARKS, GuardLab, compiled, gone, held_up, refused, stop_it, was_asked
from machine_needs import NEEDS_LINUX, NEEDS_ROOT, until

pytestmark = [NEEDS_LINUX, NEEDS_ROOT]

WITHOUT_COMPILED = shutil.ignore_patterns("__pycache__")
"""Whoever imports the package meanwhile puts files there, and renames them."""
SLEPT_S = 2.5
"""Longer than the deadman's patience."""


# --- the classifier --------------------------------------------------------------------------------------


def end_over(lab: GuardLab, program: Path, line: int, *signals: signal.Signals) -> None:
    """Starts the program; the classifier of its line (0: small files) ends while it judges it."""
    classifier = lab.classifiers[line]
    stop_it(classifier)
    waiting = held_up(program)
    until(lambda: was_asked(classifier) or None)
    for number in signals:
        os.kill(classifier, number)
    assert waiting.wait(timeout=60) == 0
    until(lambda: gone(classifier) or None)
    lab.connect()


CRASH = (signal.SIGSEGV, signal.SIGCONT)


@pytest.mark.parametrize("signals", [CRASH, (signal.SIGKILL,)], ids=["crash", "kill"])
@pytest.mark.parametrize("line", [0, 1], ids=["small", "large"])
def test_a_file_that_ended_the_classifier_twice_starts_unjudged_and_holds_up_nobody(
    lab: GuardLab, line: int, signals: tuple[signal.Signals, ...]
) -> None:
    poison = lab.put(lab.banned, "poison")
    if line:
        os.truncate(poison, LARGE_BYTES + 1)
    for times in (1, 2):
        end_over(lab, poison, line, *signals)
        report = lab.report()
        assert report["numbers"]["given_up"] == times // 2
        assert report["classifier_starts"] == times + 1
    assert not refused(poison)
    assert refused(lab.put(lab.banned, "notes"))
    assert lab.report()["starts"] == 1, "the gate is the first one"


def test_only_the_file_that_ended_it_is_blamed(lab: GuardLab) -> None:
    """Also where another one was being judged: here a small one, while a large one ends the classifier."""
    poison = lab.put(lab.banned, "poison")
    os.truncate(poison, LARGE_BYTES + 1)
    innocent = lab.put(lab.allowed, "innocent")
    for _ in range(2):
        small, large = lab.classifiers
        for pid in (small, large):
            stop_it(pid)
        programs = held_up(poison), held_up(innocent)
        until(lambda: (was_asked(small) and was_asked(large)) or None)  # noqa: B023
        os.kill(large, signal.SIGKILL)
        assert programs[0].wait(timeout=60) == 0
        os.kill(small, signal.SIGCONT)
        assert programs[1].wait(timeout=60) == 0
        until(lambda: gone(small) or None)  # noqa: B023
        lab.connect()
    assert lab.report()["numbers"]["given_up"] == 1
    asked = lab.report()["numbers"]["unasked"]
    assert not refused(innocent)
    assert lab.report()["numbers"]["unasked"] == asked, "it was judged"


def test_a_file_that_is_judged_while_the_catalog_changes_is_not_blamed(lab: GuardLab) -> None:
    program = lab.put(lab.allowed, "fresh")
    for times in range(2):
        classifier = lab.classifier
        stop_it(classifier)
        waiting = held_up(program)
        until(lambda: was_asked(classifier) or None)  # noqa: B023
        tool = lab.tools / "test-probe.yaml"
        tool.write_text(tool.read_text() + f"# {times}\n")
        catalog_at_start(str(lab.tools), lab.state)
        os.kill(classifier, signal.SIGCONT)
        assert waiting.wait(timeout=60) == 0
        lab.connect()
    assert lab.report()["numbers"]["given_up"] == 0


def test_a_classifier_that_hangs_over_a_file_is_ended_and_started_anew(lab: GuardLab) -> None:
    lab.stop()
    lab.start(cap_s=0.2)
    classifier = lab.classifier
    stop_it(classifier)
    assert not refused(lab.put(lab.allowed, "fresh"))
    until(lambda: gone(classifier) or None)
    lab.connect()
    assert until(lambda: refused(lab.put(lab.banned, "notes")) or None)


def test_the_second_line_ends_with_the_first_however_that_ended(lab: GuardLab) -> None:
    first = lab.classifier
    second = int(Path(f"/proc/{first}/task/{first}/children").read_text().split()[0])
    stop_it(second)
    os.kill(first, signal.SIGKILL)
    until(lambda: gone(second) or None)


def test_more_refusals_than_a_channel_holds_are_all_there_after_a_restart(lab: GuardLab) -> None:
    original = lab.put(lab.banned, "notes")
    assert refused(original)
    programs = [lab.disk / f"copy{number}" for number in range(300)]
    for program in programs:
        shutil.copyfile(original, program)
        program.chmod(0o755)
        assert refused(program)
    until(lambda: str(programs[-1]) in (lab.state / "guard-table.json").read_text() or None)
    lab.stop()
    lab.start()
    assert all(refused(program) for program in programs)


# --- its processes ---------------------------------------------------------------------------------------


def test_a_killed_deadman_takes_gate_and_classifier_with_it(lab: GuardLab) -> None:
    program = lab.put(lab.banned, "notes")
    assert refused(program)
    first, gate = lab.classifier, lab.gate
    second = int(Path(f"/proc/{first}/task/{first}/children").read_text().split()[0])
    assert lab.process is not None
    lab.process.kill()
    until(lambda: all(gone(pid) for pid in (gate, first, second)) or None)
    assert not refused(program)


def test_a_child_whose_parent_ended_before_it_could_say_so_ends(lab: GuardLab) -> None:
    lab.stop()
    ask = "from aipolicy.platforms.linux_self import die_with_parent; print(die_with_parent(999999999))"
    assert subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True).stdout == "False\n"


def test_a_deadman_that_slept_with_the_machine_ends_nobody(lab: GuardLab) -> None:
    assert lab.process is not None
    gate = lab.gate
    for pid in (lab.process.pid, gate):
        stop_it(pid)
    time.sleep(SLEPT_S)
    os.killpg(lab.process.pid, signal.SIGCONT)  # both at once
    assert refused(lab.put(lab.banned, "notes"))
    assert lab.report(lambda r: r["numbers"]["refused"] == 1)["starts"] == 1


def test_ctrl_z_at_its_terminal_stops_nobody(lab: GuardLab) -> None:
    assert lab.process is not None
    os.killpg(lab.process.pid, signal.SIGTSTP)
    assert not refused(lab.put(lab.allowed, "fresh"))
    assert refused(lab.put(lab.banned, "notes"))
    assert lab.report()["starts"] == 1


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_it_ends_with_its_terminal_and_lets_everything_start(lab: GuardLab, number: signal.Signals) -> None:
    program = lab.put(lab.banned, "notes")
    assert refused(program)
    assert lab.process is not None
    os.killpg(lab.process.pid, number)
    lab.process.wait(timeout=60)
    assert not refused(program)


def test_a_second_guard_of_the_same_state_does_not_start(lab: GuardLab) -> None:
    lab.stop()
    guard = [sys.executable, "-m", "aipolicy", "guard", "--only", str(lab.disk)]
    command = [*guard, "--state", str(lab.state), "--tools", str(lab.tools)]
    with lab.log.open("ab") as log:
        lab.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    lab.connect()
    second = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert second.returncode == 2
    assert "already" in second.stderr
    assert until(lambda: refused(lab.put(lab.banned, "notes")) or None)


def test_a_newer_guard_takes_the_place_of_the_older_one(lab: GuardLab) -> None:
    program = lab.put(lab.banned, "notes")
    assert refused(program)
    before = lab.report()["deadman"]
    until(lambda: str(program) in (lab.state / "guard-table.json").read_text() or None)
    lab.stop()
    lab.start()
    assert lab.report()["deadman"] != before, "another life: the agent sweeps what started between the two"
    assert refused(program)


@pytest.mark.parametrize(
    ("module", "word", "judges"),
    [
        ("line", '"say"', False),
        ("service", '"ready"', False),
        ("service", '"forget"', True),
        ("service", '"known"', True),
    ],
)
def test_a_classifier_of_another_version_that_the_gate_does_not_understand_refuses_nobody(
    lab: GuardLab, module: str, word: str, judges: bool
) -> None:
    """As after an upgrade under a guard that runs: its next classifier is the new one."""
    lab.stop()
    installed = lab.folder / "installed"
    shutil.copytree(Path(aipolicy.__file__).parent, installed / "aipolicy", ignore=WITHOUT_COMPILED)
    lab.start(cap_s=1.0, under=("env", f"PYTHONPATH={installed}"))
    program = lab.put(lab.banned, "notes")
    assert until(lambda: refused(program) or None)
    source = installed / "aipolicy" / "daemon" / "guard" / f"{module}.py"
    text = source.read_text()
    assert word in text
    source.write_text(text.replace(word, '"of-another-version"'))
    os.kill(lab.classifier, signal.SIGKILL)
    lab.report(lambda r: r["classifier_starts"] == 2)
    assert until(lambda: refused(program) or None), "what was refused is"
    unasked = lab.report()["numbers"]["unasked"]
    for number in range(3):
        assert not refused(lab.put(lab.allowed, f"fresh{number}"))
    report = lab.report(lambda r: judges or r["numbers"]["unasked"] >= unasked + 3)
    assert report["starts"] == 1


def test_a_starved_gate_refuses_nothing_that_may_start(lab: GuardLab) -> None:
    program = lab.put(lab.banned, "notes")
    assert refused(program)
    os.sched_setscheduler(lab.gate, os.SCHED_IDLE, os.sched_param(0))
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    try:
        for number in range(20):
            assert not refused(lab.put(lab.allowed, f"fresh{number}"))
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()
    assert until(lambda: refused(program) or None)


# --- limits of the kernel --------------------------------------------------------------------------------


def test_neither_its_queue_nor_its_marks_have_a_limit(lab: GuardLab) -> None:
    """FAN_UNLIMITED_QUEUE and FAN_UNLIMITED_MARKS, as the kernel says: an overflow would let things start."""
    texts = [path.read_text() for path in Path(f"/proc/{lab.gate}/fdinfo").iterdir()]
    line = next(line for text in texts for line in text.splitlines() if line.startswith("fanotify flags:"))
    assert int(line.split()[1].removeprefix("flags:"), 16) & 0x30 == 0x30


def test_with_few_descriptors_nobody_is_refused_for_want_of_one(lab: GuardLab) -> None:
    lab.stop()
    few = ("prlimit", "--nofile=300:300", "setpriv", "--bounding-set=-sys_resource")
    lab.start(cap_s=3.0, under=few)
    classifier = lab.classifier
    programs = [lab.put(lab.allowed, f"fresh{number}") for number in range(400)]
    stop_it(classifier)
    try:
        started = [subprocess.Popen(["/bin/sh", "-c", f"exec {one}"], stdout=-3) for one in programs]
        assert [one.wait() for one in started] == [0] * len(programs)
    finally:
        with contextlib.suppress(ProcessLookupError):  # on a slow machine it was taken for stuck
            os.kill(classifier, signal.SIGCONT)
    assert lab.report(lambda r: r["numbers"]["asked"] >= len(programs))["numbers"]["faults"] == 0
    assert until(lambda: refused(lab.put(lab.banned, "notes")) or None)


# --- its disk and rules ----------------------------------------------------------------------------------


def test_on_a_full_disk_it_judges_as_ever(lab: GuardLab) -> None:
    lab.stop()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "full", lab.state], check=True)
    try:
        catalog_at_start(str(lab.tools), lab.state)
        lab.policy(BANNED)
        with pytest.raises(OSError, match="No space"):
            (lab.state / "filler").write_bytes(b"x" * (64 << 10))
        lab.start()
        assert refused(lab.put(lab.banned, "notes"))
        assert not refused(lab.put(lab.allowed, "fresh"))
        lab.stop()
    finally:
        subprocess.run(["umount", "-l", lab.state], check=True)


@pytest.mark.parametrize("how", ["broken", "removed", "folder"])
def test_what_happens_to_the_policy_on_disk_changes_nothing(lab: GuardLab, how: str) -> None:
    assert refused(lab.put(lab.banned, "notes"))
    kept = next(path for path in lab.state.iterdir() if "policy" in path.name)
    if how == "broken":
        kept.write_text("mode: [")
    elif how == "removed":
        kept.unlink()
    else:
        away = lab.state.rename(lab.state.with_name("away"))  # in one step, since the guard writes in it
        shutil.rmtree(away)
    beats = lab.report()["numbers"]["beats"]
    lab.report(lambda r: r["numbers"]["beats"] > beats + 8)
    assert refused(lab.disk / "notes")
    assert refused(lab.put(lab.banned, "other"))
    assert not refused(lab.put(lab.allowed, "fresh"))
    lab.state.mkdir(exist_ok=True)
    lab.policy("mode: report\nbanned: [test-probe]\n")
    until(lambda: not refused(lab.disk / "notes") or None)


def test_what_all_policies_refuse_never_starts_while_they_change(lab: GuardLab) -> None:
    program = lab.put(lab.banned, "notes")
    others = [lab.put(lab.banned, f"other{number}") for number in range(50)]
    assert all(refused(one) for one in (program, *others))
    again_and_again = f"while :; do {program} 2>/dev/null && echo it-ran; done"
    starting = subprocess.Popen(["/bin/sh", "-c", again_and_again], stdout=subprocess.PIPE)
    try:
        for number in range(6):
            asked = lab.report()["numbers"]["asked"]
            lab.policy_in_force(f"{BANNED}# {number}\n")
            lab.report(lambda r: r["numbers"]["asked"] > asked)  # noqa: B023
    finally:
        starting.kill()
    assert starting.communicate()[0] == b""
    assert all(refused(one) for one in others)


def test_another_catalog_counts_at_once(lab: GuardLab) -> None:
    marks = ("aipolicy-test-probe-third-mark-5c1e", "aipolicy-test-probe-fourth-mark-08de")
    other = compiled(lab.folder, "other", marks)
    assert not refused(lab.put(other, "other"))
    tool = lab.tools / "test-probe.yaml"
    text = tool.read_text()
    for old, new in zip(MARKS, marks, strict=True):
        text = text.replace(old, new)
    tool.write_text(text)
    classifier = lab.classifier
    catalog_at_start(str(lab.tools), lab.state)
    until(lambda: gone(classifier) or None)
    lab.connect()
    assert refused(lab.disk / "other")
    assert not refused(lab.put(lab.banned, "notes"))


def test_the_same_catalog_read_again_disturbs_nobody(lab: GuardLab) -> None:
    classifier = lab.classifier
    catalog_at_start(str(lab.tools), lab.state)
    beats = lab.report()["numbers"]["beats"]
    lab.report(lambda r: r["numbers"]["beats"] > beats + 8)
    assert lab.classifier == classifier


def test_the_marks_are_gone_with_the_guard(lab: GuardLab) -> None:
    gate = lab.gate
    assert marks_of(gate).filesystems == 1
    lab.stop()
    until(lambda: not marks_of(gate).filesystems)  # it is killed, and not waited for
