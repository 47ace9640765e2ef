"""The process table of Linux: who runs what, from /proc, each file read once and nothing kept.

psutil is not used: it parses more than is wanted and takes five times as long. The arguments of a process
never leave `_script`: not in a record, a log line or an exception.
"""

import os
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from aipolicy.core.model import Owner, Process, Unseen
from aipolicy.core.wire import printable
from aipolicy.platforms.interpreters import what_runs
from aipolicy.platforms.linux_calls import device_at
from aipolicy.platforms.linux_mounts import may_hang, mount_of, parse_mountinfo
from aipolicy.platforms.linux_proc import (
    Stat,
    Status,
    parse_stat,
    parse_status,
    split_arguments,
    terminal_numbers,
)
from aipolicy.platforms.machine import Image, Terminal
from aipolicy.platforms.posix_users import account_of
from aipolicy.platforms.scripts import View, find_script

_MAX_ARGUMENTS_BYTES: Final = 1 << 16  # the script is among the first; a million arguments are not read
_PTS_MAJORS: Final = range(136, 144)  # UNIX98 pseudo terminals, Documentation/admin-guide/devices.txt
_CONSOLE_MAJOR: Final = 4
_NAMED_IN_UNSEEN: Final = 5
_TRIES: Final = 3


class _Base(NamedTuple):
    """Where the facts of a living process lie: with a thread, when the leader ended before the others."""

    folder: str
    stat: Stat
    started: int


class _Denied(NamedTuple):
    comm: str


class _Seen(NamedTuple):
    process: Process
    script_place: str | None


