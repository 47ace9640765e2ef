"""New processes by looking again and again, where no kernel event may be had."""

import os
import threading
from collections.abc import Callable, Hashable, Mapping
from typing import Final

import psutil

from aipolicy.platforms.events import Batch
from aipolicy.platforms.interpreters import family_of
from aipolicy.platforms.machine import Image

Sweep = Callable[[], Mapping[int, Hashable]]
"""What every process runs, as a value that is another one for another program."""


class PolledProcesses:
    """Implements events.ProcessSource. What runs when it is made is not new."""

    way: Final = "polling"

    def __init__(self, sweep: Sweep, clock: Callable[[], float], interval_s: float = 1.0) -> None:
        self._sweep = sweep
        self._clock = clock
        self._interval_s = interval_s
        self._closed = threading.Event()
        self._known = dict(sweep())
        self._due = clock() + interval_s

    def wait(self, timeout_s: float) -> Batch:
        end = self._clock() + timeout_s
        while not self._closed.wait(max(0.0, min(end, self._due) - self._clock())):
            now = self._clock()
            if now >= self._due:
                self._due = now + self._interval_s
                if pids := self.sweep():
                    return Batch(pids=pids)
            if now >= end:
                break
        return Batch()

    def sweep(self) -> tuple[int, ...]:
        """Looks now: those that are new or run another program than before."""
        seen = dict(self._sweep())
        new = tuple(pid for pid, runs in seen.items() if self._known.get(pid) != runs)
        self._known = seen
        return new

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        self._closed.set()


class ProgramSweep:
    """A cheap Sweep for Linux: one readlink per process; of interpreters also which exec it was.

    The program alone would miss `node a` that becomes `node b`. A link is read, not the file behind it, so
    that a program on a filesystem that hangs does not hang us. image: machine.image.
    """

    def __init__(self, proc: str, image: Callable[[int], Image | None]) -> None:
        self._proc = proc
        self._image = image

    def __call__(self) -> dict[int, Hashable]:
        found: dict[int, Hashable] = {}
        interpreters: dict[str, bool] = {}
        for name in os.listdir(self._proc):
            if not name.isdigit():
                continue
            try:
                program = os.readlink(f"{self._proc}/{name}/exe")
            except OSError:  # a kernel thread, gone, or not ours to see
                continue
            if program not in interpreters:
                interpreters[program] = family_of(os.fsencode(program)) is not None
            pid = int(name)
            found[pid] = (program, self._image(pid)) if interpreters[program] else program
        return found


def start_times() -> dict[int, Hashable]:
    """A Sweep for any system: pid and start time; a second program in the same process is not seen."""
    found: dict[int, Hashable] = {}
    for process in psutil.process_iter():
        try:
            found[process.pid] = process.create_time()
        except psutil.Error:
            continue
    return found
