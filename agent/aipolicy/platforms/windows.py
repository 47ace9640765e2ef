"""The Windows machine, an honest minimum through psutil. It has never run on Windows.

Accounts have no uid there: a stable number is made from the account's name. Elevation is not asked for yet,
so it looks at oneself only.
"""

import importlib
import os
import platform
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import psutil

from aipolicy.core.model import Owner, Process, Unseen
from aipolicy.core.wire import HostInfo
from aipolicy.platforms.machine import User
from aipolicy.platforms.management import Managed, in_registry
from aipolicy.platforms.psutil_machine import PsutilMachine
from aipolicy.platforms.psutil_processes import ProcessTable


class WindowsMachine(PsutilMachine):
    """Implements machine.Machine."""

    os: Final = "windows"

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.root = environ.get("SYSTEMDRIVE", "C:") + "\\"
        self._system = environ.get("SYSTEMROOT", "C:\\Windows")
        self._path = environ.get("PATH", "")
        self._me = User(
            name=environ.get("USERNAME", "user"),
            uid=_number(environ.get("USERNAME", "user")),
            gid=0,
            home=environ.get("USERPROFILE", ""),
        )
        self._names = {self._me.uid: self._me.name}
        super().__init__(ProcessTable(self._owner_of, posix=False))

    def host(self, agent_version: str) -> HostInfo:
        return HostInfo(
            hostname=platform.node(),
            os=self.os,
            os_version=platform.version(),
            arch=platform.machine(),
            agent_version=agent_version,
        )

    def is_admin(self) -> bool:
        return False

    def managed(self) -> tuple[Managed, ...]:
        try:
            winreg: Any = importlib.import_module("winreg")
        except ImportError:  # another system looks at this module
            return ()
        return tuple(in_registry(winreg))

    def users(self) -> tuple[User, ...]:
        return (self._me,) if os.path.isdir(self._me.home) else ()

    def groups_of(self, user: str) -> frozenset[str]:
        raise LookupError("groups are not looked up on Windows yet")

    def owner(self, uid: int) -> Owner:
        return Owner(uid=uid, name=self._names.get(uid, str(uid)))

    def search_path(self) -> tuple[str, ...]:
        return tuple(folder for folder in self._path.split(";") if folder and os.path.isdir(folder))

    def out_of_reach(self, path: str) -> str | None:
        return "on a network share, which may hang" if path.startswith("\\\\") else None

    def processes(self) -> Iterator[Process | Unseen]:
        yield from self._table.all(self._me.uid)

    def is_init(self, pid: int) -> bool:
        return pid in (0, 4)  # the idle process and the kernel's own

    def is_kernel(self, pid: int) -> bool:
        return pid in (0, 4)

    def os_package(self, path: str) -> str | Unseen | None:
        return "windows" if path.lower().startswith(self._system.lower() + "\\") else None

    def root_only(self, path: str) -> bool:
        return path.lower().startswith((self._system.lower() + "\\", self.root.lower() + "program files"))

    def _owner_of(self, process: psutil.Process) -> Owner:
        name = process.username().rpartition("\\")[2]
        uid = _number(name)
        self._names[uid] = name
        return Owner(uid=uid, name=name)


def _number(name: str) -> int:
    return zlib.crc32(name.lower().encode("utf-8", "replace"))
