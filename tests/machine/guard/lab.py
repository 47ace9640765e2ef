"""A guard on one small filesystem of its own, with a harmless program that IT's own tool file bans.

The machine's other filesystems are not marked, so that a fault of the guard holds up nobody else's programs.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from aipolicy.central.policy_source import FilePolicy, LastGood, PolicyText
from aipolicy.core.model import State
from aipolicy.core.policy import parse
from aipolicy.daemon.catalog_keeper import catalog_at_start
from aipolicy.daemon.enforcer import installed_outcome
from aipolicy.daemon.guard.command import deadman_command, guard_socket
from aipolicy.daemon.guard.places import found
from aipolicy.daemon.judge import Judge, Surroundings
from aipolicy.enforce.guard import messages
from aipolicy.enforce.guard.deadman import CLASSIFIER_FDS
from aipolicy.examine import examiner_for
from aipolicy.tools import load
from corpus.scoring import look
from host import FakeMachine
from machine_needs import LONG_S, is_stopped, until

MARKS = ("aipolicy-test-probe-first-mark-7d1f", "aipolicy-test-probe-second-mark-93ab")
_TOOL = f"""
id: test-probe
name: Test Probe
vendor: acme
category: cli
evidence:
  content: [{MARKS[0]}, {MARKS[1]}]
  npm: ["@acme/test-probe"]
sources:
  content: made for the tests
  npm: made for the tests
examples:
  - {{is: certain, program: /home/u/bin/notes, marks: [{MARKS[0]}, {MARKS[1]}]}}
  - {{is: certain, npm: "@acme/test-probe"}}
not:
  - {{npm: test-probe}}
"""
_SOURCE = """
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static const char *marks[] = {%s};
static char as_large_as_tools_are[1100000] = {1};
int main(int count, char **words) {
    if (count > 1) sleep(atoi(words[1]));
    return printf("%%s ran\\n", count > 99 ? marks[as_large_as_tools_are[count]] : "it") < 0;
}
"""
BANNED = "mode: block\nbanned: [test-probe]\n"


def compiled(folder: Path, name: str, marks: tuple[str, ...] = (), *flags: str) -> Path:
    """A small program with these strings in it."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    source = folder / f"{name}.c"
    source.write_text(_SOURCE % (", ".join(f'"{mark}"' for mark in marks) or '""'))
    subprocess.run(["gcc", "-O0", *flags, "-o", str(folder / name), str(source)], check=True)
    return folder / name