class ProcessTable:
    """Reads /proc. owner: names a uid. out_of_reach: why a path of ours is not to be touched."""

    def __init__(
        self, proc: str, owner: Callable[[int], Owner], out_of_reach: Callable[[str], str | None]
    ) -> None:
        self._proc = proc
        self._owner = owner
        self._out_of_reach = out_of_reach
        # What is in a container is told by the first process: we may live in a private namespace ourselves.
        self._namespace = _inode(f"{proc}/1/ns/mnt") or _inode(f"{proc}/self/ns/mnt")

    def all(self, only_uid: int | None) -> Iterator[Process | Unseen]:
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

    def one(self, pid: int) -> Process | Unseen | None:
        seen = self._look(pid, None)
        if isinstance(seen, _Denied):
            return Unseen(place=self.program(pid), reason="permission denied")
        return None if seen is None else seen.process

    def pids(self) -> list[int]:
        return [int(name) for name in os.listdir(self._proc) if name.isdigit()]

    def script_place(self, process: Process) -> str | None:
        """Read anew: the record has the script's name made printable, which may not open it."""
        seen = self._look(process.pid, None)
        if isinstance(seen, _Seen) and seen.process.script == process.script:
            return seen.script_place
        return process.script  # its arguments are gone by now; the name is as good as ever

    def program(self, pid: int) -> str:
        base = self._base(pid)
        return f"{base.folder if base else self._folder(pid)}/exe"

    def image(self, pid: int) -> Image | None:
        base = self._base(pid)
        if base is None or base.stat.kernel_thread:
            return None
        device, inode = 0, 0  # the start time and the stack still tell two programs apart
        try:
            if self._out_of_reach(os.readlink(f"{base.folder}/exe")) is None:
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
        status = self._status(self._folder(pid))
        return pid == 1 or (status is not None and status.pids[-1:] == (1,))

    def is_kernel(self, pid: int) -> bool:
        found = self._stat(self._folder(pid))
        return found is not None and found.kernel_thread

    def terminal(self, pid: int) -> Terminal | None:
        """None where it is not certainly this user's: another mount namespace has its own /dev/pts."""
        folder = self._folder(pid)
        found, status = self._stat(folder), self._status(folder)
        if found is None or status is None or not found.terminal or self._contained(folder, status):
            return None
        major, minor = terminal_numbers(found.terminal)
        if major in _PTS_MAJORS:
            path = f"/dev/pts/{minor + (major - _PTS_MAJORS.start) * 256}"
        elif major == _CONSOLE_MAJOR and minor < 64:
            path = f"/dev/tty{minor}"
        else:
            return None
        device = device_at(path)
        if device is None or device.numbers != (major, minor) or device.uid != status.uid:
            return None
        return Terminal(path=path, device=device.number, uid=status.uid)

    # --- one process ---

    def _look(self, pid: int, only_uid: int | None) -> _Seen | _Denied | None:
        for _ in range(_TRIES):
            base = self._base(pid)
            if base is None or base.stat.kernel_thread:
                return None
            status = self._status(base.folder)
            if status is None or (only_uid is not None and status.uid != only_uid):
                return None
            seen = self._describe(pid, base, status)
            after = self._stat(base.folder)
            if after is None:
                return None
            if (after.started, after.stack) == (base.stat.started, base.stat.stack):
                return seen
        return None  # it executes one program after the other: each is an event of its own

    def _describe(self, pid: int, base: _Base, status: Status) -> _Seen | _Denied | None:
        comm = printable(os.fsdecode(base.stat.comm))
        try:
            exe = os.readlink(f"{base.folder}/exe")
        except PermissionError:
            return _Denied(comm=comm)
        except OSError:
            return None
        contained = self._contained(base.folder, status)
        script, place, module = self._script(base, exe, status, contained)
        process = Process(
            pid=pid,
            started=base.started,
            owner=self._owner(status.uid),
            name=comm,
            exe=printable(exe),
            script=None if script is None else printable(script),
            module=module,
            contained=contained,
        )
        return _Seen(process=process, script_place=place)

    def _script(
        self, base: _Base, exe: str, status: Status, contained: bool
    ) -> tuple[str | None, str | None, str | None]:
        """The script as the process names it, the path that opens it here, and the module."""
        data = _read(f"{base.folder}/cmdline", _MAX_ARGUMENTS_BYTES)
        if not data:
            return None, None, None
        ran = what_runs(os.fsencode(exe), split_arguments(data), base.stat.comm)
        if ran is None or (ran.script is None and ran.module is None):
            return None, None, ran.module if ran else None
        account = account_of(status.uid)
        view = self._view(base.folder, exe, account.home if account else None, status, contained)
        script = find_script(ran, view)
        if script is None:
            return None, None, ran.module
        place = None if not script.startswith("/") else view.prefix + script
        # A chroot's path means nothing to anybody outside it: there the script is named as we see it.
        return (script if contained else place or script), place, ran.module

    def _view(self, folder: str, exe: str, home: str | None, status: Status, contained: bool) -> View:
        pid = status.pids[-1] if status.pids else 0
        if contained:
            mounts = parse_mountinfo(_read(f"{folder}/mountinfo", 1 << 22) or b"")
            return View(
                pid=pid,
                prefix=f"{folder}/root",
                folder=_link(f"{folder}/cwd"),
                program=exe,
                home=home,
                out_of_reach=lambda path: may_hang(mount_of(os.path.normpath(path), mounts)),
            )
        root = _link(f"{folder}/root") or "/"
        prefix = "" if root == "/" else root
        cwd = _link(f"{folder}/cwd")
        if prefix and cwd is not None:
            cwd = cwd.removeprefix(prefix) or "/"
        return View(
            pid=pid,
            prefix=prefix,
            folder=cwd,
            program=exe.removeprefix(prefix),
            home=home,
            out_of_reach=lambda path: self._out_of_reach(prefix + path),
        )

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
        data = _read(f"{folder}/stat", 1 << 12)
        try:
            return parse_stat(data) if data else None
        except ValueError:
            return None

    def _status(self, folder: str) -> Status | None:
        data = _read(f"{folder}/status", 1 << 14)
        try:
            return parse_status(data) if data else None
        except ValueError:
            return None


def _unseen(proc: str, denied: list[str]) -> Unseen:
    names = sorted(set(denied))
    shown = ", ".join(names[:_NAMED_IN_UNSEEN]) + (" ..." if len(names) > _NAMED_IN_UNSEEN else "")
    count = f"{len(denied)} process" + ("" if len(denied) == 1 else "es")
    return Unseen(place=f"{proc}: program of {count} ({shown})", reason="permission denied")


def _read(path: str, limit: int) -> bytes | None:
    """None: the process is gone or keeps it to itself."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        chunks = []
        while limit > 0 and (chunk := os.read(fd, limit)):
            chunks.append(chunk)
            limit -= len(chunk)
        return b"".join(chunks)
    except OSError:
        return None
    finally:
        os.close(fd)


def _link(path: str) -> str | None:
    try:
        return os.readlink(path)
    except OSError:
        return None


def _inode(path: str) -> int | None:
    try:
        return os.stat(path).st_ino
    except OSError:
        return None
