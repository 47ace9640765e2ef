"""However a program is started, and wherever it lies, a banned one is refused and an innocent one is not."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aipolicy.platforms.linux_marks import marks_of
from machine.guard.lab import GuardLab, refused, stop_it
from machine.guard.test_faults import held_up
from machine_needs import NEEDS_LINUX, NEEDS_ROOT, until

pytestmark = [NEEDS_LINUX, NEEDS_ROOT]

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


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
    numbers = lab.report(lambda r: not r["numbers"]["waiting"])["numbers"]
    assert (numbers["faults"], numbers["refused"]) == (0, 1)


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


@contextlib.contextmanager
def mounted(*words: str | Path, at: Path) -> Iterator[Path]:
    """words: for mount(8)."""
    at.mkdir(exist_ok=True)
    if subprocess.run(["mount", *words, at], capture_output=True).returncode:
        pytest.skip(f"this kernel mounts nothing like that: {words}")
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", at], check=True)


@contextlib.contextmanager
def disk(folder: Path, kind: str, *options: str) -> Iterator[Path]:
    """A disk of this kind in a file."""
    if shutil.which(f"mkfs.{kind}") is None:
        pytest.skip(f"needs mkfs.{kind}")
    image = folder / f"{kind}.img"
    with image.open("wb") as file:
        file.truncate(400 << 20)
    subprocess.run([f"mkfs.{kind}", "-q", image], check=True)
    with mounted("-o", ",".join(("loop", *options)), image, at=folder / kind) as place:
        yield place


def put(source: Path, target: Path) -> Path:
    shutil.copyfile(source, target)
    target.chmod(0o755)
    return target


def guarded_at(lab: GuardLab, folder: Path) -> None:
    """An innocent program starts there, twice; a banned one does not, nor in the place of the other."""
    fine, notes = put(lab.allowed, folder / "fine"), put(lab.banned, folder / "notes")
    assert [refused(fine), refused(fine), refused(notes)] == [False, False, True]
    put(lab.banned, fine)
    assert refused(fine)


def test_a_script_that_is_moved_into_a_banned_package_is_refused_once_the_agent_has_ended_it(
    lab: GuardLab,
) -> None:
    """To ask about each place of each script would make every start of a person's scripts a fifth slower."""
    script = lab.disk / "run.js"
    script.write_text("#!/bin/sh\nexit 0\n")
    script.chmod(0o755)
    assert not refused(script)
    package = lab.disk / "node_modules/@acme/test-probe"
    package.mkdir(parents=True)
    (package / "package.json").write_text(
        '{"name": "@acme/test-probe", "version": "1.0.0", "bin": {"probe": "run.js"}}'
    )
    moved = script.rename(package / "run.js")
    assert not refused(moved)
    lab.say({"judge": [[str(moved), os.getuid()]]})  # the agent does so when it ends what runs from it
    until(lambda: refused(moved) or None)


def test_through_an_overlay_on_a_guarded_filesystem(lab: GuardLab) -> None:
    layers = [lab.disk / name for name in ("lower", "upper", "work")]
    for layer in layers:
        layer.mkdir()
    overlaid(lab, *layers)


def test_through_an_overlay_whose_layers_are_on_two_filesystems(lab: GuardLab) -> None:
    """As a container's is: its image on the disk, what it writes in memory, or on another disk."""
    with disk(lab.folder, "ext4") as below, disk(lab.folder, "xfs") as above:
        for folder in (above / "upper", above / "work"):
            folder.mkdir()
        lab.stop()
        lab.start(also=(below, above, lab.disk / "merged"))
        overlaid(lab, below, above / "upper", above / "work")


def overlaid(lab: GuardLab, lower: Path, upper: Path, work: Path) -> None:
    put(lab.banned, lower / "below")
    put(lab.allowed, lower / "fine")
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    with mounted("-t", "overlay", "overlay", "-o", options, at=lab.disk / "merged") as merged:
        assert [refused(merged / name) for name in ("below", "fine")] == [True, False]
        shutil.copyfile(lab.banned, merged / "fine")
        assert refused(merged / "fine")
        assert [refused(put(lab.allowed, merged / "fresh")), refused(merged / "fresh")] == [False, False]


