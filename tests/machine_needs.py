"""What the tests in machine/ need, said as reasons to skip; and children that end with their test."""

import contextlib
import fcntl
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import pytest

from aipolicy.platforms import this_machine

NEEDS_LINUX = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs Linux: reads /proc")
NEEDS_ROOT = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0,
    reason="needs root: namespaces, other users, kernel marks",
)

_LOCK = Path(tempfile.gettempdir()) / "aipolicy-tests-whole-machine.lock"
LONG_S = 90.0
"""How long to wait for what comes at once; only a failing test waits."""

T = TypeVar("T")


def until(look: Callable[[], T | None]) -> T:
    """The first answer that is something."""
    end = time.monotonic() + LONG_S
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError("it did not come to be")


def runs(pid: int, name: str) -> bool:
    """Whether it runs a program whose path has this in it; of an exec(2) the arguments come last."""
    return name in os.readlink(f"/proc/{pid}/exe") and bool(Path(f"/proc/{pid}/cmdline").read_bytes())


def is_stopped(pid: int) -> bool:
    """proc_pid_stat(5)"""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


@contextlib.contextmanager
def whole_machine() -> Iterator[None]:
    """Held by whatever acts on the whole machine, or would be acted on by it: one at a time."""
    with _LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Child(subprocess.Popen[str]):
    """A child with an open input."""

    def write(self, text: str) -> None:
        assert self.stdin is not None
        self.stdin.write(text)
        self.stdin.flush()


class Started:
    """Children, each in a session of its own, ended with all they started when the test is over."""

    def __init__(self) -> None:
        self._children: list[Child] = []

    def run(self, command: list[str], cwd: Path | None = None, **how: Any) -> Child:
        """how: other arguments of Popen."""
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        child = Child(command, cwd=cwd, start_new_session=True, **pipes | how)
        self._children.append(child)
        return child

    def __enter__(self) -> "Started":
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        for child in self._children:
            below = this_machine().descendants(child.pid)
            try:
                os.killpg(child.pid, 9)
            except (ProcessLookupError, PermissionError):
                child.kill()
            # `setsid` puts some into a group of their own. The nearest first: some start anew what has ended.
            for pid in below:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, 9)
            child.wait(timeout=LONG_S)
            for end in (child.stdin, child.stdout):
                if end is not None:
                    end.close()
