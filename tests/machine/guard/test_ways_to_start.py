"""However a program is started, and wherever it lies, a banned one is refused and an innocent one is not."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from machine.guard.lab import GuardLab, refused, stop_it
from machine.guard.test_faults import held_up
from machine_needs import NEEDS_LINUX, NEEDS_ROOT, until

pytestmark = [NEEDS_LINUX, NEEDS_ROOT]

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[GuardLab]:
    with GuardLab(tmp_path) as lab:
        lab.start()
        yield lab


def python(code: str, *words: str | Path) -> tuple[str, ...]:
    return (sys.executable, "-c", code, *map(str, words))


def test_a_program_that_is_killed_while_it_waits_ends_and_the_guard_goes_on(lab: GuardLab) -> None:
    classifier = lab.classifier
    stop_it(classifier)
    waiting = held_up(lab.put(lab.allowed, "fresh"))
    waiting.kill()
    assert waiting.wait() == -signal.SIGKILL
    os.kill(classifier, signal.SIGCONT)
    assert not refused(lab.disk / "fresh")
    assert refused(lab.put(lab.banned, "notes"))
    numbers = lab.report(lambda r: r["numbers"]["refused"] == 1)["numbers"]
    assert (numbers["faults"], numbers["waiting"]) == (0, 0)


def test_from_a_thread(lab: GuardLab) -> None:
    code = """
import os, sys, threading
thread = threading.Thread(target=os.execv, args=(sys.argv[1], sys.argv[1:]))
thread.start()
thread.join()
sys.exit(126)
"""
    assert not refused(*python(code, lab.put(lab.allowed, "fresh")))
    assert refused(*python(code, lab.put(lab.banned, "notes")))


def test_in_a_process_namespace_of_its_own(lab: GuardLab) -> None:
    inside = ("unshare", "-pf", "--mount-proc")
    assert not refused(*inside, lab.put(lab.allowed, "fresh"))
    assert refused(*inside, lab.put(lab.banned, "notes"))


def test_by_a_process_that_the_guard_cannot_see(lab: GuardLab) -> None:
    """The guard in a process namespace of its own is told 0 as the number of who starts it."""
    lab.stop()
    lab.start(under=("unshare", "-pf", "--kill-child", "--mount-proc"))
    assert not refused(lab.put(lab.allowed, "fresh"))
    assert refused(lab.put(lab.banned, "notes"))
    assert lab.process is not None
    lab.process.kill()  # unshare ignores SIGTERM; its child goes with it


def test_with_the_rights_of_its_owner(lab: GuardLab) -> None:
    for program in (lab.put(lab.allowed, "fresh"), lab.put(lab.banned, "notes")):
        program.chmod(0o4755)
    assert not refused(*NOBODY, "./fresh", cwd=lab.disk)
    assert refused(*NOBODY, "./notes", cwd=lab.disk)


def test_where_nothing_may_be_executed_and_then_may(lab: GuardLab) -> None:
    programs = lab.put(lab.allowed, "fresh"), lab.put(lab.banned, "notes")
    subprocess.run(["mount", "-o", "remount,noexec", lab.disk], check=True)
    assert [refused(program) for program in programs] == [True, True]
    assert lab.report()["numbers"]["asked"] == 0
    subprocess.run(["mount", "-o", "remount,exec", lab.disk], check=True)
    assert [refused(program) for program in programs] == [False, True]


@pytest.mark.parametrize("kept", [True, False])
def test_a_file_without_a_name(lab: GuardLab, kept: bool) -> None:
    """O_TMPFILE, and a file that was removed while it was open."""
    code = f"""
import os, sys
if {kept}:
    fd = os.open({str(lab.disk)!r}, os.O_TMPFILE | os.O_RDWR, 0o755)
else:
    place = {str(lab.disk / "short")!r}
    fd = os.open(place, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o755)
    os.unlink(place)
os.write(fd, open(sys.argv[1], "rb").read())
program = os.open(f"/proc/self/fd/{{fd}}", os.O_RDONLY)
os.close(fd)
os.execve(program, ["notes"], {{}})
"""
    assert not refused(*python(code, lab.allowed))
    assert refused(*python(code, lab.banned))


def test_through_an_overlay_on_a_guarded_filesystem(lab: GuardLab) -> None:
    folders = [lab.disk / name for name in ("lower", "upper", "work", "merged")]
    lower, upper, work, merged = folders
    for folder in folders:
        folder.mkdir()
    below = lab.put(lab.banned, "lower/below"), lab.put(lab.allowed, "lower/fine")
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    if subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, merged]).returncode:
        pytest.skip("no overlay filesystem here")
    try:
        assert [refused(merged / place.name) for place in below] == [True, False]
        shutil.copyfile(lab.banned, merged / "fine")
        assert refused(merged / "fine")
    finally:
        subprocess.run(["umount", merged], check=True)


@pytest.mark.parametrize("kind", ["ext4", "btrfs", "xfs"])
def test_on_a_filesystem_of_each_kind(lab: GuardLab, kind: str) -> None:
    if shutil.which(f"mkfs.{kind}") is None:
        pytest.skip(f"needs mkfs.{kind}")
    image, place = lab.folder / "image", lab.folder / "mounted"
    with image.open("wb") as file:
        file.truncate(400 << 20)
    subprocess.run([f"mkfs.{kind}", "-q", image], check=True)
    place.mkdir()
    if subprocess.run(["mount", "-o", "loop", image, place], capture_output=True).returncode:
        pytest.skip(f"this kernel mounts no {kind}")
    try:
        lab.stop()
        lab.start(also=(place,))
        for source, name in ((lab.allowed, "fine"), (lab.banned, "notes")):
            shutil.copyfile(source, place / name)
            (place / name).chmod(0o755)
        assert [refused(place / name) for name in ("fine", "fine", "notes")] == [False, False, True]
        shutil.copyfile(lab.banned, place / "fine")
        assert refused(place / "fine")
    finally:
        subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.parametrize("flood", ["sparse files", "scripts", "one file"])
def test_beside_one_person_who_floods_others_are_judged(lab: GuardLab, flood: str) -> None:
    folder = lab.disk / "flood"
    folder.mkdir()
    folder.chmod(0o777)
    header = lab.allowed.read_bytes()[:4096]
    for number in range(300 if flood != "one file" else 1):
        place = folder / f"f{number}"
        if flood == "scripts":
            place.write_text(f"#!/bin/sh\nexit 0 # {number}\n")
        else:
            with place.open("wb") as file:
                file.write(header)
                file.truncate(2 << 30)
        place.chmod(0o755)
    line = "while :; do for one in ./*; do $one & done; wait; done"
    one = subprocess.Popen(
        [*NOBODY, "sh", "-c", line], cwd=folder, stdout=-3, stderr=-3, start_new_session=True
    )
    try:
        until(lambda: lab.report()["numbers"]["asked"] > 0 or None)
        for number in range(10):
            assert not refused(lab.put(lab.allowed, f"fresh{number}"))
            assert refused(lab.put(lab.banned, f"notes{number}"))
    finally:
        os.killpg(one.pid, signal.SIGKILL)
        one.wait()
    assert lab.report()["starts"] == 1