def test_through_a_guarded_overlay_whose_layer_holds_what_was_refused_before(lab: GuardLab) -> None:
    """To tell the gate of a start, the kernel opens the file in the layer, too, and so asks the gate."""
    lower, upper, work = (lab.disk / name for name in ("lower", "upper", "work"))
    for layer in (lower, upper, work):
        layer.mkdir()
    below = put(lab.banned, lower / "notes")
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    with mounted("-t", "overlay", "overlay", "-o", options, at=lab.disk / "merged") as merged:
        lab.stop()
        lab.start(also=(merged,))
        assert refused(below)
        until(lambda: marks_of(lab.gate).files or None)
        assert refused(merged / "notes")
        readers = [subprocess.Popen(["cat", merged / "notes"], stdout=-3) for _ in range(8)]
        assert [reader.wait(timeout=60) for reader in readers] == [0] * 8
        assert refused(next(Path("/lib64").glob("ld-linux*.so.*")), merged / "notes")
        assert not refused(put(lab.allowed, merged / "fine"))
        assert lab.report()["starts"] == 1, "the gate is the first one"


def test_on_a_filesystem_that_another_one_hides_at_its_first_place(lab: GuardLab) -> None:
    first, second = lab.folder / "first", lab.folder / "second"
    with mounted("-t", "tmpfs", "shared", at=first), mounted("--bind", first, at=second):
        subprocess.run(["mount", "-t", "tmpfs", "above", first], check=True)
        lab.stop()
        lab.start(also=(first, second))
        guarded_at(lab, second)
        guarded_at(lab, first)
        subprocess.run(["umount", "-l", first], check=True)


def test_an_overlay_of_a_persons_own_namespace_is_not_asked_about(lab: GuardLab) -> None:
    """A layer may lie on a program of theirs, which need not answer: the gate would hold up everybody. Where
    the layers lie on what is guarded, a start is refused all the same.
    """
    folder = lab.folder / "own"
    folder.mkdir()
    script = f"""
mount -t tmpfs own {folder} && cd {folder} && mkdir low up work merged && cp {lab.banned} notes || exit
cp notes low/ && mount -t overlay own -o lowerdir=low,upperdir=up,workdir=work merged || exit
echo made
while read program; do $program >&2; echo $?; done
"""
    one = subprocess.Popen(
        ["unshare", "-Urm", "sh", "-c", script], stdin=-1, stdout=-1, stderr=-3, bufsize=0, text=True
    )
    assert one.stdin is not None
    assert one.stdout is not None
    if one.stdout.readline() != "made\n":
        pytest.skip("nobody mounts an overlay in a user namespace here")

    def starts(program: str) -> bool:
        assert one.stdin is not None
        assert one.stdout is not None
        one.stdin.write(f"./{program}\n")
        one.stdin.flush()
        return int(one.stdout.readline()) == 0

    before = marks_of(lab.gate).filesystems
    lab.say({"enter": one.pid})
    until(lambda: not starts("notes") or None)
    assert marks_of(lab.gate).filesystems == before + 1
    assert not starts("merged/notes")
    one.stdin.close()
    one.wait()


@pytest.mark.parametrize("kind", ["ext4", "btrfs", "xfs"])
def test_on_a_filesystem_of_each_kind(lab: GuardLab, kind: str) -> None:
    with disk(lab.folder, kind) as place:
        lab.stop()
        lab.start(also=(place,))
        guarded_at(lab, place)


@pytest.mark.parametrize("apart", [False, True])
def test_on_a_subvolume_of_btrfs(lab: GuardLab, apart: bool) -> None:
    """Each has a device number of its own. apart: mounted by itself, where the rest is not."""
    with disk(lab.folder, "btrfs") as place:
        for name in ("one", "two"):
            subprocess.run(["btrfs", "-q", "subvolume", "create", place / name], check=True)
        if not apart:
            lab.stop()
            lab.start(also=(place,))
            guarded_at(lab, place / "one")
            guarded_at(lab, place / "two")
            snapshot = ["btrfs", "-q", "subvolume", "snapshot", place / "one", place / "three"]
            subprocess.run(snapshot, check=True)
            assert refused(place / "three/notes")
            return
        with mounted("-o", "loop,subvol=two", lab.folder / "btrfs.img", at=lab.folder / "two") as alone:
            lab.stop()
            lab.start(also=(alone,))
            guarded_at(lab, alone)


def test_where_no_rights_of_the_owner_count(lab: GuardLab) -> None:
    with disk(lab.folder, "ext4", "nosuid", "nodev") as place:
        lab.stop()
        lab.start(also=(place,))
        guarded_at(lab, place)


@pytest.mark.xdist_group("machine")  # a guard of the whole machine would judge the flood, too
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
