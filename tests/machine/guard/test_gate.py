"""Given a guard, then a banned tool is refused before its first instruction, and nothing else ever is."""

import contextlib
import mmap
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from aipolicy.enforce.guard.questions import LARGE_BYTES
from aipolicy.platforms.linux_marks import marks_of
from machine.guard.lab import BANNED, GuardLab, refused, stop_it
from machine.real_packages import native_claude
from machine_needs import NEEDS_LINUX, NEEDS_ROOT, until

pytestmark = [NEEDS_LINUX, NEEDS_ROOT]


# --- what is refused -------------------------------------------------------------------------------------


def test_a_banned_program_is_refused_at_its_first_start_under_any_name(lab: GuardLab) -> None:
    assert refused(lab.put(lab.banned, "notes"))
    assert refused(lab.put(lab.banned, "bash"))
    assert not refused(lab.put(lab.allowed, "test-probe"))


@pytest.mark.xdist_group("machine")  # an agent of the whole machine would tell of it
def test_the_real_tool_renamed_is_refused_at_its_first_start(lab: GuardLab) -> None:
    lab.policy_in_force("mode: block\nbanned: [claude-code]\n")
    program = lab.put(native_claude(), "notes")
    assert refused(program, "--version")
    assert refused(program, "--version")


def test_hard_links_and_moved_files_are_refused(lab: GuardLab) -> None:
    program = lab.put(lab.banned, "notes")
    os.link(program, lab.disk / "other")
    assert refused(lab.disk / "other")
    program.rename(lab.disk / "moved")
    assert refused(lab.disk / "moved")


def test_the_loader_is_refused_the_program_and_copying_is_not(lab: GuardLab) -> None:
    program = lab.put(lab.banned, "notes")
    assert refused(program)
    loader = next(Path("/lib64").glob("ld-linux*.so.*"))
    assert refused(loader, program)
    shutil.copyfile(program, lab.disk / "copy")
    assert subprocess.run(["cat", program], capture_output=True).stdout == program.read_bytes()


def test_an_interpreter_is_refused_the_script_of_a_banned_package_and_others_read_it(lab: GuardLab) -> None:
    package = lab.disk / "lib/node_modules/@acme/test-probe"
    package.mkdir(parents=True)
    (package / "package.json").write_text(
        '{"name": "@acme/test-probe", "version": "1.0.0", "bin": {"probe": "cli.py"}}'
    )
    script = package / "cli.py"
    script.write_text("#!/usr/bin/env python3\nprint('it ran')\n")
    script.chmod(0o755)
    assert refused(script)
    assert refused("python3", script)
    assert not refused("python3", "-c", f"open({str(script)!r}).read()")
    assert not refused("python3", "-m", "py_compile", script)
    assert not refused("cat", script)


@pytest.mark.parametrize("how", ["write", "rename", "link", "mmap"])
def test_a_banned_program_put_over_an_allowed_one_that_has_run_is_refused(lab: GuardLab, how: str) -> None:
    place = lab.put(lab.allowed, "notes")
    assert not refused(place)
    assert not refused(place)
    bytes_of_it = lab.banned.read_bytes()
    if how == "write":
        with place.open("r+b") as file:
            file.write(bytes_of_it)
            file.truncate(len(bytes_of_it))
    elif how == "mmap":
        with place.open("r+b") as file:
            file.truncate(len(bytes_of_it))
        assert not place.read_bytes().startswith(bytes_of_it[:4096])
        with place.open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
            memory[:] = bytes_of_it
    else:
        new = lab.put(lab.banned, "new")
        if how == "rename":
            new.rename(place)
        else:
            place.unlink()
            place.hardlink_to(new)
    if how == "mmap":  # what the gate hears of afterwards
        until(lambda: refused(place) or None)
    assert refused(place)


def test_a_file_with_two_names_that_is_mapped_over_is_asked_about_again(lab: GuardLab) -> None:
    """It is never left out of the kernel's questions: its times tell."""
    place = lab.put(lab.allowed, "notes")
    size = lab.banned.stat().st_size + 4096
    place.write_bytes(place.read_bytes().ljust(size, b"\1"))  # no hole: to fill one moves its times
    (lab.disk / "other").hardlink_to(place)
    assert not refused(place)
    with place.open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[: lab.banned.stat().st_size] = lab.banned.read_bytes()
    assert refused(place)


