"""A booted Debian in systemd-nspawn, on a filesystem of its own: a package can be installed there.

The guard of the package marks whole filesystems. One that the container shares with this machine would put
all programs here under its policy. So its first process takes away what nspawn shows of the machine before it
becomes systemd, at each boot anew, and does not become it where something of the machine is left.
"""

import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from machine.real_packages import CACHE, locked

_START_S = 120.0
_STOP_S = 300.0
"""systemd 257 on control groups of version 1 waits two minutes for a person's session that has ended."""
_TO_BE_STARTED_AGAIN = 133
"""What systemd-nspawn ends with where its container reboots and its unit is not its own."""
_OLD_CONTROL_GROUPS = "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"
"""On the command line of pid 1, since this machine's may be version 1: systemd 256 and newer ask for it."""
_DISK = 6 << 30
_NO_PROGRAMS = ("proc", "sysfs", "cgroup", "cgroup2", "devpts", "mqueue", "securityfs", "bpf")
"""Filesystems of the kernel on which no program can lie; a container shares some with the machine."""
_DEBIAN = ("mmdebstrap", "--variant=minbase", "--format=tar")
_INIT = "usr/local/sbin/init-alone"
_INIT_SCRIPT = """#!/bin/sh
# pid 1: nothing of the machine that this container runs on may be seen by what is started below.
umount -l /run/host/os-release /run/host/incoming /run/host 2>/dev/null
if grep -vE ' - ({kinds}) ' /proc/self/mountinfo | grep -E '^[0-9]+ [0-9]+ ({devices}) '; then
    echo 'a filesystem of the machine is to be seen here' >&2
    exit 1
fi
exec /lib/systemd/systemd "$@"
"""
_FANOTIFY = re.compile(r"^fanotify sdev:([0-9a-f]+) ", re.MULTILINE)


