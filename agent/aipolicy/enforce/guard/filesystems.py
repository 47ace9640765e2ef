"""Which filesystems the gate is asked about: every local one, also those mounted later or in a namespace.

Filesystem marks, never mount marks: these do not see a private mount namespace. An unmounted filesystem loses
its mark in silence, so after every change all are marked again, which costs a few microseconds each.
"""

from collections.abc import Collection, Iterator
from typing import Final

from aipolicy.platforms.linux_mounts import LOCAL_DISKS, Mount, MountTable, parse_mountinfo
from aipolicy.platforms.linux_permission import PermissionGroup

_MOST_BYTES: Final = 4 << 20
"""Of the mounts of a namespace that anybody may have made."""


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
            with open(f"/proc/{pid}/mountinfo", "rb") as file:
                mounts = parse_mountinfo(file.read(_MOST_BYTES))
        except OSError:  # it has ended
            return
        for _device in self._mark(mounts, f"/proc/{pid}/root"):
            pass

    def _mark(self, mounts: tuple[Mount, ...], root: str) -> Iterator[str]:
        """By device: of many mounts of one filesystem the first that can be reached will do."""
        done: set[str] = set()
        ours = {mount.device for mount in self._mounts.mounts()}
        for mount in mounts:
            if mount.kind not in LOCAL_DISKS or mount.device in done:
                continue
            if self._only is not None and (mount.device in ours if root else mount.point not in self._only):
                continue
            try:
                self._group.ask_for_filesystem(root + mount.point)
            except OSError as error:
                if not root:
                    self.unmarked[mount.point] = error.strerror or str(error)
                continue
            self.unmarked.pop(mount.point, None)
            done.add(mount.device)
            yield mount.device