def test_a_filesystem_mounted_later_is_guarded(lab: GuardLab) -> None:
    subprocess.run(["umount", lab.disk], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "guarded", lab.disk], check=True)
    until(lambda: refused(lab.put(lab.banned, "notes")) or None)
    assert lab.report()["numbers"]["marked"] == 1


def test_a_private_mount_namespace_is_guarded(lab: GuardLab) -> None:
    program = lab.put(lab.banned, "notes")
    inside = f"mount --bind {program} {lab.put(lab.allowed, 'vi')} && exec {lab.disk}/vi"
    assert refused("unshare", "-m", "sh", "-c", inside)


# --- what is never refused -------------------------------------------------------------------------------


def test_a_tool_that_is_freed_starts_again_and_one_newly_banned_no_longer(lab: GuardLab) -> None:
    program = lab.put(lab.banned, "notes")
    assert refused(program)
    lab.policy("mode: report\nbanned: [test-probe]\n")
    until(lambda: not refused(program) or None)
    lab.policy(BANNED)
    until(lambda: refused(program) or None)


def test_a_policy_that_bans_everything_refuses_no_other_software(lab: GuardLab) -> None:
    lab.policy_in_force('mode: block\nbanned: ["*"]\nunlisted: block\n')
    assert refused(lab.put(lab.banned, "notes"))
    places = [shutil.which(name, path="/usr/bin:/bin") for name in ("bash", "env", "git", "python3", "vim")]
    for place in filter(None, places):
        assert not refused(place, "--version")
        assert not refused(lab.put(Path(place), f"copy-of-{os.path.basename(place)}"), "--version")
    script = lab.disk / "script"
    script.write_text("#!/bin/sh\necho it ran\n")
    script.chmod(0o755)
    assert not refused(script)
    assert not refused(lab.put(lab.allowed, "fresh"))


def test_the_same_bytes_in_another_package_are_not_refused(lab: GuardLab) -> None:
    """pnpm and uv link one file into many packages: what a place decides counts for that place only."""
    script = "#!/usr/bin/env python3\nprint('it ran')\n"
    places = []
    for name in ("@acme/test-probe", "innocent"):
        folder = lab.disk / "node_modules" / name
        folder.mkdir(parents=True)
        (folder / "package.json").write_text(f'{{"name": "{name}", "version": "1.0.0", "bin": "cli.py"}}')
        places.append(folder / "cli.py")
    places[0].write_text(script)
    places[0].chmod(0o755)
    places[1].hardlink_to(places[0])
    assert refused(places[0])
    assert not refused(places[1])
    assert refused(places[0])


# --- when the guard fails --------------------------------------------------------------------------------


def test_a_stopped_gate_holds_up_others_for_moments_and_comes_back(lab: GuardLab) -> None:
    program = lab.put(lab.allowed, "a")
    stop_it(lab.gate)
    assert not refused(program)  # it waits until the deadman has ended the gate
    report = lab.report(lambda r: r["starts"] == 2 and bool(r["numbers"]["ready"]))
    assert report["reason"] == "it made no progress and was ended"
    assert refused(lab.put(lab.banned, "notes"))


def test_a_killed_gate_lets_everything_start_and_what_was_refused_is_refused_again_at_once(
    lab: GuardLab,
) -> None:
    program = lab.put(lab.banned, "notes")
    assert refused(program)
    until(lambda: (lab.state / "guard-table.json").stat().st_size > 60 or None)
    os.kill(lab.gate, signal.SIGKILL)
    lab.report(lambda r: r["starts"] == 2 and bool(r["numbers"]["marked"]))
    assert refused(program)


def test_a_gate_that_ends_again_and_again_stays_away_and_says_so(lab: GuardLab) -> None:
    program = lab.put(lab.banned, "notes")
    for life in range(1, 5):
        gate = lab.report(lambda r, life=life: r["starts"] == life and bool(r["gate"]))["gate"]  # type: ignore[misc]
        os.kill(int(gate), signal.SIGKILL)
    report = lab.report(lambda r: not r["gate"])
    assert "stays away" in report["reason"]
    assert report["away_since"] is not None
    assert not refused(program)