class Container:
    """leader: pid of its systemd, seen from here; another one after each `reboot`. root: its files."""

    def __init__(self, root: Path, console: Path, network: Path | None) -> None:
        self.root = root
        self._console = console
        self._network = network
        self.boot()

    def run(
        self, *command: str, check: bool = True, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Inside, as root."""
        environ = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C",
        }
        done = subprocess.run(
            [*self._enter(self.leader), *command],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )
        assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def until(self, *command: str, says: str, within_s: float = 90) -> str:
        """Until its output has `says` in it."""
        end = time.monotonic() + within_s
        while says not in (output := self.run(*command, check=False).stdout):
            assert time.monotonic() < end, f"{command} never said {says!r}: {output}\n{self.journal()}"
            time.sleep(0.5)
        return output

    def ours(self) -> list[str]:
        """All that bears our name, also notes of systemd and dpkg, but for what is in /root."""
        found = self.run("find", "/", "/run", "/tmp", "/dev/shm", "-xdev", "-iname", "*aipolicy*").stdout
        return sorted({path for path in found.split() if not path.startswith("/root/")})

    def journal(self) -> str:
        return self.run("journalctl", "--no-pager", "-u", "aipolicy*", "-n", "60", check=False).stdout

    def reboot(self) -> None:
        """As a person does; until everything is started again."""
        self.run("systemctl", "reboot", check=False)
        assert self._nspawn.wait(_STOP_S) == _TO_BE_STARTED_AGAIN
        self.boot()

    def boot(self) -> None:
        """Until everything is started."""
        command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", f"--directory={self.root}"]
        command += ["--kill-signal=SIGRTMIN+3", "--console=pipe", "--capability=all"]
        command += ["--system-call-filter=fanotify_init fanotify_mark"]
        network = self._network
        command += [f"--network-namespace-path={network}" if network else "--private-network"]
        with self._console.open("ab") as log:
            self._nspawn = subprocess.Popen(
                [*command, f"/{_INIT}", _OLD_CONTROL_GROUPS], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.leader = self._booted()

    def end(self) -> None:
        """As it is told to shut down, and by force where that takes too long."""
        self._nspawn.terminate()
        try:
            self._nspawn.wait(30)
        except subprocess.TimeoutExpired:
            self._nspawn.kill()
            self._nspawn.wait()

    def processes(self) -> dict[int, str]:
        """Everything that runs in it: the pid, seen from here, and the program's path in there."""
        namespace = os.readlink(f"/proc/{self.leader}/ns/pid")
        found = {}
        for name in os.listdir("/proc"):
            with contextlib.suppress(OSError):
                if name.isdigit() and os.readlink(f"/proc/{name}/ns/pid") == namespace:
                    found[int(name)] = os.readlink(f"/proc/{name}/exe").removesuffix(" (deleted)")
        return found

    def marked_devices(self) -> set[str]:
        """Which filesystems something in it has put a mark of fanotify on, as the kernel lists them."""
        found = set()
        for pid in self.processes():
            for file in Path(f"/proc/{pid}/fdinfo").glob("*"):
                with contextlib.suppress(OSError):
                    numbers = [int(each, 16) for each in _FANOTIFY.findall(file.read_text())]
                    found |= {f"{number >> 20}:{number & 0xFFFFF}" for number in numbers}
        return found

    def guards_only_itself(self) -> None:
        """Nothing of the machine is marked from in there: to be asked before anything is banned."""
        marked = self.marked_devices()
        shared = marked & _devices_of_the_machine(self.root)
        assert not shared, f"filesystems of this machine are marked from the container: {shared}"
        assert f"{_device(self.root)}" in marked, f"its own disk is not marked: {marked}"

    def _booted(self) -> int:
        """Its first process, once systemd has started all there is."""
        end = time.monotonic() + _START_S
        while time.monotonic() < end and self._nspawn.poll() is None:
            children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()
            if children:
                asked = [*self._enter(int(children[0])), "systemctl", "is-system-running"]
                state = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
                if state in ("running", "degraded"):
                    return int(children[0])
            time.sleep(0.2)
        self.end()
        pytest.fail(f"the container does not boot: {self._console.read_text(errors='replace')[-2000:]}")

    def _enter(self, leader: int) -> list[str]:
        return ["nsenter", f"--target={leader}", "--all", "--root", "--wdns=/"]


@contextlib.contextmanager
def debian(
    folder: Path, *more: str, suite: str = "bookworm", network: Path | None = None
) -> Iterator[Container]:
    """Booted, with these packages of its own; skips the test that needs it where that cannot be had.

    network: a network namespace of its own (/proc/PID/ns/net), for one that outlives a reboot.
    """
    for needed in ("systemd-nspawn", "mmdebstrap", "mkfs.ext4"):
        if shutil.which(needed) is None:
            pytest.skip(f"needs root and {needed}")
    image, root = folder / "disk", folder / "root"
    root.mkdir()
    with image.open("wb") as file:
        file.truncate(_DISK)
    _done("mkfs.ext4", "-q", str(image))
    _done("mount", "-o", "loop", str(image), str(root))
    try:
        debian_files(root, *more, suite=suite)
        _lay_init(root)
        container = Container(root, folder / "console", network)
        try:
            yield container
        finally:
            container.end()
    finally:
        _done("umount", "--lazy", str(root))


def debian_files(root: Path, *more: str, suite: str = "bookworm") -> None:
    """Lays the files of a Debian into `root`; skips the test that needs them where they cannot be had."""
    _done("tar", "-xf", str(_archive(suite, more)), "-C", str(root))


def _archive(suite: str, more: tuple[str, ...]) -> Path:
    """The files of a fresh system, fetched once for each choice of packages."""
    packages = ("systemd", "systemd-sysv", "dbus", *more)
    archive = CACHE / f"{'+'.join((suite, *packages))}.tar"
    with locked("debian"):
        if not archive.exists():
            part = archive.with_suffix(".part")
            made = subprocess.run(
                [*_DEBIAN, f"--include={','.join(packages)}", suite, str(part)],
                capture_output=True,
                text=True,
                check=False,
                timeout=600,
            )
            if made.returncode != 0:
                pytest.skip(f"no {suite} can be had: {made.stderr.strip()[-300:]}")
            part.rename(archive)
    return archive


def _lay_init(root: Path) -> None:
    devices = "|".join(sorted(_devices_of_the_machine(root)))
    init = root / _INIT
    init.write_text(_INIT_SCRIPT.format(kinds="|".join(_NO_PROGRAMS), devices=devices))
    init.chmod(0o755)


def _devices_of_the_machine(root: Path) -> set[str]:
    """Device numbers of all filesystems here on which programs may lie, but the container's own."""
    found = set()
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        device, kind = before.split()[2], after.split()[0]
        if kind not in _NO_PROGRAMS:
            found.add(device)
    return found - {_device(root)}


def _device(place: Path) -> str:
    number = place.stat().st_dev
    return f"{os.major(number)}:{os.minor(number)}"


def _done(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=300)
