"""Real containers without an engine: an overlay of their own as root, by unshare(1) and pivot_root(8).

base = busybox_root(tmp_path / "base")        # a root that runs, of busybox and its libraries
with Started() as started:
    box = container(started, base, more=[prefix])
    box.root                                  # /proc/PID/root
    box.sh("mkdir -p /opt/x")                 # run inside
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from aipolicy.core.correlate import correlate
from aipolicy.core.identify import identify
from aipolicy.core.model import App, Observation, Process, Unseen
from aipolicy.core.place import container_of
from aipolicy.core.tools import Catalog
from aipolicy.examine import FactsCache, examiner_for
from aipolicy.observe import containers
from aipolicy.observe.look import Look
from aipolicy.platforms import linux_roots, this_machine
from aipolicy.platforms.machine import Machine
from machine.real_packages import CACHE, locked
from machine_needs import Child, Started, until

_APPLETS = (
    "sh",
    "sleep",
    "mkdir",
    "ln",
    "cp",
    "chown",
    "chmod",
    "mkfifo",
    "truncate",
    "umount",
    "rm",
    "mount",
)

# Nothing is propagated to our namespace, and the old root is dropped before anything of the image runs.
_ENTER = """
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$WORK"
mkdir "$WORK/upper" "$WORK/work" "$WORK/root"
mount -t overlay -o "lowerdir=$LOWER,upperdir=$WORK/upper,workdir=$WORK/work" overlay "$WORK/root"
mkdir -p "$WORK/root/.old" "$WORK/root/proc" "$WORK/root/root" "$WORK/root/tmp"
{binds}
cd "$WORK/root"
pivot_root . .old
exec /bin/sh -c 'umount -l /.old; echo ready; read go; exec /bin/sleep 600'
"""


@dataclass
class Box:
    """A running container. pid: its first process, by our count."""

    pid: int
    child: Child

    @property
    def name(self) -> str:
        return linux_roots.container_of(f"/proc/{self.pid}")

    @property
    def root(self) -> Path:
        return Path(f"/proc/{self.pid}/root")

    def sh(self, script: str) -> None:
        """As a `docker exec` would."""
        own = os.readlink(f"/proc/{self.pid}/ns/user") == os.readlink("/proc/self/ns/user")
        enter = [
            "nsenter",
            f"--target={self.pid}",
            "--mount",
            "--root",
            "--wd=/",
            *([] if own else ["--user"]),
        ]
        subprocess.run([*enter, "/bin/sh", "-ec", script], check=True, timeout=60)


def busybox_root(place: Path) -> Path:
    busybox = shutil.which("busybox")
    if busybox is None or shutil.which("nsenter") is None:
        pytest.skip("needs busybox and util-linux")
    (place / "bin").mkdir(parents=True)
    shutil.copy(busybox, place / "bin/busybox")
    for applet in _APPLETS:
        (place / "bin" / applet).symlink_to("busybox")
    listed = subprocess.run(["ldd", busybox], capture_output=True, text=True, check=False)
    for library in re.findall(r"/\S+", listed.stdout):
        (place / library.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, place / library.lstrip("/"))
    (place / "etc").mkdir()
    (place / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    return place


def copy_programs(target: Path, *needed: str) -> None:
    """Programs and folders of this machine, at the same places below `target`, and libraries of programs."""
    libraries: set[str] = set()
    for program in needed:
        listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
        libraries |= {word for line in listed.splitlines() for word in line.split() if word.startswith("/")}
    # Some of Python's links lead nowhere, which cp says, and goes on.
    command = ["cp", "-aL", "--parents", *needed, *libraries, target]
    subprocess.run(command, check=False, stderr=subprocess.DEVNULL)


def python_image() -> Path:
    """A layer with this machine's Python. With HOLDS as its PYTHONPATH it waits before it runs anything."""
    python = os.path.realpath("/usr/bin/python3")
    image = CACHE / f"image-of-{os.path.basename(python)}"
    with locked("image"):
        if not (image / ".complete").exists():
            shutil.rmtree(image, ignore_errors=True)
            (image / HOLDS.lstrip("/")).mkdir(parents=True)
            (image / HOLDS.lstrip("/") / "sitecustomize.py").write_text("import time\ntime.sleep(600)\n")
            copy_programs(image, "/usr/bin/python3", python, f"/usr/lib/{os.path.basename(python)}")
            (image / ".complete").touch()
    return image