def test_without_its_classifier_what_is_known_stays_refused_and_the_rest_starts(lab: GuardLab) -> None:
    program = lab.put(lab.banned, "notes")
    assert refused(program)
    gate = lab.gate
    classifier = next(pid for pid in lab.children() if pid != gate)
    os.kill(classifier, signal.SIGKILL)
    assert refused(program)
    assert not refused(lab.put(lab.allowed, "fresh"))
    lab.connect()
    assert refused(lab.put(lab.banned, "notes2"))


def test_a_stuck_classifier_holds_up_what_is_new_for_a_moment_only(lab: GuardLab) -> None:
    lab.stop()
    lab.start(cap_s=0.5)
    gate = lab.gate
    classifier = next(pid for pid in lab.children() if pid != gate)
    stop_it(classifier)
    try:
        assert not refused(lab.put(lab.allowed, "fresh"))
    finally:
        with contextlib.suppress(ProcessLookupError):  # on a slow machine it was taken for stuck
            os.kill(classifier, signal.SIGCONT)
    until(lambda: refused(lab.put(lab.banned, "notes")) or None)


def test_a_new_start_refuses_from_its_table_before_anybody_can_judge(lab: GuardLab) -> None:
    program = lab.put(lab.banned, "notes")
    assert refused(program)
    until(lambda: (lab.state / "guard-table.json").stat().st_size > 60 or None)
    lab.stop()
    assert not refused(program)
    lab.start()
    assert refused(program)


@pytest.mark.parametrize("table", ["", "{", '{"version": 2, "refused": [[1]]}', '{"version": 99}', "[]"])
def test_a_damaged_table_counts_as_empty(lab: GuardLab, table: str) -> None:
    lab.stop()
    (lab.state / "guard-table.json").write_text(table)
    lab.start()
    assert refused(lab.put(lab.banned, "notes"))
    assert not refused(lab.put(lab.allowed, "fine"))


# --- what it tells ---------------------------------------------------------------------------------------


def test_the_daemon_is_told_of_each_refusal_until_it_has_taken_it(lab: GuardLab) -> None:
    program = lab.put(lab.banned, "notes")
    assert refused(program)
    first = lab.refusal()
    lab.connect()  # as a daemon that ended before it took it
    again = lab.refusal()
    assert again == first
    lab.say({"taken": again["number"]})
    lab.connect()
    assert refused(program)
    assert lab.refusal()["number"] > again["number"]
    assert (again["path"], again["uid"]) == (str(program), 0)
    assert again["session"] == os.getsid(0), "of whose leader the terminal may be"
    assert '"tool":"test-probe"' in again["verdict"]


def test_a_refusal_is_told_whichever_line_judged_it_and_however_busy_the_other_was(lab: GuardLab) -> None:
    program = lab.put(lab.banned, "large")
    os.truncate(program, LARGE_BYTES + 1)
    first = lab.classifier
    stop_it(first)
    assert refused(program)
    os.kill(first, signal.SIGCONT)
    assert lab.refusal()["path"] == str(program)


def test_a_refusal_is_told_also_where_the_policy_has_changed_since(lab: GuardLab) -> None:
    program = lab.put(lab.banned, "notes")
    assert refused(program)
    lab.refusal()
    classifier = lab.classifier
    stop_it(classifier)
    assert refused(program)
    lab.policy("mode: report\nbanned: [test-probe]\n")
    os.kill(classifier, signal.SIGCONT)
    assert lab.refusal()["path"] == str(program)
    until(lambda: not refused(program) or None)


def test_the_kernel_says_that_its_marks_are_there(lab: GuardLab) -> None:
    assert marks_of(lab.gate).filesystems == 1
    assert marks_of(os.getpid()).filesystems == 0


def test_the_gate_is_small(lab: GuardLab) -> None:
    modules = Path(f"/proc/{lab.gate}/maps").read_text()
    assert "msgspec" not in modules
    assert "site-packages" not in modules
