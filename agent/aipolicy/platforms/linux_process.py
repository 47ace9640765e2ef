"""The process table of Linux: who runs what, from /proc, each file read once and nothing kept.

psutil is not used: it parses more than is wanted and takes five times as long.
"""

import os
import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from aipolicy.core.model import Owner, Process, Unseen
from aipolicy.core.plural import plural
from aipolicy.core.wire import printable
from aipolicy.platforms.linux_calls import NAME_TOO_LONG, link_target, open_flags
from aipolicy.platforms.linux_fuse import serving
from aipolicy.platforms.linux_mounts import Mount, may_hang, mount_number, mount_of, parse_mountinfo
from aipolicy.platforms.linux_proc import Stat, Status, parse_stat, parse_status, read, same_file
from aipolicy.platforms.linux_roots import LARGEST_MOUNTINFO, container_of
from aipolicy.platforms.linux_script import Given, script_of
from aipolicy.platforms.linux_terminal import terminal_of
from aipolicy.platforms.machine import Image, Terminal

_NAMED_IN_UNSEEN: Final = 5
_TRIES: Final = 4
_MAX_SCRIPTS: Final = 20_000
_PAUSE_S: Final = 0.001
_DELETED: Final = " (deleted)"
_UNKNOWN: Final = Mount(point="", device="", kind="a filesystem that is not known")


class _Base(NamedTuple):
    """Where the facts of a living process lie: with a thread, when the leader ended before the others."""

    folder: str
    stat: Stat
    started: int


class _Denied(NamedTuple):
    comm: str


class _Seen(NamedTuple):
    process: Process
    places: dict[str, str | None]
    unsettled: bool


