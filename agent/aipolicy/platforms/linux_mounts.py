"""Which filesystem a path lies on, read from mountinfo so that nothing is touched that might hang."""

import os
import re
import threading
from collections.abc import Callable
from typing import Final, NamedTuple

from aipolicy.platforms.linux_calls import UrgentPoll


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LOCAL_DISKS: Final = _words(
    """ext2 ext3 ext4 xfs btrfs tmpfs overlay f2fs bcachefs zfs jfs reiserfs nilfs2 ramfs squashfs erofs
    iso9660 vfat exfat ntfs3 hfsplus udf devtmpfs aufs ecryptfs"""
)
"""Filesystems that answer by themselves. Anything else may wait for a network or a user's program."""

KERNEL_VIEWS: Final = _words(
    """proc sysfs cgroup cgroup2 devpts securityfs debugfs tracefs bpf mqueue pstore configfs hugetlbfs
    efivarfs fusectl rpc_pipefs binfmt_misc selinuxfs nsfs"""
)
"""Views into the kernel: quick to answer, without programs."""


class Mount(NamedTuple):
    """One line of /proc/PID/mountinfo. root: the folder of the filesystem that is mounted."""

    point: str
    device: str
    kind: str
    root: str = "/"


def parse_mountinfo(data: bytes) -> tuple[Mount, ...]:
    """Mounts in the order they were made: of two on one place the later one counts."""
    found = []
    for line in data.split(b"\n"):
        before, separator, after = line.partition(b" - ")
        fields, behind = before.split(b" "), after.split(b" ")
        if not separator or len(fields) < 6 or not behind[0]:
            continue
        found.append(
            Mount(
                point=_unescaped(fields[4]),
                device=fields[2].decode(),
                kind=behind[0].decode(),
                root=_unescaped(fields[3]),
            )
        )
    return tuple(found)


def mount_of(path: str, mounts: tuple[Mount, ...]) -> Mount | None:
    """The mount an absolute, normal path lies on."""
    best: Mount | None = None
    for mount in mounts:
        point = mount.point
        inside = path == point or point == "/" or path.startswith(point + "/")
        if inside and (best is None or len(point) >= len(best.point)):
            best = mount
    return best


def may_hang(mount: Mount | None) -> str | None:
    """Why a mount is not to be touched."""
    if mount is None or mount.kind in LOCAL_DISKS or mount.kind in KERNEL_VIEWS:
        return None
    return f"on {mount.kind}, which may hang"


class MountTable:
    """Our own mounts, read again when poll(2) on mountinfo says that they changed (proc_pid_mountinfo(5))."""

    def __init__(self, path: str = "/proc/self/mountinfo") -> None:
        self._path = path
        self._fd: int | None = None
        self._changed: Callable[[], bool] = lambda: False
        self._mounts: tuple[Mount, ...] = ()
        self._some_may_hang = False
        self._lock = threading.Lock()
        self._opening = threading.Lock()
        self.version = 0
        """Another number after each change."""

    def mounts(self) -> tuple[Mount, ...]:
        if self._fd is None:
            self._open()
        elif self._changed():
            self._read(self._fd)
        return self._mounts

    def out_of_reach(self, path: str) -> str | None:
        """Why a path is not to be touched. Quick where nothing hangs: asked of every folder on a way."""
        mounts = self.mounts()
        return may_hang(mount_of(os.path.normpath(path), mounts)) if self._some_may_hang else None

    def fileno(self) -> int:
        """Urgent (POLLPRI) once after each change, and then `reread`; -1 where there is no mountinfo."""
        self.mounts()
        return -1 if self._fd is None else self._fd

    def reread(self) -> None:
        """For who has polled the descriptor: the kernel tells each change once."""
        if self._fd is not None:
            self._read(self._fd)

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _open(self) -> None:
        """By the first thread that asks; others wait, so that none takes an empty table for the answer."""
        with self._opening:
            if self._fd is not None:
                return
            try:
                fd = os.open(self._path, os.O_RDONLY)
            except OSError:
                return
            self._changed = UrgentPoll(fd)
            self._read(fd)
            self._fd = fd

    def _read(self, fd: int) -> None:
        with self._lock:  # the file has one position
            os.lseek(fd, 0, os.SEEK_SET)
            chunks = []
            while chunk := os.read(fd, 1 << 16):
                chunks.append(chunk)
            mounts = parse_mountinfo(b"".join(chunks))
            self._mounts, self._some_may_hang = mounts, any(map(may_hang, mounts))
            self.version += 1


def _unescaped(field: bytes) -> str:
    """Blank, tab, newline and backslash are octal in mountinfo."""
    return os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m[1], 8)]), field))
