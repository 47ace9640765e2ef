"""The one fake machine: implements platforms.machine.Machine over a temporary folder, with processes as data.

    machine = FakeMachine(tmp_path)                    # root of everything: machine.root, a real folder
    alice = machine.add_user("alice")                  # makes home/alice; alice.home can be opened
    exe = machine.file("usr/bin/claude", b"...")       # any file below the root; returns its path
    claude = machine.run(exe, owner=alice)             # a running process, in machine.running[pid]
    node = machine.run("/usr/bin/node", owner=alice, script=..., ignores_term=True, parent=1)
    machine.execute(claude.pid, other_exe)             # exec in place: same pid, another image
    machine.end(claude.pid); machine.reuse(claude.pid, exe, owner=alice)
    machine.clock.advance(5)                           # a monotonic clock that only tests move

What was signalled is in `machine.signals` as (pid, "TERM" | "KILL").
Which OS package owns a file: `machine.packages[path] = "openssh-server"`.
A contained process that runs a file of ours nevertheless: `machine.same_files.add(pid)`.
What serves the FUSE filesystem that a program lies on: `machine.served[pid] = (other_pid,)`.
A folder or file that others than root may change: `machine.open_to_all.add("/etc/codex")`.
What management gave: `machine.settings.append(Managed(...))`.
Whatever may not be read is named in `machine.denied` (pids) or `machine.far` (path prefix -> reason).
"""

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from aipolicy.core.model import Owner, Process, Unseen
from aipolicy.core.wire import HostInfo
from aipolicy.platforms.machine import Image, Root, Terminal, User
from aipolicy.platforms.management import Managed

ROOT = User(name="root", uid=0, gid=0, home="")


@dataclass
class Clock:
    """Seconds that pass only when a test says so."""

    now: float = 1000.0

    def advance(self, seconds: float) -> float:
        self.now += seconds
        return self.now

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Running:
    """A programmed process: what it is, and how it takes being ended."""

    process: Process
    parent: int = 1
    stack: int = 1
    ignores_term: bool = False
    unkillable: bool = False
    init: bool = False
    kernel: bool = False
    terminal: Terminal | None = None


class FakeHold:
    """A grip on one programmed process; a process that took over its pid is not touched."""

    def __init__(self, machine: "FakeMachine", pid: int, started: int) -> None:
        self.pid = pid
        self._machine = machine
        self._started = started
        self.closed = False

    def image(self) -> Image | None:
        return None if self.ended() else self._machine.image(self.pid)

    def terminate(self) -> None:
        self._signal("TERM")

    def kill(self) -> None:
        self._signal("KILL")

    def ended(self) -> bool:
        running = self._machine.running.get(self.pid)
        return running is None or running.process.started != self._started

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        self.closed = True

    def _signal(self, name: str) -> None:
        if self.ended():
            raise ProcessLookupError(3, "No such process")
        if self.pid in self._machine.unsignalled:
            raise PermissionError(1, "Operation not permitted")
        self._machine.signals.append((self.pid, name))
        running = self._machine.running[self.pid]
        if not running.unkillable and not (name == "TERM" and running.ignores_term):
            self._machine.end(self.pid)