class ProcessTable:
    """Reads /proc. owner: names a uid. out_of_reach: why a path of ours is not to be touched."""

    def __init__(
        self,
        proc: str,
        owner: Callable[[int], Owner],
        out_of_reach: Callable[[str], str | None],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._pause = pause
        self._scripts: dict[int, tuple[tuple[int, int], Given]] = {}
        self._proc = proc
        self._owner = owner
        self._out_of_reach = out_of_reach
        # What is in a container is told by the first process: we may live in a private namespace ourselves.
        self._namespace = _inode(f"{proc}/1/ns/mnt") or _inode(f"{proc}/self/ns/mnt")
        self._users = _inode(f"{proc}/1/ns/user") or _inode(f"{proc}/self/ns/user")

    def all(self, only_uid: int | None) -> Iterator[Process | Unseen]:
        self._forget_the_ended()
        denied: list[str] = []
        for pid in self.pids():
            seen = self._look(pid, only_uid)
            if isinstance(seen, _Seen):
                yield seen.process
            elif isinstance(seen, _Denied) and pid != 1:
                # The first process is the system's own: where it has more rights than we, nothing is missed.
                denied.append(seen.comm)
        if denied:
            yield _unseen(self._proc, denied)

    def one(self, pid: int, family: str | None = None) -> Process | Unseen | None:
        seen = self._look(pid, None, family)
        if isinstance(seen, _Denied):
            return Unseen(place=self.program(pid), reason="permission denied")
        return None if seen is None else seen.process

    def pids(self) -> list[int]:
        return [int(name) for name in os.listdir(self._proc) if name.isdigit()]

    def script_place(self, process: Process) -> str | None:
        """Read anew where the record's name, made printable, may not open it."""
        if process.script is None:
            return None
        nameless = process.script.endswith(_DELETED)
        if not process.contained and not nameless and "\\" not in process.script:
            return process.script if process.script.startswith("/") else None
        seen = self._look(process.pid, None)
        if isinstance(seen, _Seen) and process.script in seen.places:
            return seen.places[process.script]
        return process.script  # its arguments are gone by now; the name is as good as ever

    def serving(self, pid: int) -> tuple[int, ...]:
        return serving(self._proc, pid, self.pids())

    def lies_here(self, process: Process) -> bool:
        """A service with a private mount namespace mostly runs the files that everybody sees."""
        if not process.contained:
            return True
        if process.script is None and process.exe.endswith(_DELETED):  # upgraded: its root has to do
            folder = self._folder(process.pid)
            # In a user namespace of their own people mount what they like over /usr/bin.
            made_by_root = _inode(f"{folder}/ns/user") in (None, self._users)
            return made_by_root and same_file("/", f"{folder}/root")
        named, opened = process.script or process.exe, self.program(process.pid)
        if process.script is not None:
            opened = self.script_place(process) or ""
        return self._out_of_reach(named) is None and same_file(named, opened)

    def program(self, pid: int) -> str:
        program = f"{self._folder(pid)}/exe"
        try:
            os.readlink(program)  # much cheaper than its stat, and this is asked twice for each process
        except FileNotFoundError:  # its first thread has ended
            base = self._base(pid)
            return f"{base.folder}/exe" if base else program
        except OSError:
            pass
        return program

    def program_out_of_reach(self, pid: int) -> str | None:
        folder = os.path.dirname(self.program(pid))
        try:
            return self._why_not_touched(folder, link_target(f"{folder}/exe"))
        except OSError:
            return None

    def image(self, pid: int) -> Image | None:
        base = self._base(pid)
        if base is None or base.stat.kernel_thread:
            return None
        device, inode = 0, 0  # the start time and the stack still tell two programs apart
        try:
            if self._why_not_touched(base.folder, link_target(f"{base.folder}/exe")) is None:
                found = os.stat(f"{base.folder}/exe")
                device, inode = found.st_dev, found.st_ino
        except PermissionError:
            pass
        except OSError:
            return None
        return Image(started=base.started, device=device, inode=inode, stack=base.stat.stack)

    def parent(self, pid: int) -> int | None:
        found = self._stat(self._folder(pid))
        return found.parent if found else None

    def descendants(self, pid: int) -> tuple[int, ...]:
        children: dict[int, list[int]] = {}
        for other in self.pids():
            parent = self.parent(other)
            if parent is not None:
                children.setdefault(parent, []).append(other)
        found: list[int] = []
        waiting = [pid]
        while waiting:
            below = children.pop(waiting.pop(0), [])
            found.extend(below)
            waiting.extend(below)
        return tuple(found)

    def is_init(self, pid: int) -> bool:
        if pid == 1:
            return True
        status = self._status(self._folder(pid))
        # `unshare -p` alone is no container: anybody could so make a tool a first process.
        return (
            status is not None
            and status.pids[-1:] == (1,)
            and not same_file("/", f"{self._folder(pid)}/root")
        )

    def is_kernel(self, pid: int) -> bool:
        found = self._stat(self._folder(pid))
        return found is not None and found.kernel_thread

    def terminal(self, pid: int) -> Terminal | None:
        """None where it is not certainly this user's: another mount namespace has its own /dev/pts."""
        folder = self._folder(pid)
        found, status = self._stat(folder), self._status(folder)
        if found is None or status is None or self._contained(folder, status):
            return None
        return terminal_of(found.terminal, status.uid, found.session)

    # --- one process ---

    def _look(self, pid: int, only_uid: int | None, family: str | None = None) -> _Seen | _Denied | None:
        for turn in range(1, _TRIES + 1):
            base = self._base(pid)
            if base is None or base.stat.kernel_thread:
                return None
            status = self._status(base.folder)
            if status is None or (only_uid is not None and status.uid != only_uid):
                return None
            seen = self._describe(pid, base, status, family)
            after = self._stat(base.folder)
            if after is None:
                return None
            same = (after.started, after.stack) == (base.stat.started, base.stat.stack)
            if same and not (isinstance(seen, _Seen) and seen.unsettled and turn < _TRIES):
                return seen
            self._pause(_PAUSE_S)  # it is just executing a program
        return None  # it executes one program after the other: each is an event of its own

    def _describe(self, pid: int, base: _Base, status: Status, family: str | None) -> _Seen | _Denied | None:
        comm = printable(os.fsdecode(base.stat.comm))
        try:
            exe = link_target(f"{base.folder}/exe")
        except PermissionError:
            return _Denied(comm=comm)
        except OSError:
            return None
        contained = self._contained(base.folder, status)
        reach = self._out_of_reach
        given = self._kept(
            pid, base, script_of(base.folder, exe, base.stat.comm, status, contained, reach, family)
        )
        process = Process(
            pid=pid,
            started=base.started,
            owner=self._owner(status.uid),
            name=comm,
            exe=printable(exe),
            script=None if given.script is None else printable(given.script),
            loads=tuple(printable(named) for named, _ in given.loads),
            module=given.module,
            contained=contained,
            container=self._container(base.folder, exe, given) if contained else None,
        )
        places = {printable(named): place for named, place in given.loads}
        if process.script is not None:
            places[process.script] = given.place
        return _Seen(process=process, places=places, unsettled=given.unsettled)

    def _container(self, folder: str, exe: str, given: Given) -> str | None:
        """None where what it runs is ours all the same, as in a service's private namespace."""
        if given.script is not None:
            return None if given.place == given.script else container_of(folder)
        if self._why_not_touched(folder, exe) is not None:
            return container_of(folder)
        gone = exe.endswith(_DELETED)
        ours = same_file("/", f"{folder}/root") if gone else same_file(exe, f"{folder}/exe")
        return None if ours else container_of(folder)

    def _why_not_touched(self, folder: str, exe: str) -> str | None:
        """By the mounts that it sees: people may run programs from a FUSE of their own, where no other is."""
        if exe == NAME_TOO_LONG:
            return may_hang(_mount_of_program(folder) or _UNKNOWN)
        if _inode(f"{folder}/ns/mnt") in (None, self._namespace):
            return self._out_of_reach(exe)
        mounts = parse_mountinfo(read(f"{folder}/mountinfo", LARGEST_MOUNTINFO) or b"")
        places = (exe.removesuffix(_DELETED), "/") if exe.endswith(_DELETED) else (exe,)
        found = (may_hang(mount_of(os.path.normpath(place), mounts)) for place in places)
        return next((why for why in found if why), None)

    def _kept(self, pid: int, base: _Base, given: Given) -> Given:
        """The script of this exec: some programs write a title over their arguments a moment after it."""
        image = (base.started, base.stat.stack)
        if not given.nothing:
            if len(self._scripts) < _MAX_SCRIPTS and base.stat.stack:
                self._scripts[pid] = (image, given)
            return given
        known = self._scripts.get(pid)
        return known[1] if known is not None and known[0] == image else given

    def _forget_the_ended(self) -> None:
        for pid in list(self._scripts):
            if not os.path.exists(self._folder(pid)):
                self._scripts.pop(pid, None)

    def _contained(self, folder: str, status: Status) -> bool:
        if len(status.pids) > 1:
            return True
        namespace = _inode(f"{folder}/ns/mnt")
        return namespace is not None and self._namespace is not None and namespace != self._namespace

    # --- files of /proc ---

    def _folder(self, pid: int) -> str:
        return f"{self._proc}/{pid}"

    def _base(self, pid: int) -> _Base | None:
        folder = self._folder(pid)
        found = self._stat(folder)
        if found is None or not found.zombie:
            return None if found is None else _Base(folder=folder, stat=found, started=found.started)
        if found.threads <= 1:
            return None
        try:
            threads = os.listdir(f"{folder}/task")
        except OSError:
            return None
        for thread in threads:
            lives = self._stat(f"{folder}/task/{thread}")
            if lives is not None and not lives.zombie:
                return _Base(folder=f"{folder}/task/{thread}", stat=lives, started=found.started)
        return None

    def _stat(self, folder: str) -> Stat | None:
        data = read(f"{folder}/stat", 1 << 12)
        try:
            return parse_stat(data) if data else None
        except ValueError:
            return None

    def _status(self, folder: str) -> Status | None:
        data = read(f"{folder}/status", 1 << 14)
        try:
            return parse_status(data) if data else None
        except ValueError:
            return None


def _unseen(proc: str, denied: list[str]) -> Unseen:
    names = sorted(set(denied))
    shown = ", ".join(names[:_NAMED_IN_UNSEEN]) + (" ..." if len(names) > _NAMED_IN_UNSEEN else "")
    count = plural(len(denied), "process", "processes")
    return Unseen(place=f"{proc}: program of {count} ({shown})", reason="permission denied")


def _mount_of_program(folder: str) -> Mount | None:
    """By the mount's number, since the path is not known. O_PATH touches no filesystem."""
    try:
        fd = os.open(f"{folder}/exe", open_flags("O_PATH", "O_CLOEXEC"))
    except OSError:
        return None
    try:
        number = mount_number(fd)
    finally:
        os.close(fd)
    mounts = parse_mountinfo(read(f"{folder}/mountinfo", LARGEST_MOUNTINFO) or b"")
    return next((mount for mount in mounts if mount.number == number), None)


def _inode(path: str) -> int | None:
    try:
        return os.stat(path).st_ino
    except OSError:
        return None