class GuardLab:
    """folder: for the programs' originals, unguarded. disk: the guarded filesystem.

    ext4: as on a machine's own disk, where what was read once is not read again; else it lies in memory.
    """

    def __init__(self, folder: Path, *, ext4: bool = False) -> None:
        self.folder = folder
        self.disk = folder / "disk"
        self.state = folder / "state"
        self.tools = folder / "tools"
        self.log = folder / "guard.log"
        for path in (self.disk, self.state, self.tools):
            path.mkdir(mode=0o755)
        self.state.chmod(0o700)
        (self.tools / "test-probe.yaml").write_text(_TOOL)
        catalog = catalog_at_start(str(self.tools), self.state)
        assert not catalog.fault, catalog.fault
        if ext4:
            _mount_image(folder / "disk.img", self.disk)
        else:
            memory = ["mount", "-t", "tmpfs", "-o", "size=1500m,mode=755", "guarded", str(self.disk)]
            subprocess.run(memory, check=True)
        self.banned = compiled(folder, "banned", MARKS)
        self.allowed = compiled(folder, "allowed")
        self.process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._refused: list[dict[str, Any]] = []
        self.policy(BANNED)

    # --- the guard ---

    def policy(self, text: str) -> None:
        """Puts a policy into force as the daemon does."""
        source = self.folder / "policy.yaml"
        source.write_text(text)
        read = FilePolicy(str(source)).read()
        assert isinstance(read, PolicyText)
        assert LastGood(self.state).keep(read)

    def policy_in_force(self, text: str) -> None:
        """The same, and waits until the guard that runs goes by it."""
        before = self.report()["numbers"]["rules"]
        self.policy(text)
        self.report(lambda r: r["numbers"]["rules"] > before)

    def start(
        self,
        cap_s: float = 60.0,
        *,
        also: tuple[Path, ...] = (),
        under: tuple[str, ...] = (),
        ready: bool = True,
    ) -> None:
        """cap_s: long, so that no verdict comes too late on a busy machine, and no classifier that a test has
        stopped is taken for stuck. also: more mount points.
        under: the command that starts it. ready: whether it is to answer the kernel before this returns.
        """
        guarded = [str(place) for place in (self.disk, *also)]
        command = [*under, *deadman_command(str(self.state), str(self.tools), guarded, cap_s=cap_s)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self.connect(ready=ready)

    def connect(self, *, ready: bool = True) -> None:
        """To what the daemon is told; it answers once it can judge. What was told and not taken is again."""
        self._refused = []
        self._channel = until(lambda: messages.connected(guard_socket(str(self.state)), 1.0))
        self.report(lambda report: bool(report["numbers"]["ready"] or not ready))

    def disconnect(self) -> None:
        """As a daemon that ends."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def stop(self) -> None:
        self.disconnect()
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=LONG_S)
            self.process = None

    def _hear(self) -> messages.Message:
        """The next message of the guard, or of the one after it; refusals are kept."""

        def next_one() -> messages.Message | None:
            if self._channel is None:
                self._channel = messages.connected(guard_socket(str(self.state)), 1.0)
                return None
            received = messages.receive(self._channel)
            if received is not None and received.message is None:
                self._channel.close()
                self._channel = None
            return None if received is None else received.message

        heard = until(next_one)
        if "refused" in heard:
            self._refused.append(heard["refused"])
        return heard

    def say(self, message: messages.Message) -> None:
        """As the daemon does."""
        assert self._channel is not None
        assert messages.send(self._channel, message)

    def tell_found(self, machine: FakeMachine, tool: str) -> None:
        """What the agent tells the guard after a look at the homes of `machine`, which lie on the disk."""
        catalog, examiner = load(), examiner_for(load())
        judge = Judge(
            catalog=catalog,
            policy=parse(f"mode: block\nbanned: [{tool}]\n", "policy.yaml", catalog.known),
            surroundings=Surroundings(device="d", hostname="h", os="linux"),
        )
        verdicts = [judge.verdict(finding, datetime.now(UTC)) for finding in look(machine, examiner)]
        outcomes = [
            installed_outcome(verdict) for verdict in verdicts if verdict.finding.state is State.INSTALLED
        ]
        places = list(found(outcomes, examiner, machine.out_of_reach))
        for at in range(0, len(places), 16):
            self.say({"judge": places[at : at + 16]})

    def report(self, ready: Callable[[dict[str, Any]], bool] = lambda _report: True) -> dict[str, Any]:
        """The first report that is as wanted, of those made from now on: what waits to be read is older."""
        now = time.monotonic()

        def fresh() -> dict[str, Any] | None:
            report = self._hear().get("report")
            return report if report and report["at"] > now and ready(report) else None

        return until(fresh)

    def refusal(self) -> dict[str, Any]:
        """The next refusal that the daemon is told of."""

        def told() -> dict[str, Any] | None:
            if not self._refused:
                self._hear()
            return self._refused.pop(0) if self._refused else None

        return until(told)

    @property
    def gate(self) -> int:
        return int(self.report(lambda r: bool(r["gate"]))["gate"])

    def processes(self) -> tuple[int, ...]:
        """All that the guard is: deadman, gate and both classifiers."""
        assert self.process is not None
        return (self.process.pid, self.gate, *self.classifiers)

    def children(self) -> list[int]:
        assert self.process is not None
        pid = self.process.pid
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    @property
    def classifier(self) -> int:
        """The process that judges small files; its child judges the large ones."""
        gate = self.gate
        return until(lambda: next((pid for pid in self.children() if pid != gate), None))

    @property
    def classifiers(self) -> tuple[int, int]:
        """The processes that judge small files and large ones."""
        first = self.classifier
        children = Path(f"/proc/{first}/task/{first}/children")
        return first, until(lambda: next((int(pid) for pid in children.read_text().split()), None))

    # --- programs ---

    def put(self, source: Path, name: str) -> Path:
        """A copy on the guarded filesystem."""
        target = self.disk / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        target.chmod(0o755)
        return target

    def __enter__(self) -> "GuardLab":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        finally:
            subprocess.run(["umount", "-l", self.disk], check=False)


def _mount_image(image: Path, at: Path) -> None:
    with image.open("wb") as file:
        file.truncate(6 << 30)
    subprocess.run(["/usr/sbin/mkfs.ext4", "-q", "-m", "0", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, at], check=True)


def refused(*command: str | Path, **how: Any) -> bool:
    """Whether the kernel refuses to execute it; else it has run, as it should."""
    try:
        ran = subprocess.run([str(word) for word in command], capture_output=True, timeout=60, **how)
    except PermissionError:
        return True
    if ran.returncode == 126 or b"not permitted" in ran.stderr:
        return True
    assert ran.returncode == 0, ran
    return False


def was_asked(classifier: int) -> bool:
    """Whether a question of the gate waits for it: fdinfo(5) counts the descriptors in a socket."""
    places = [Path(f"/proc/{classifier}/fdinfo/{fd}") for fd in CLASSIFIER_FDS[:2]]
    return any("scm_fds: 1" in place.read_text() for place in places if place.exists())


class Cgroup:
    """A control group of this kernel's own tree, version 2, or of one controller of version 1.

    Whoever is in it when it is left goes back to the root of that tree.
    """

    def __init__(self, controller: str = "") -> None:
        kind = "cgroup" if controller else "cgroup2"
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
        roots = [m[1] for m in mounts if m[2] == kind and (not controller or controller in m[3].split(","))]
        if not roots:
            pytest.skip(f"needs a mounted {kind} {controller}")
        self._root = Path(roots[0])
        self._place = self._root / f"aipolicy-test-{os.getpid()}"

    def __enter__(self) -> "Cgroup":
        self._place.mkdir()
        return self

    def take(self, *pids: int) -> None:
        for pid in pids:
            (self._place / "cgroup.procs").write_text(str(pid))

    def set(self, name: str, value: str) -> None:
        (self._place / name).write_text(value)

    def freeze(self) -> None:
        """Returns once all in it stand still."""
        self.set("cgroup.freeze", "1")
        until(lambda: "frozen 1" in (self._place / "cgroup.events").read_text() or None)

    def __exit__(self, *_error: object) -> None:
        if (self._place / "cgroup.freeze").exists():
            self.set("cgroup.freeze", "0")
        for pid in (self._place / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):
                (self._root / "cgroup.procs").write_text(pid)
        until(lambda: not (self._place / "cgroup.procs").read_text() or None)
        self._place.rmdir()


def stop_it(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    until(lambda: is_stopped(pid) or None)


def gone(pid: int) -> bool:
    """Whether the process has ended (or waits for its parent to notice)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def asks(pid: int) -> bool:
    """Whether the kernel waits for the gate's answer about this process."""
    try:
        return "fanotify" in Path(f"/proc/{pid}/wchan").read_text()
    except OSError:
        return False


def held_up(program: Path) -> "subprocess.Popen[bytes]":
    """Starts it; returns while the kernel waits for the gate's answer."""
    one = subprocess.Popen(["/bin/sh", "-c", f"exec {program}"], stdout=subprocess.DEVNULL)
    until(lambda: asks(one.pid) or None)
    return one