@dataclass
class FakeMachine:
    """See the module's text. Change the public fields as the test needs."""

    folder: Path
    os: str = "linux"
    admin: bool = True
    me: int = 100
    clock: Clock = field(default_factory=Clock)
    accounts: list[User] = field(default_factory=list)
    groups: dict[str, frozenset[str]] = field(default_factory=dict)
    running: dict[int, Running] = field(default_factory=dict)
    signals: list[tuple[int, str]] = field(default_factory=list)
    packages: dict[str, str | Unseen] = field(default_factory=dict)
    denied: set[int] = field(default_factory=set)
    unsignalled: set[int] = field(default_factory=set)
    same_files: set[int] = field(default_factory=set)
    roots: list[Root | Unseen] = field(default_factory=list)
    served: dict[int, tuple[int, ...]] = field(default_factory=dict)
    far: dict[str, str] = field(default_factory=dict)
    open_to_all: set[str] = field(default_factory=set)
    installed_as: str = "an installation"
    settings: list[Managed] = field(default_factory=list)
    path: list[str] = field(default_factory=lambda: ["usr/local/bin", "usr/bin"])

    def __post_init__(self) -> None:
        self.holds: list[FakeHold] = []
        self._pids = itertools.count(200)
        self._ticks = itertools.count(5000)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.accounts.append(replace_home(ROOT, self._made("root")))
        for place in self.path:
            self._made(place)

    # --- programming it ---

    @property
    def root(self) -> str:
        return f"{self.folder}/"

    def at(self, path: str) -> str:
        """The openable path of a system path: at("/usr/bin/node")."""
        return str(self.folder / path.lstrip("/"))

    def file(self, path: str, content: bytes = b"", mode: int = 0o755) -> str:
        place = Path(self.at(path)) if not path.startswith(str(self.folder)) else Path(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        place.chmod(mode)
        return str(place)

    def add_user(self, name: str, uid: int | None = None) -> User:
        number = uid if uid is not None else 1000 + len(self.accounts)
        user = User(name=name, uid=number, gid=number, home=self._made(f"home/{name}"))
        self.accounts.append(user)
        return user

    def run(
        self,
        exe: str,
        owner: User = ROOT,
        *,
        pid: int | None = None,
        name: str | None = None,
        script: str | None = None,
        module: str | None = None,
        contained: bool = False,
        container: str | None = None,
        parent: int = 1,
        **how: object,
    ) -> Process:
        """Starts a process. `how`: the other fields of Running."""
        process = Process(
            pid=next(self._pids) if pid is None else pid,
            started=next(self._ticks),
            owner=Owner(uid=owner.uid, name=owner.name),
            name=os.path.basename(exe)[:15] if name is None else name,
            exe=exe,
            script=script,
            module=module,
            contained=contained,
            container=container,
        )
        running = Running(process=process, parent=parent)
        self.running[process.pid] = replace(running, **how)  # type: ignore[arg-type]  # named by the test
        return process

    def execute(self, pid: int, exe: str, script: str | None = None) -> Process:
        """The process executes another program: the pid and the start time stay."""
        was = self.running[pid]
        process = Process(
            pid=pid,
            started=was.process.started,
            owner=was.process.owner,
            name=os.path.basename(exe)[:15],
            exe=exe,
            script=script,
        )
        self.running[pid] = replace(was, process=process, stack=was.stack + 1)
        return process

    def end(self, pid: int) -> None:
        self.running.pop(pid, None)
        for other, running in self.running.items():
            if running.parent == pid:
                self.running[other] = replace(running, parent=1)

    def reuse(self, pid: int, exe: str, owner: User = ROOT) -> Process:
        """Another process under the same pid."""
        self.end(pid)
        return self.run(exe, owner, pid=pid)

    # --- Machine ---

    def installation(self) -> str:
        return self.installed_as

    def host(self, agent_version: str) -> HostInfo:
        return HostInfo(
            hostname="testhost", os=self.os, os_version="Test 1", arch="x86_64", agent_version=agent_version
        )

    def is_admin(self) -> bool:
        return self.admin

    def managed(self) -> tuple[Managed, ...]:
        return tuple(self.settings)

    def my_pid(self) -> int:
        return self.me

    def users(self) -> tuple[User, ...]:
        return tuple(self.accounts) if self.admin else tuple(self.accounts[-1:])

    def owner(self, uid: int) -> Owner:
        names = {user.uid: user.name for user in self.accounts}
        return Owner(uid=uid, name=names.get(uid, str(uid)))

    def groups_of(self, user: str) -> frozenset[str]:
        return self.groups[user]

    def search_path(self) -> tuple[str, ...]:
        return tuple(place for place in map(self.at, self.path) if os.path.isdir(place))

    def out_of_reach(self, path: str) -> str | None:
        return next((why for prefix, why in self.far.items() if path.startswith(prefix)), None)

    def processes(self) -> Iterator[Process | Unseen]:
        mine = self.accounts[-1].uid
        seen = [r.process for r in self.running.values() if self.admin or r.process.owner.uid == mine]
        yield from (process for process in seen if process.pid not in self.denied)
        if self.denied:
            yield Unseen(place=f"/proc: program of {len(self.denied)} processes", reason="permission denied")

    def process(self, pid: int, family: str | None = None) -> Process | Unseen | None:
        if pid in self.denied:
            return Unseen(place=f"/proc/{pid}/exe", reason="permission denied")
        running = self.running.get(pid)
        return running.process if running else None

    def other_roots(self) -> Iterator[Root | Unseen]:
        yield from self.roots

    def image(self, pid: int) -> Image | None:
        running = self.running.get(pid)
        if running is None:
            return None
        exe = running.process.exe
        return Image(
            started=running.process.started, device=1, inode=hash(exe) & 0xFFFFFFFF, stack=running.stack
        )

    def program(self, pid: int) -> str:
        running = self.running.get(pid)
        return running.process.exe if running else f"/proc/{pid}/exe"

    def program_out_of_reach(self, process: Process) -> str | None:
        return self.out_of_reach(process.exe)

    def script_place(self, process: Process) -> str | None:
        return process.script

    def serving(self, pid: int) -> tuple[int, ...]:
        return self.served.get(pid, ())

    def lies_here(self, process: Process) -> bool:
        return not process.contained or process.pid in self.same_files

    def parent(self, pid: int) -> int | None:
        running = self.running.get(pid)
        return running.parent if running else None

    def descendants(self, pid: int) -> tuple[int, ...]:
        found: list[int] = []
        waiting = [pid]
        while waiting:
            here = waiting.pop(0)
            below = [other for other, running in self.running.items() if running.parent == here]
            found.extend(below)
            waiting.extend(below)
        return tuple(found)

    def is_init(self, pid: int) -> bool:
        return pid == 1 or (pid in self.running and self.running[pid].init)

    def is_kernel(self, pid: int) -> bool:
        return pid in self.running and self.running[pid].kernel

    def terminal(self, pid: int) -> Terminal | None:
        running = self.running.get(pid)
        return running.terminal if running else None

    def os_package(self, path: str) -> str | Unseen | None:
        return self.packages.get(path)

    def root_only(self, path: str) -> bool:
        """Below the root everything but homes, /opt/shared and /tmp counts as the administrator's."""
        inside = path.removeprefix(str(self.folder))
        if any(inside == place or inside.startswith(f"{place}/") for place in self.open_to_all):
            return False
        return not inside.startswith(("/home/", "/tmp/", "/opt/shared/"))

    def hold(self, pid: int) -> FakeHold | Unseen | None:
        running = self.running.get(pid)
        if running is None:
            return None
        self.holds.append(FakeHold(self, pid, running.process.started))
        return self.holds[-1]

    def _made(self, place: str) -> str:
        (self.folder / place).mkdir(parents=True, exist_ok=True)
        return str(self.folder / place)


def replace_home(user: User, home: str) -> User:
    return User(name=user.name, uid=user.uid, gid=user.gid, home=home)
