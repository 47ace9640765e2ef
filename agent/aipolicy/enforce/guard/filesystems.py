"""Which filesystems the gate is asked about: every local one, also those mounted later or in a namespace.

Filesystem marks, never mount marks: these do not see a private mount namespace. An unmounted filesystem loses
its mark in silence, so after every change all are marked again, which costs a few microseconds each.
"""

import itertools
import os
from collections.abc import Collection, Iterator
from typing import Final

from aipolicy.platforms.linux_calls import open_flags
from aipolicy.platforms.linux_mounts import (
    HIDDEN,
    LOCAL_DISKS,
    Mount,
    MountTable,
    mount_number,
    parse_mountinfo,
    ways,
)
from aipolicy.platforms.linux_namespaces import of_our_users
from aipolicy.platforms.linux_permission import PermissionGroup

_MOST_BYTES: Final = 1 << 20
_MOST_OF_THEIRS: Final = 1_000
"""Filesystems of a namespace that anybody may have made: everybody's programs wait meanwhile."""
_STACKED: Final = frozenset({"overlay"})
"""Of what people may mount in a namespace of their own, what may lie on a program of theirs (FUSE)."""


class Filesystems:
    """Marks what is there, and again after each change.

    only: the mount points to stay within, for a trial on one filesystem; None: all. Of a namespace that is
    entered, then what it has alone.
    """

    def __init__(self, group: PermissionGroup, only: Collection[str] | None = None) -> None:
        self._group = group
        self._only = only
        self._mounts = MountTable()
        self.marked: frozenset[str] = frozenset()
        """Devices of ours that are marked (major:minor)."""
        self.unmarked: dict[str, str] = {}
        """Mount points whose filesystem takes no mark, and why."""

    def fileno(self) -> int:
        """Urgent (POLLPRI) once after each change of mounts, and then `refresh`."""
        return self._mounts.fileno()

    def refresh(self) -> None:
        """Mark all that is there now."""
        self._mounts.reread()
        self.marked, self.unmarked = frozenset(), {}
        self.marked = frozenset(self._mark(self._mounts.mounts(), ""))

    def enter(self, pid: int) -> None:
        """Mark what the mount namespace of this process has.

        Nothing of it is held open: that would keep its mounts from being unmounted.
        """
        try:
            folder = os.open(f"/proc/{pid}", os.O_RDONLY | open_flags("O_DIRECTORY", "O_CLOEXEC"))
        except OSError:  # it has ended
            return
        try:
            of_it = f"/proc/self/fd/{folder}"  # another process that gets its number is not taken for it
            with open(f"{of_it}/mountinfo", "rb") as file:
                mounts = parse_mountinfo(file.read(_MOST_BYTES))
            if not of_our_users(f"{of_it}/ns/mnt"):
                # Whoever reads an event opens the file: one in a layer of theirs could hold us for ever.
                mounts = tuple(m._replace(kind="") if m.kind in _STACKED else m for m in mounts)
            for _device in itertools.islice(self._mark(mounts, f"{of_it}/root"), _MOST_OF_THEIRS):
                pass
        except OSError:
            return
        finally:
            os.close(folder)

    def _mark(self, mounts: tuple[Mount, ...], root: str) -> Iterator[str]:
        """By device: of many mounts of one filesystem the first that can be reached will do."""
        done: set[str] = set()
        ours = {mount.device for mount in self._mounts.mounts()}
        why_not = ways(mounts)
        for mount in mounts:
            if (
                mount.kind not in LOCAL_DISKS
                or mount.device in done
                or (root and mount.device in self.marked)
            ):
                continue
            if self._only is not None and (mount.device in ours if root else mount.point not in self._only):
                continue
            try:
                if (why := why_not.get(mount.number)) is not None:
                    if not root and why != HIDDEN:
                        self.unmarked[mount.point] = why
                    continue
                if not self._mark_one(mount, root):
                    continue
            except OSError as error:
                if not root:
                    self.unmarked[mount.point] = error.strerror or str(error)
                continue
            self.unmarked.pop(mount.point, None)
            done.add(mount.device)
            yield mount.device

    def _mark_one(self, mount: Mount, root: str) -> bool:
        """False where the path leads to another mount than this one by now."""
        fd = os.open(root + mount.point, open_flags("O_PATH", "O_CLOEXEC"))
        try:
            if mount_number(fd) != mount.number:
                return False
            self._group.ask_for_filesystem(f"/proc/self/fd/{fd}")
            return True
        finally:
            os.close(fd)