HOLDS = "/holds"


def container(
    started: Started,
    base: Path,
    work: Path,
    *,
    more: tuple[Path, ...] = (),
    binds: dict[str, str] | None = None,
    first_uid: int | None = None,
) -> Box:
    """more: further layers of the image. binds: files of ours by their place there. first_uid: rootless."""
    work.mkdir(exist_ok=True)
    lines = (
        f'mkdir -p "$WORK/root{os.path.dirname(there)}"; touch "$WORK/root{there}"\n'
        f'mount --bind "{here}" "$WORK/root{there}"'
        for there, here in (binds or {}).items()
    )
    script = _ENTER.replace("{binds}", "\n".join(lines))
    environ = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "WORK": str(work),
        "LOWER": ":".join(map(str, (base, *more))),
    }
    enter = ["unshare", "--mount"] if first_uid is None else _mapped(started, first_uid)
    child = started.run([*enter, "sh", "-c", script], env=environ)
    assert child.stdout is not None
    if child.stdout.readline() != "ready\n":
        pytest.skip("this kernel lets us make no container of this kind")
    return Box(child.pid, child)


def _mapped(started: Started, first_uid: int) -> list[str]:
    """How to run a command as the root of a new user namespace: what `podman` does for a person."""
    holder = started.run(["unshare", "--user", "--mount", "sleep", "600"])
    own = os.readlink("/proc/self/ns/user")
    until(lambda: os.readlink(f"/proc/{holder.pid}/ns/user") != own)
    for kind in ("uid", "gid"):
        Path(f"/proc/{holder.pid}/{kind}_map").write_text(f"0 {first_uid} 65536")
    return ["nsenter", f"--target={holder.pid}", "--user", "--mount", "--setuid=0", "--setgid=0"]


def seen_in(
    catalog: Catalog, *boxes: Box | str, cache: FactsCache | None = None
) -> tuple[set[str], set[str]]:
    """What a look finds in these containers, and where in them it could not look: a line each.

    Others may run meanwhile. A container of several is called #0, #1 ..., one alone by nothing.
    """
    names = [box if isinstance(box, str) else box.name for box in boxes]
    seen = [one for one in look_inside(catalog, cache) if _whose(one) in names]
    observations = [one for one in seen if not isinstance(one, Unseen)]
    alone = [finding for one in observations for finding in identify(one, catalog)]
    found = {
        f"{f.tool} {f.version} {f.confidence} {f.form} of {f.owner.name}: {f.path}"
        for f in correlate(observations, alone, catalog)
    }
    unseen = {f"{one.place}: {one.reason}" for one in seen if isinstance(one, Unseen)}
    for number, name in enumerate(names):
        shown = f"#{number}:" if len(names) > 1 else ""
        found = {line.replace(f"{name}:", shown) for line in found}
        unseen = {line.replace(f"{name}:", shown) for line in unseen}
    return found, unseen


def look_inside(
    catalog: Catalog, cache: FactsCache | None = None, machine: Machine | None = None
) -> list[Observation | Unseen]:
    """The look at all containers, to its end."""
    return list(looking_inside(catalog, cache, machine))


def looking_inside(
    catalog: Catalog, cache: FactsCache | None = None, machine: Machine | None = None
) -> Iterator[Observation | Unseen]:
    """What it begins in on the machine itself is as in a real look."""
    machine = machine or this_machine()
    look = Look(
        machine=machine,
        running=machine,
        wanted=catalog.wanted,
        examiner=examiner_for(catalog, cache),
        progress=lambda _stage, _done: None,
        looked_at=("/root", "/home/ann", "/opt", "/usr/local", "/usr/bin", "/srv", tempfile.gettempdir()),
    )
    return containers.observe(look)


def _whose(seen: Observation | Unseen) -> str | None:
    if isinstance(seen, Unseen):
        return container_of(seen.place)
    return None if isinstance(seen, App | Process) else seen.container
