"""On a real kernel: an install anywhere on a local filesystem is a hint, and what is lost is said."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from aipolicy.core.model import Unseen
from aipolicy.platforms import this_machine
from aipolicy.platforms.linux_fanotify import Fanotify
from aipolicy.platforms.linux_installs import FilesystemEvents, open_install_events
from aipolicy.platforms.linux_mounts import MountTable
from aipolicy.platforms.sources import install_source
from machine_needs import LONG_S, NEEDS_LINUX, NEEDS_ROOT, until

pytestmark = [NEEDS_LINUX, NEEDS_ROOT]

NAME = f"aipolicy-test-{os.getpid()}"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A filesystem of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "aipolicy-test", str(place)], check=True)
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.fixture
def events(disk: Path, tmp_path: Path) -> Iterator[FilesystemEvents]:
    """Sees the scratch disk only: whatever else goes on in the machine is no hint here."""
    lines = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if f" {disk} " in line]
    (tmp_path / "mountinfo").write_text("\n".join(lines) + "\n")
    opened = FilesystemEvents(Fanotify(), MountTable(f"{tmp_path}/mountinfo"), ["claude-code", "claude"])
    opened.watch((f"{disk}/bin", f"{disk}/home/.local/bin"))
    yield opened
    opened.close()


@pytest.fixture
def everywhere() -> Iterator[FilesystemEvents]:
    opened = open_install_events([NAME])
    if isinstance(opened, Unseen):
        pytest.skip(f"needs marks on filesystems: {opened.reason}")
    yield opened
    opened.close()


def quiet(events: FilesystemEvents) -> None:
    while events.wait(0.2).changed:
        pass


def hinted(events: FilesystemEvents) -> bool:
    return events.wait(LONG_S).changed


def test_a_name_of_the_catalog_anywhere(events: FilesystemEvents, disk: Path) -> None:
    quiet(events)
    place = disk / "a/deep/lib/node_modules/@anthropic-ai"
    place.mkdir(parents=True)
    quiet(events)
    (place / "claude-code").mkdir()
    assert hinted(events)
    quiet(events)
    (disk / "x.tmp").write_text("x")
    (disk / "x.tmp").rename(disk / "claude")
    assert hinted(events)


def test_any_name_where_programs_lie(events: FilesystemEvents, disk: Path) -> None:
    (disk / "bin").mkdir()
    assert hinted(events)
    quiet(events)
    shutil.copy("/bin/true", disk / "bin/notes")
    assert hinted(events)
    quiet(events)
    os.link(disk / "bin/notes", disk / "bin/other")
    assert hinted(events)
    quiet(events)
    with open(disk / "bin/notes", "ab") as file:  # an update in place
        file.write(b"x")
    assert hinted(events)
    quiet(events)
    (disk / "bin/notes").unlink()
    assert hinted(events)


def test_other_names_elsewhere_are_no_hint(events: FilesystemEvents, disk: Path) -> None:
    quiet(events)
    for number in range(100):
        (disk / f"letter{number}").write_text("x")
    (disk / "home").mkdir()  # on the way to a folder of programs
    assert hinted(events)
    quiet(events)
    (disk / "home/letter").write_text("x")
    assert not events.wait(0.3).changed


def test_through_another_mount_namespace(events: FilesystemEvents, disk: Path) -> None:
    quiet(events)
    subprocess.run(["unshare", "-m", "mkdir", f"{disk}/claude-code"], check=True)
    assert hinted(events)


def test_a_folder_behind_a_link(events: FilesystemEvents, disk: Path) -> None:
    (disk / "dotfiles").mkdir()
    (disk / "link").symlink_to("dotfiles")
    events.watch((f"{disk}/link",))
    quiet(events)
    (disk / "dotfiles/notes").write_text("x")
    assert hinted(events)


def test_a_filesystem_mounted_later_is_marked(everywhere: FilesystemEvents, disk: Path) -> None:
    before = everywhere.marked
    (disk / "later").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "aipolicy-test", f"{disk}/later"], check=True)
    try:
        device = os.stat(disk / "later").st_dev
        assert hinted(everywhere)
        until(lambda: everywhere.wait(0.1) and f"{os.major(device)}:{os.minor(device)}" in everywhere.marked)
        assert everywhere.marked != before
        (disk / "later" / NAME).mkdir()
        assert hinted(everywhere)
    finally:
        subprocess.run(["umount", f"{disk}/later"], check=True)


def test_more_than_the_kernel_keeps_is_told_as_loss(events: FilesystemEvents, disk: Path) -> None:
    limit = int(Path("/proc/sys/fs/fanotify/max_queued_events").read_text())
    quiet(events)
    (disk / "many").mkdir()
    for number in range(limit + 1000):
        os.close(os.open(f"{disk}/many/{number}", os.O_CREAT | os.O_WRONLY))
    until(lambda: events.wait(1.0).lost)


def test_whoever_waits_returns_when_it_is_closed(events: FilesystemEvents) -> None:
    quiet(events)
    answers: list[bool] = []
    waiting = threading.Thread(target=lambda: answers.append(events.wait(3600).changed), daemon=True)
    waiting.start()
    events.close()
    waiting.join(60)
    assert answers == [False]


def test_whoever_begins_to_wait_as_it_is_closed_returns(tmp_path: Path) -> None:
    (tmp_path / "mountinfo").touch()
    looked: list[float] = []

    def clock() -> float:
        if looked:  # the time has been looked at once: whoever waits is about to look at the descriptors
            events.close()
        looked.append(0.0)
        return 0.0

    events = FilesystemEvents(Fanotify(), MountTable(f"{tmp_path}/mountinfo"), [NAME], clock=clock)
    assert not events.wait(3600).changed
    assert len(looked) == 2


def test_what_cannot_be_marked_is_watched_folder_by_folder(tmp_path: Path, disk: Path) -> None:
    """An overlay has no handles: its folders fall to watchdog."""
    for name in ("lower", "upper", "work", "merged"):
        (disk / name).mkdir()
    options = f"lowerdir={disk}/lower,upperdir={disk}/upper,workdir={disk}/work"
    mounted = subprocess.run(
        ["mount", "-t", "overlay", "aipolicy-test", "-o", options, f"{disk}/merged"], check=False
    )
    if mounted.returncode:
        pytest.skip("needs overlay mounts")
    try:
        (disk / "merged/bin").mkdir()
        events = FilesystemEvents(Fanotify(), MountTable(), [NAME])
        events.watch((f"{disk}/merged/bin",))
        quiet(events)
        (disk / "merged/bin/notes").write_text("x")
        assert hinted(events)
        events.close()
    finally:
        subprocess.run(["umount", f"{disk}/merged"], check=True)


def test_without_the_right_to_mark_folders_are_watched(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from aipolicy.platforms import this_machine\n"
        "from aipolicy.platforms.sources import install_source\n"
        "source, why = install_source(this_machine(), ['claude'], [sys.argv[1]])\n"
        "print(source.way, why.reason, flush=True)\n"
        "print(source.wait(60).changed, flush=True)\n"
        "source.close()\n"
    )
    command = ["setpriv", "--bounding-set", "-sys_admin", sys.executable, "-c", code, str(tmp_path)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline().startswith("folders ")
        (tmp_path / "notes").write_text("x")
        assert child.stdout.readline() == "True\n"
    finally:
        child.kill()
        child.communicate()


def test_this_machine_has_a_source(tmp_path: Path) -> None:
    source, why = install_source(this_machine(), ["claude"], [str(tmp_path), str(tmp_path)])
    assert (source.way == "folders") == (why is not None)
    (tmp_path / "notes").write_text("x")
    assert source.wait(LONG_S).changed
    source.close()
