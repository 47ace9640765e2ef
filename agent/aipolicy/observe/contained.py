"""The files of a container, as `Files` of their own: for a process that has entered the container's root.

Everything in it is somebody's who may be root there. Names come from its own passwd, read as a file: to ask
the C library would load code from the container.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from typing import Final

from aipolicy.core.model import Owner
from aipolicy.examine import CannotLook, read_text
from aipolicy.platforms import linux_search_path
from aipolicy.platforms.linux_mounts import KERNEL_VIEWS, Mount, may_hang, mount_of
from aipolicy.platforms.machine import User
from aipolicy.platforms.posix_users import Account, folder_at, homes_of

PASSED_OVER: Final = "the machine's own, or the kernel's"
"""Why a folder is not looked at that is looked at outside, or holds no programs: no reason to report."""

_NUMBER: Final = re.compile(r"[0-9]{1,10}")
_MOST: Final = 200


class Contained:
    """Implements machine.Files. mounts: as a process there sees them. ours: mount points of what is ours."""

    os: Final = "linux"
    root: Final = "/"

    def __init__(self, mounts: tuple[Mount, ...], ours: frozenset[str]) -> None:
        self._mounts = mounts
        self._ours = ours

    def is_admin(self) -> bool:
        return True

    def users(self) -> tuple[User, ...]:
        """With the uids of their homes as this machine sees them: a user namespace has others."""
        root = Account(name="root", uid=0, gid=0, home="/root", shell="")
        accounts = [root, *self._accounts(), *_accounts_of("/home")]
        homes = homes_of(accounts, os_name=self.os, folder_at=folder_at, out_of_reach=self.out_of_reach)
        return tuple(self._as_seen_here(user) for user in homes)

    def owner(self, uid: int) -> Owner:
        """By number; the name is the machine's to know. 0 is asked for the system's own: the root's owner."""
        seen = folder_at("/") if uid == 0 else None
        number = seen.uid if seen is not None else uid
        return Owner(uid=number, name=str(number))

    def search_path(self) -> tuple[str, ...]:
        return linux_search_path.folders(self.root, "", self.out_of_reach)

    def out_of_reach(self, path: str) -> str | None:
        mount = mount_of(os.path.normpath(path), self._mounts)
        if mount is not None and (mount.point in self._ours or mount.kind in KERNEL_VIEWS):
            return PASSED_OVER
        return may_hang(mount)

    def _accounts(self) -> Iterator[Account]:
        with contextlib.suppress(CannotLook):  # a link, FIFO or huge file: homes have folders
            for line in read_text("/etc/passwd").splitlines():
                name, *rest = line.split(":")
                if len(rest) == 6 and _NUMBER.fullmatch(rest[1]):
                    yield Account(name=name, uid=int(rest[1]), gid=-1, home=rest[4], shell=rest[5])

    def _as_seen_here(self, user: User) -> User:
        folder = None if self.out_of_reach(user.home) else folder_at(user.home)
        uid = user.uid if folder is None else folder.uid
        return User(name=str(uid), uid=uid, gid=user.gid, home=user.home)


def _accounts_of(parent: str) -> Iterator[Account]:
    """Whoever has a folder there, known or not."""
    with contextlib.suppress(OSError), os.scandir(parent) as entries:
        for entry, _ in zip(entries, range(_MOST), strict=False):
            if entry.is_dir(follow_symlinks=False):
                uid = entry.stat(follow_symlinks=False).st_uid
                yield Account(name=str(uid), uid=uid, gid=-1, home=entry.path, shell="")
