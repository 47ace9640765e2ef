"""One agent per state folder: a lock that the kernel gives back however the agent ends."""

import importlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from aipolicy.state.folder import StateError

_END_S = 5.0
_LOOK_S = 0.01
_LOCK_NAMES = {"agent": "instance.lock", "guard": "guard.lock"}


class AlreadyRunning(StateError):
    """Another one holds the folder. pid: which one, 0 where it is not known. what: "agent" or "guard"."""

    def __init__(self, folder: Path, pid: int, what: str = "agent") -> None:
        super().__init__(
            f"{folder}: {'an' if what[0] in 'aeiou' else 'a'} {what} is running with this folder already"
            + (f" (pid {pid})" if pid else "")
            + ": stop that one, or give another folder by --state"
        )
        self.pid = pid


class InstanceLock:
    """Held from `take` to `release`. A child made by fork alone inherits it; one made by exec does not."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, folder: Path, pid: int, what: str = "agent") -> Self | None:
        """The lock of the agent or of the guard.

        None where the disk has none to give (read-only, without locks): that must not stop us.
        Raises AlreadyRunning.
        """
        path = folder / _LOCK_NAMES[what]
        descriptor = _open(path)
        if descriptor is None:
            return None
        try:
            _lock_function()(descriptor)
        except (BlockingIOError, PermissionError) as error:
            other = _pid_in(descriptor)
            os.close(descriptor)
            raise AlreadyRunning(folder, other, what) from error
        except OSError:  # a filesystem without locks
            os.close(descriptor)
            return None
        _note_pid(descriptor, pid)
        return cls(descriptor)

    @classmethod
    def take_from(cls, folder: Path, pid: int, what: str, ends: Callable[[int], None]) -> Self | None:
        """As `take`, but another one is told to end, by `ends` with its pid, and its lock is waited for.

        Raises AlreadyRunning where it has not ended after _END_S.
        """
        end: float | None = None
        while True:
            try:
                return cls.take(folder, pid, what)
            except AlreadyRunning as error:
                if end is None:
                    ends(error.pid)
                    end = time.monotonic() + _END_S
                elif time.monotonic() > end:
                    raise
            time.sleep(_LOOK_S)

    def outlive_exec(self) -> None:
        """Stay held by the program that this process becomes."""
        os.set_inheritable(self._descriptor, True)

    def release(self) -> None:
        """Let another agent have the folder."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _open(path: Path) -> int | None:
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o600)
    except OSError:
        pass
    try:  # a read-only disk: a lock file of an earlier run can still be locked
        return os.open(path, os.O_RDONLY | flags)
    except OSError:
        return None


def _lock_function() -> Callable[[int], None]:
    """flock(2), or LockFile on Windows; both modules exist on one system only, hence the late import."""
    try:
        fcntl: Any = importlib.import_module("fcntl")
    except ImportError:
        msvcrt: Any = importlib.import_module("msvcrt")
        return lambda descriptor: msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    return lambda descriptor: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _pid_in(descriptor: int) -> int:
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        text = os.read(descriptor, 20).strip()
    except OSError:
        return 0
    return int(text) if text.isdigit() else 0


def _note_pid(descriptor: int, pid: int) -> None:
    """For the message of the next one who comes; a full disk must not stop us."""
    try:
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, f"{pid}\n".encode())
    except OSError:
        return
