"""Chooses how this machine sees new processes and new installs: from the kernel, else by looking.

Both sources are to be open before the first survey: what happens in between is then not missed.
"""

from collections.abc import Callable, Iterable

from aipolicy.core.model import Unseen
from aipolicy.platforms.events import InstallSource, ProcessSource
from aipolicy.platforms.linux_events import open_process_events
from aipolicy.platforms.linux_installs import open_install_events
from aipolicy.platforms.machine import Machine
from aipolicy.platforms.polling import PolledProcesses, ProgramSweep, start_times
from aipolicy.platforms.watched_folders import WatchedFolders


def process_source(machine: Machine, clock: Callable[[], float]) -> tuple[ProcessSource, Unseen | None]:
    """The source, and why it is polling where it is."""
    opened = open_process_events()
    if not isinstance(opened, Unseen):
        return opened, None
    sweep = ProgramSweep("/proc", machine.image) if machine.os == "linux" else start_times
    return PolledProcesses(sweep, clock), opened


def install_source(
    machine: Machine, names: Iterable[str], folders: Iterable[str]
) -> tuple[InstallSource, Unseen | None]:
    """The source, and why it is folders only where it is.

    names: base names whose appearance anywhere hints at an install (Wanted.install_names).
    folders: where any change counts: folders of programs, of global packages, of extensions. `watch` replaces
    them, best after each survey.
    """
    opened = open_install_events(names)
    source: InstallSource = WatchedFolders(machine.out_of_reach) if isinstance(opened, Unseen) else opened
    source.watch(tuple(dict.fromkeys(folders)))
    return source, opened if isinstance(opened, Unseen) else None
