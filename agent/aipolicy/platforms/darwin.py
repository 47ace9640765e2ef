"""The macOS machine, an honest minimum through psutil. It has never run on macOS.

It detects and ends; how a process begins is seen by polling, and terminals are not written to.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any, Final

from aipolicy.core.model import Owner, Process, Unseen
from aipolicy.core.wire import HostInfo, printable
from aipolicy.platforms import posix_users
from aipolicy.platforms.linux_calls import effective_uid, system_names
from aipolicy.platforms.linux_packages import root_only
from aipolicy.platforms.machine import User
from aipolicy.platforms.management import Managed, in_preferences
from aipolicy.platforms.psutil_machine import PsutilMachine
from aipolicy.platforms.psutil_processes import ProcessTable

_FOLDERS = ("/usr/local/bin", "/opt/homebrew/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin")
_SYSTEM = ("/System/", "/usr/bin/", "/usr/sbin/", "/usr/libexec/", "/bin/", "/sbin/")


class DarwinMachine(PsutilMachine):
    """Implements machine.Machine."""

    os: Final = "macos"
    root: Final = "/"

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._home = environ.get("HOME")
        super().__init__(ProcessTable(self._owner_of, posix=True))

    def host(self, agent_version: str) -> HostInfo:
        name, release, arch = map(printable, system_names())
        return HostInfo(
            hostname=name, os=self.os, os_version=f"Darwin {release}", arch=arch, agent_version=agent_version
        )

    def is_admin(self) -> bool:
        return effective_uid() == 0

    def managed(self) -> tuple[Managed, ...]:
        return tuple(in_preferences())

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
        account = posix_users.account_of(uid)
        return Owner(uid=uid, name=account.name if account else str(uid))

    def search_path(self) -> tuple[str, ...]:
        return tuple(folder for folder in _FOLDERS if os.path.isdir(folder))

    def out_of_reach(self, path: str) -> str | None:
        """Volumes may be network shares; which ones are is not asked yet, so none is touched."""
        return "on another volume, which may hang" if path.startswith(("/Volumes/", "/Network/")) else None

    def processes(self) -> Iterator[Process | Unseen]:
        yield from self._table.all(None if self.is_admin() else effective_uid())

    def is_init(self, pid: int) -> bool:
        return pid == 1

    def is_kernel(self, pid: int) -> bool:
        return pid == 0

    def os_package(self, path: str) -> str | Unseen | None:
        """macOS has no package database of its own; what lies in the system's folders is the system's."""
        return "macos" if path.startswith(_SYSTEM) else None

    def root_only(self, path: str) -> bool:
        return root_only(path)

    def _owner_of(self, process: Any) -> Owner:  # a psutil.Process: typeshed has its uids on POSIX only
        return self.owner(process.uids().effective)
