"""What the machine tells us as it happens: new processes, and hints that something was installed."""

from typing import Protocol

from aipolicy.core.model import Record


class Batch(Record, frozen=True, kw_only=True):
    """Processes that began to run a program since the last batch.

    pids: each once, oldest first; some are gone already.
    lost: how many times the kernel had to throw events away. Then the process table must be read whole.
    """

    pids: tuple[int, ...] = ()
    lost: int = 0


class ProcessSource(Protocol):
    """New processes, whoever tells of them."""

    @property
    def way(self) -> str:
        """How it sees them: "kernel" or "polling"."""

    def wait(self, timeout_s: float) -> Batch:
        """Returns as soon as there is something, at the latest after timeout_s or when closed."""

    def fileno(self) -> int | None:
        """A descriptor to poll for reading; None where only wait() knows."""

    def close(self) -> None: ...


class InstallHints(Record, frozen=True, kw_only=True):
    """changed: something appeared that looks like an install. lost: hints were lost, look everywhere."""

    changed: bool = False
    lost: bool = False


class InstallSource(Protocol):
    """Hints of new installs, whoever gives them."""

    @property
    def way(self) -> str:
        """How it sees them: "kernel" (whole filesystems), "folders" or "kernel and folders"."""

    def wait(self, timeout_s: float) -> InstallHints: ...

    def watch(self, folders: tuple[str, ...]) -> None:
        """Replaces the folders where any new name counts (bin folders and the like)."""

    def close(self) -> None: ...
