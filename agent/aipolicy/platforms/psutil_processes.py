"""Processes through psutil, for systems without a reader of their own (macOS, Windows). Never ran there.

Linux does not use it. There is no pidfd: a process is told from its successor by its start time alone.
"""

import os
from collections.abc import Callable, Iterator

import psutil

from aipolicy.core.model import Owner, Process, Unseen
from aipolicy.core.wire import printable
from aipolicy.platforms.interpreters import what_runs
from aipolicy.platforms.machine import Image
from aipolicy.platforms.scripts import View, find_script

_GONE = (psutil.NoSuchProcess, psutil.ZombieProcess)


class ProcessTable:
    """owner_of: names the account of a process. posix: whether paths start with a slash."""

    def __init__(self, owner_of: Callable[[psutil.Process], Owner], *, posix: bool) -> None:
        self._owner_of = owner_of
        self._posix = posix

    def all(self, only_uid: int | None) -> Iterator[Process | Unseen]:
        denied = 0
        for pid in psutil.pids():
            seen = self.one(pid)
            if isinstance(seen, Unseen):
                denied += 1
            elif seen is not None and only_uid in (None, seen.owner.uid):
                yield seen
        if denied and only_uid is None:
            yield Unseen(place=f"program of {denied} processes", reason="permission denied")

    def one(self, pid: int, family: str | None = None) -> Process | Unseen | None:
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                return self._described(process, family)
        except _GONE:
            return None
        except (psutil.AccessDenied, OSError):
            return Unseen(place=f"process {pid}", reason="permission denied")

    def _described(self, process: psutil.Process, family: str | None) -> Process | None:
        exe = process.exe()
        if not exe:  # a kernel task
            return None
        owner = self._owner_of(process)
        script, module = self._script(process, exe, family)
        return Process(
            pid=process.pid,
            started=started_of(process),
            owner=owner,
            name=printable(process.name()),
            exe=printable(exe),
            script=None if script is None else printable(script),
            module=module,
        )

    def _script(self, process: psutil.Process, exe: str, family: str | None) -> tuple[str | None, str | None]:
        """The only place that sees arguments."""
        try:
            arguments = [os.fsencode(argument) for argument in process.cmdline()]
            folder: str | None = process.cwd()
        except (psutil.Error, OSError):
            return None, None
        # On Windows a base name ends at a backslash; the families' patterns know the other slash.
        ran = what_runs(os.fsencode(exe.replace("\\", "/")), arguments, family=family)
        if ran is None:
            return None, None
        if not self._posix:
            given = None if ran.script is None else os.path.join(folder or "", os.fsdecode(ran.script))
            return (given if given and os.path.isfile(given) else None), ran.module
        view = View(
            pid=process.pid,
            prefix="",
            folder=folder,
            program=exe,
            home=None,
            out_of_reach=lambda _path: None,
        )
        return find_script(ran, view), ran.module

    def image(self, pid: int) -> Image | None:
        try:
            process = psutil.Process(pid)
            started = started_of(process)
            found = os.stat(process.exe())
        except _GONE:
            return None
        except (psutil.AccessDenied, OSError):
            return None
        return Image(started=started, device=found.st_dev, inode=found.st_ino, stack=0)

    def program(self, pid: int) -> str:
        try:
            return psutil.Process(pid).exe()
        except psutil.Error:
            return ""

    def parent(self, pid: int) -> int | None:
        try:
            return psutil.Process(pid).ppid()
        except psutil.Error:
            return None

    def descendants(self, pid: int) -> tuple[int, ...]:
        try:
            return tuple(child.pid for child in psutil.Process(pid).children(recursive=True))
        except psutil.Error:
            return ()

    def hold(self, pid: int) -> "StartTimeHold | Unseen | None":
        try:
            return StartTimeHold(psutil.Process(pid), self.image)
        except _GONE:
            return None
        except psutil.AccessDenied:
            return Unseen(place=f"process {pid}", reason="permission denied")


class StartTimeHold:
    """Implements machine.Hold: psutil compares pid and start time before each signal."""

    def __init__(self, process: psutil.Process, image_of: Callable[[int], Image | None]) -> None:
        self.pid = process.pid
        self._process = process
        self._image_of = image_of

    def image(self) -> Image | None:
        return None if self.ended() else self._image_of(self.pid)

    def terminate(self) -> None:
        self._signal(self._process.terminate)

    def kill(self) -> None:
        self._signal(self._process.kill)

    def ended(self) -> bool:
        try:
            return not self._process.is_running() or self._process.status() == psutil.STATUS_ZOMBIE
        except psutil.AccessDenied:
            return False
        except psutil.Error:
            return True

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        return

    def _signal(self, send: Callable[[], None]) -> None:
        try:
            send()
        except _GONE as error:
            raise ProcessLookupError(str(error)) from error
        except psutil.AccessDenied as error:
            raise PermissionError(str(error)) from error


def started_of(process: psutil.Process) -> int:
    """Hundredths of a second, as Linux counts them."""
    return int(process.create_time() * 100)
