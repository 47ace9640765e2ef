"""On a real kernel: a mounted AppImage is known by the file that serves it, which root may read.

The runtimes of AppImages have a FUSE server built in; here a stand-in hands its descriptor to squashfuse.
"""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from aipolicy.core.identify import identify
from aipolicy.core.model import Confidence, Process, Unseen
from aipolicy.examine import examiner_for
from aipolicy.observe.processes import with_facts
from aipolicy.platforms import this_machine
from aipolicy.tools import load
from appimages import appimage, product
from hostile import folder_for_everybody
from machine_needs import NEEDS_LINUX, NEEDS_ROOT, Started, until

pytestmark = [
    NEEDS_LINUX,
    NEEDS_ROOT,
    pytest.mark.skipif(not os.path.exists("/dev/fuse"), reason="needs /dev/fuse"),
    pytest.mark.skipif(shutil.which("mksquashfs") is None, reason="needs squashfs-tools"),
    pytest.mark.skipif(shutil.which("squashfuse") is None, reason="needs squashfuse"),
    pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc"),
]

SOMEBODY = 4242
CATALOG = load()
RUNTIME_C = """
#include <unistd.h>
#include <sys/wait.h>
int main(int argc, char **argv) {
    if (!fork()) execlp("squashfuse", "squashfuse", "-f", "-o", argv[2], argv[1], argv[3], (char *)0);
    wait(0);
}
"""


class Mounted(NamedTuple):
    """An AppImage that runs: its file, where it is mounted, and the pid of the program inside."""

    file: str
    point: str
    pid: int


@pytest.fixture
def place() -> Iterator[Path]:
    with folder_for_everybody() as folder:
        folder.chmod(0o711)  # not for agents that look through /tmp beside it
        yield folder


@pytest.fixture
def started() -> Iterator[Started]:
    with Started() as children:
        yield children


@pytest.fixture
def mounted(place: Path, started: Started) -> Iterator[Mounted]:
    """An editor as an AppImage, run by somebody; its program is a sleep made as large as Electron."""
    (place / "runtime.c").write_text(RUNTIME_C)
    subprocess.run(["gcc", "-o", f"{place}/runtime", f"{place}/runtime.c"], check=True)
    program = Path("/bin/sleep").read_bytes()
    files = {
        "AppRun": "editor",
        "editor": program + b"\0" * (33 << 20),
        "resources/app/product.json": product(version="1.2.3"),
        "resources/app/out/main.js": b"1",
    }
    runtime = (place / "runtime").read_bytes()
    file = appimage(place / "Notes.AppImage", files, runtime=runtime)
    point = place / ".mount_NotesAbCd"
    point.mkdir()
    os.chown(point, SOMEBODY, SOMEBODY)
    fuse = os.open("/dev/fuse", os.O_RDWR)
    libc = ctypes.CDLL(None, use_errno=True)
    words = f"fd={fuse},rootmode=40000,user_id={SOMEBODY},group_id={SOMEBODY}".encode()
    if libc.mount(b"Notes.AppImage", str(point).encode(), b"fuse.Notes.AppImage", 1 | 2 | 4, words):
        pytest.skip(f"no FUSE here: {os.strerror(ctypes.get_errno())}")
    who = {"user": SOMEBODY, "group": SOMEBODY, "extra_groups": []}
    try:
        offset = f"offset={len(runtime)}"
        started.run([file, file, offset, f"/dev/fd/{fuse}"], pass_fds=[fuse], **who)
        child = started.run([f"{point}/AppRun", "600"], **who)
        until(lambda: os.readlink(f"/proc/{child.pid}/exe").startswith(str(point)))
        yield Mounted(file, str(point), child.pid)
    finally:
        libc.umount2(str(point).encode(), 2)
        os.close(fuse)


def test_what_runs_inside_is_known_by_its_appimage(mounted: Mounted) -> None:
    with pytest.raises(PermissionError):
        os.listdir(mounted.point)
    machine = this_machine()
    process = machine.process(mounted.pid)
    assert isinstance(process, Process)
    assert process.exe == f"{mounted.point}/editor"
    assert machine.out_of_reach(process.exe)
    [seen] = with_facts(process, machine, examiner_for(CATALOG))
    assert isinstance(seen, Process), seen  # nothing is unseen
    [finding] = identify(seen, CATALOG)
    assert (finding.tool, finding.confidence, finding.version) == ("windsurf", Confidence.CERTAIN, "1.2.3")
    assert (finding.path, finding.pid) == (mounted.file, mounted.pid)


def test_what_lies_on_another_fuse_is_unseen(mounted: Mounted) -> None:
    """The server is no AppImage: squashfuse alone."""
    machine = this_machine()
    runtime, squashfuse = (
        next(p for p in machine.serving(mounted.pid) if name in os.readlink(f"/proc/{p}/exe"))
        for name in ("Notes.AppImage", "squashfuse")
    )
    os.kill(runtime, 9)
    until(lambda: machine.serving(mounted.pid) == (squashfuse,))
    process = machine.process(mounted.pid)
    assert isinstance(process, Process)
    *unseen, seen = with_facts(process, machine, examiner_for(CATALOG))
    assert unseen
    assert all(isinstance(one, Unseen) and "fuse" in one.reason for one in unseen)
    assert isinstance(seen, Process)
    assert identify(seen, CATALOG) == ()
