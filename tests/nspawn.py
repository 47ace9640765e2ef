"""A booted Debian 12 in systemd-nspawn, on a filesystem of its own: a package can be installed there.

The guard of the package marks whole filesystems. One that the container shares with this machine would put
all programs here under its policy, so each mount is compared before anything is installed.
"""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from machine.real_packages import CACHE, locked

_START_S = 90.0
_NO_PROGRAMS = frozenset({"proc", "sysfs", "cgroup", "cgroup2", "devpts", "mqueue", "securityfs", "bpf"})
"""Filesystems of the kernel on which no program can lie; a container shares some with the machine."""
_DEBIAN = ("mmdebstrap", "--variant=minbase", "--include=systemd,systemd-sysv,dbus", "--format=tar")


class Container:
    """leader: pid of its systemd, seen from here."""

    def __init__(self, leader: int, root: Path) -> None:
        self.leader = leader
        self.root = root

    def run(
        self, *command: str, check: bool = True, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Inside, as root."""
        enter = ["nsenter", f"--target={self.leader}", "--all", "--root", "--wdns=/"]
        environ = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C",
        }
        done = subprocess.run(
            [*enter, *command], env=environ, capture_output=True, text=True, check=False, timeout=timeout
        )
        assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def until(self, *command: str, says: str, within_s: float = 60) -> str:
        """Until its output has `says` in it."""
        end = time.monotonic() + within_s
        while says not in (output := self.run(*command, check=False).stdout):
            assert time.monotonic() < end, f"{command} never said {says!r}: {output}\n{self.journal()}"
            time.sleep(0.5)
        return output

    def ours(self) -> list[str]:
        """All that bears our name, dpkg's and systemd's notes included."""
        found = self.run("find", "/", "/run", "/tmp", "/dev/shm", "-xdev", "-iname", "*aipolicy*").stdout
        return sorted(set(found.split()))

    def journal(self) -> str:
        return self.run("journalctl", "--no-pager", "-u", "aipolicy*", "-n", "60", check=False).stdout


@contextlib.contextmanager
def debian(folder: Path, *more: str) -> Iterator[Container]:
    """Booted, with these packages of its own; skips the test that needs it where that cannot be had."""
    for needed in ("systemd-nspawn", "mmdebstrap", "mkfs.ext4"):
        if shutil.which(needed) is None:
            pytest.skip(f"needs root and {needed}")
    image, root = folder / "disk", folder / "root"
    root.mkdir()
    with image.open("wb") as file:
        file.truncate(2 << 30)
    _done("mkfs.ext4", "-q", str(image))
    _done("mount", "-o", "loop", str(image), str(root))
    try:
        debian_files(root, *more)
        with _booted(root, folder / "console") as leader:
            container = Container(leader, root)
            _share_no_filesystem(container)
            yield container
    finally:
        _done("umount", "--lazy", str(root))


def debian_files(root: Path, *more: str) -> None:
    """Lays the files of a Debian 12 into `root`; skips the test that needs them where they cannot be had."""
    _done("tar", "-xf", str(_archive(more)), "-C", str(root))


def _archive(more: tuple[str, ...]) -> Path:
    """The files of a fresh Debian, fetched once for each choice of packages."""
    archive = CACHE / f"debian-12-{'+'.join(('systemd', *more))}.tar"
    with locked("debian"):
        if not archive.exists():
            part = archive.with_suffix(".part")
            made = subprocess.run(
                [*_DEBIAN, *(f"--include={name}" for name in more), "bookworm", str(part)],
                capture_output=True,
                text=True,
                check=False,
                timeout=600,
            )
            if made.returncode != 0:
                pytest.skip(f"no Debian can be had: {made.stderr.strip()[-300:]}")
            part.rename(archive)
    return archive


@contextlib.contextmanager
def _booted(root: Path, console: Path) -> Iterator[int]:
    command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network", "--boot"]
    allowed = ["--capability=all", "--system-call-filter=fanotify_init fanotify_mark"]
    with console.open("wb") as log:
        nspawn = subprocess.Popen(
            [*command, *allowed, "--directory", str(root), "--console=pipe"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield _leader(nspawn, console)
    finally:
        nspawn.terminate()
        try:
            nspawn.wait(20)
        except subprocess.TimeoutExpired:
            nspawn.kill()
            nspawn.wait()


def _leader(nspawn: "subprocess.Popen[bytes]", console: Path) -> int:
    """Its first process, once systemd has started all there is."""
    end = time.monotonic() + _START_S
    while time.monotonic() < end and nspawn.poll() is None:
        children = Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children").read_text().split()
        if children:
            asked = ["nsenter", f"--target={children[0]}", "--all", "systemctl", "is-system-running"]
            state = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
            if state in ("running", "degraded"):
                return int(children[0])
        time.sleep(0.5)
    pytest.fail(f"the container does not boot: {console.read_text(errors='replace')[-2000:]}")


def _share_no_filesystem(container: Container) -> None:
    """What nspawn shows of the machine is unmounted, and what is left is the container's alone."""
    for place in ("/run/host/os-release", "/run/host/incoming", "/run/host"):
        container.run("umount", place, check=False)
    ours = _filesystems("self") - _filesystems("self", under=str(container.root))
    devices = {device for device, _ in ours}
    shared = {place for device, place in _filesystems(str(container.leader)) if device in devices}
    assert not shared, f"the container shares filesystems with this machine: {sorted(shared)}"


def _filesystems(pid: str, under: str = "/") -> set[tuple[str, str]]:
    """Device number and mount point of all on which programs may lie."""
    found = set()
    for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        device, place, kind = before.split()[2], before.split()[4], after.split()[0]
        if kind not in _NO_PROGRAMS and os.path.commonpath([place, under]) == under:
            found.add((device, place))
    return found


def _done(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=300)
