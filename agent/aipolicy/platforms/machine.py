"""What the rest of the agent may ask of the machine it runs on: one Protocol, one implementation per OS.

Every path that comes out of a Machine can be opened as it is; files are opened by examine, never here.
"""

from collections.abc import Iterator
from typing import Protocol

from aipolicy.core.model import Owner, Process, Record, Unseen
from aipolicy.core.wire import HostInfo
from aipolicy.platforms.management import Managed


class User(Record, frozen=True, kw_only=True):
    """An account with a home folder. Where accounts share one home, it is the one the folder belongs to.

    name: the login name. uid, gid: the numeric ids. home: the home folder, openable as it is.
    """

    name: str
    uid: int
    gid: int
    home: str


class Image(Record, frozen=True, kw_only=True):
    """Which program a process runs. It changes with every exec, even one of the same program.

    started: start time of the process. device, inode: the program file.
    stack: where the kernel put the stack at exec, a random number; 0 where it may not be read.
    """

    started: int
    device: int
    inode: int
    stack: int


class Terminal(Record, frozen=True, kw_only=True):
    """The terminal a process runs in, checked to be its owner's, or of who became that user there (`su`).

    path: the device file. device: its device number, so that a writer can see it is still the same.
    uid: the owner of the terminal.
    """

    path: str
    device: int
    uid: int


class Hold(Protocol):
    """A grip on one process that a reused pid cannot turn into another process."""

    @property
    def pid(self) -> int: ...

    def image(self) -> Image | None:
        """The program it runs now, None once it ended (a zombie has ended)."""

    def terminate(self) -> None:
        """Ask it to end; a stopped one is woken so that it can. ProcessLookupError, PermissionError."""

    def kill(self) -> None:
        """End it without asking. ProcessLookupError, PermissionError."""

    def ended(self) -> bool: ...

    def fileno(self) -> int | None:
        """A descriptor that becomes readable at its end; None where the OS has none."""

    def close(self) -> None: ...


class Root(Record, frozen=True, kw_only=True):
    """The root folder that some processes see instead of ours: a container's, or a chroot.

    pids: processes that see it, the oldest first. container: what it is called; see core.model.Executable.
    device, inode: its identity. shared: folders of it that lie in our own view as well: (there, here).
    """

    pids: tuple[int, ...]
    container: str
    device: int
    inode: int
    shared: tuple[tuple[str, str], ...] = ()


class Files(Protocol):
    """Files as everybody here sees them: the machine's, or a container's."""

    @property
    def os(self) -> str:
        """linux, macos or windows."""

    @property
    def root(self) -> str:
        """The folder that system paths start in: "/" on a real machine, a folder on a fake one."""

    def is_admin(self) -> bool:
        """Whether we may look at everybody's processes and files."""

    def users(self) -> tuple[User, ...]:
        """Everybody with a home when admin, else oneself."""

    def owner(self, uid: int) -> Owner: ...

    def search_path(self) -> tuple[str, ...]:
        """The folders where programs for everybody lie (a PATH), existing ones only, each once."""

    def out_of_reach(self, path: str) -> str | None:
        """Why a path is not to be touched: network, FUSE and automounts may hang."""


class Machine(Files, Protocol):
    """The machine. None as an answer about a pid means that the process is gone."""

    def host(self, agent_version: str) -> HostInfo: ...

    def installation(self) -> str:
        """What tells this installation on this hardware from any other, empty where nothing does.

        Of an ordinary person's agent: that person's part of it. It leaves the machine as a hash only.
        """

    def managed(self) -> tuple[Managed, ...]:
        """The settings that the firm's management of devices gave, a later one above an earlier one."""

    def my_pid(self) -> int: ...

    def groups_of(self, user: str) -> frozenset[str]:
        """Every group of a login name; may take as long as a directory service. LookupError, OSError."""

    def other_roots(self) -> Iterator[Root | Unseen]:
        """The oldest first; none without the right to look into them."""

    def processes(self) -> Iterator[Process | Unseen]:
        """Everybody's when admin, else one's own; no file facts yet; what may not be read as one Unseen."""

    def process(self, pid: int, family: str | None = None) -> Process | Unseen | None:
        """family: which interpreter it is, where the name of its program does not say so."""

    def image(self, pid: int) -> Image | None: ...

    def program(self, pid: int) -> str:
        """A path that opens the program of a process whatever became of its name."""

    def program_out_of_reach(self, process: Process) -> str | None:
        """Why its program is not to be touched; a container's own mounts count there."""

    def script_place(self, process: Process) -> str | None:
        """The path that opens its script: it may lie in a container, or its name not be printable."""

    def serving(self, pid: int) -> tuple[int, ...]:
        """The pids of who serves the FUSE filesystem that its program lies on; none where it lies on none."""

    def lies_here(self, process: Process) -> bool:
        """Whether what it runs is the file of that name here, and not one of a container's own."""

    def parent(self, pid: int) -> int | None: ...

    def descendants(self, pid: int) -> tuple[int, ...]:
        """Children and theirs, nearest first."""

    def is_init(self, pid: int) -> bool:
        """Whether it is pid 1, here or of a container with a root folder of its own."""

    def is_kernel(self, pid: int) -> bool:
        """Whether it is a thread of the kernel."""

    def terminal(self, pid: int) -> Terminal | None: ...

    def os_package(self, path: str) -> str | Unseen | None:
        """The operating system's package that owns a file; None: no package does."""

    def root_only(self, path: str) -> bool:
        """Whether nobody but the administrator can replace the file: it and every folder above it."""

    def hold(self, pid: int) -> Hold | Unseen | None: ...
