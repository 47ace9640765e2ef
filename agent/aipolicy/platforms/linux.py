"""The Linux machine: processes from /proc, accounts from the account database, names of files and mounts.

Opens no user's file; the arguments of a process are taken apart here and only its script is kept.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Final

from aipolicy.core.model import Owner, Process, Unseen
from aipolicy.core.wire import HostInfo, printable
from aipolicy.platforms import (
    linux_hold,
    linux_installation,
    linux_packages,
    linux_roots,
    linux_search_path,
    posix_users,
)
from aipolicy.platforms.account_names import AccountNames
from aipolicy.platforms.linux_calls import effective_uid, system_names
from aipolicy.platforms.linux_mounts import MountTable
from aipolicy.platforms.linux_process import ProcessTable
from aipolicy.platforms.machine import Hold, Image, Root, Terminal, User
from aipolicy.platforms.management import Managed


class LinuxMachine:
    """Implements machine.Machine. proc: where the process filesystem is mounted. patience_s: how long to wait
    for an account's name.
    """

    os: Final = "linux"
    root: Final = "/"

    def __init__(self, environ: Mapping[str, str], proc: str = "/proc", patience_s: float = 5.0) -> None:
        self._version = linux_packages.os_release(self.root)
        self._home = environ.get("HOME")
        self._path = environ.get("PATH", "")
        self._proc = proc
        self._mounts = MountTable(f"{proc}/self/mountinfo")
        self._table = ProcessTable(proc, self.owner, self.out_of_reach)
        self._names = AccountNames(_name_of, patience_s)
        self._packages = linux_packages.Packages(self.root)

    def host(self, agent_version: str) -> HostInfo:
        name, release, arch = map(printable, system_names())
        return HostInfo(
            hostname=name,
            os=self.os,
            os_version=self._version or f"Linux {release}",
            arch=arch,
            agent_version=agent_version,
        )

    def is_admin(self) -> bool:
        return effective_uid() == 0

    def installation(self) -> str:
        return linux_installation.installation(self.root, None if self.is_admin() else effective_uid())

    def managed(self) -> tuple[Managed, ...]:
        return ()

    def my_pid(self) -> int:
        return os.getpid()

    # --- accounts ---

    def users(self) -> tuple[User, ...]:
        return posix_users.users_here(
            admin=self.is_admin(),
            uid=effective_uid(),
            home_variable=self._home,
            os_name=self.os,
            out_of_reach=self.out_of_reach,
        )

    def groups_of(self, user: str) -> frozenset[str]:
        return posix_users.groups_of(user)

    def owner(self, uid: int) -> Owner:
        return Owner(uid=uid, name=self._names.of(uid) or str(uid))

    # --- files ---

    def search_path(self) -> tuple[str, ...]:
        return linux_search_path.folders(self.root, self._path, self.out_of_reach)

    def out_of_reach(self, path: str) -> str | None:
        return self._mounts.out_of_reach(path)

    def os_package(self, path: str) -> str | Unseen | None:
        return self._packages.owner(path)

    def root_only(self, path: str) -> bool:
        return linux_packages.root_only(path)

    # --- processes ---

    def processes(self) -> Iterator[Process | Unseen]:
        only_uid = None if self.is_admin() else effective_uid()
        yield from self._table.all(only_uid)

    def process(self, pid: int, family: str | None = None) -> Process | Unseen | None:
        return self._table.one(pid, family)

    def other_roots(self) -> Iterator[Root | Unseen]:
        if self.is_admin():
            yield from linux_roots.other_roots(self._proc, self._mounts.mounts())

    def image(self, pid: int) -> Image | None:
        return self._table.image(pid)

    def program(self, pid: int) -> str:
        return self._table.program(pid)

    def program_out_of_reach(self, process: Process) -> str | None:
        return self._table.program_out_of_reach(process.pid)

    def script_place(self, process: Process) -> str | None:
        return self._table.script_place(process)

    def serving(self, pid: int) -> tuple[int, ...]:
        return self._table.serving(pid)

    def lies_here(self, process: Process) -> bool:
        return self._table.lies_here(process)

    def parent(self, pid: int) -> int | None:
        return self._table.parent(pid)

    def descendants(self, pid: int) -> tuple[int, ...]:
        return self._table.descendants(pid)

    def is_init(self, pid: int) -> bool:
        return self._table.is_init(pid)

    def is_kernel(self, pid: int) -> bool:
        return self._table.is_kernel(pid)

    def terminal(self, pid: int) -> Terminal | None:
        return self._table.terminal(pid)

    def hold(self, pid: int) -> Hold | Unseen | None:
        return linux_hold.hold(pid, self._table.image)


def _name_of(uid: int) -> str | None:
    account = posix_users.account_of(uid)
    return account.name if account else None
