"""Chooses how this machine sees new processes and new installs: from the kernel where it tells, else by looking."""

from collections.abc import Callable

from aipolicy.core.model import Unseen
from aipolicy.platforms.events import ProcessSource
from aipolicy.platforms.linux_events import open_process_events
from aipolicy.platforms.machine import Machine
from aipolicy.platforms.polling import PolledProcesses, ProgramSweep, start_times


def process_source(machine: Machine, clock: Callable[[], float]) -> tuple[ProcessSource, Unseen | None]:
    """The source, and why it is polling where it is."""
    opened = open_process_events()
    if not isinstance(opened, Unseen):
        return opened, None
    sweep = ProgramSweep("/proc", machine.image) if machine.os == "linux" else start_times
    return PolledProcesses(sweep, clock), opened
