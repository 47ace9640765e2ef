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
    """One line of /proc/PID/mountinfo. root: the folder of the filesystem that is mounted.

    kind: of an overlay that has a layer where it may hang, also that layer's. number, parent: the mount, and
    the one that it is mounted on.
    """

    point: str
    device: str
    kind: str
    root: str = "/"
    number: int = 0
    parent: int = 0


def parse_mountinfo(data: bytes) -> tuple[Mount, ...]:
    """Mounts in the order they were made: of two on one place the later one counts."""
    found, layers = [], dict[int, list[str]]()
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
                number=_number(fields[0]),
                parent=_number(fields[1]),
            )
        )
        if behind[0] == b"overlay" and len(behind) > 2:
            layers[len(found) - 1] = _layers(_unescaped(behind[2]))
    return _with_layers(tuple(found), layers) if layers else tuple(found)


def _with_layers(mounts: tuple[Mount, ...], layers: dict[int, list[str]]) -> tuple[Mount, ...]:
    """Whoever opens a file of an overlay opens one in its layers, which may be anywhere."""
    if not any(map(may_hang, mounts)):
        return mounts
    found = list(mounts)
    for at, places in layers.items():  # those that were made first come first: one may be another's layer
        below = (mount_of(os.path.normpath(place), tuple(found)) for place in places)
        hangs = next((mount for mount in below if may_hang(mount) is not None), None)
        if hangs is not None:
            found[at] = mounts[at]._replace(kind=f"overlay on {hangs.kind}")
    return tuple(found)


def _layers(options: str) -> list[str]:
    """Of the options of an overlay the folders that are named in full; a colon in a name is escaped."""
    values = [value for name, _, value in (o.partition("=") for o in options.split(",")) if name in _LAYERS]
    folders = [folder.replace("\\:", ":") for value in values for folder in re.split(r"(?<!\\):+", value)]
    return [folder for folder in folders if folder.startswith("/")]


_LAYERS: Final = ("lowerdir", "lowerdir+", "datadir+", "upperdir")


HIDDEN: Final = "hidden by another mount"


def ways(mounts: tuple[Mount, ...]) -> dict[int, str | None]:
    """Of each mount, by its number, why its point does not lead to it without touching what may hang; None:
    it does.
    """
    by_number = {mount.number: mount for mount in mounts}
    points: dict[int, set[str]] = {}
    for mount in mounts:
        points.setdefault(mount.parent, set()).add(mount.point)
    found: dict[int, str | None] = {}
    for mount in mounts:
        at, passed = mount, list[int]()
        while at.number not in found and at.number not in passed:
            passed.append(at.number)
            at = by_number.get(at.parent, at)
        for number in reversed(passed):
            one = by_number[number]
            below = by_number.get(one.parent)
            found[number] = _hidden(one, points) or _behind(one, below) or found.get(one.parent)
    return found


def _hidden(mount: Mount, points: dict[int, set[str]]) -> str | None:
    """Another one lies over a folder on the way to it."""
    beside, folder = points[mount.parent], mount.point
    while folder not in ("/", ""):
        folder = os.path.dirname(folder)
        if folder in beside:
            return HIDDEN
    return None


def _behind(mount: Mount, below: Mount | None) -> str | None:
    """To find it, a folder of what it is mounted on has to be read; autofs only reads what is there."""
    if below is None or below.point == mount.point or below.kind == "autofs":
        return None
    why = may_hang(below)
    return None if why is None else f"behind what is {why}"


def mount_number(fd: int) -> int:
    """Of the mount that an open file lies on, proc_pid_fdinfo(5)."""
    with open(f"/proc/self/fdinfo/{fd}", "rb") as file:
        found = re.search(rb"^mnt_id:\s*(\d+)", file.read(), re.MULTILINE)
    return int(found[1]) if found else 0


def _number(field: bytes) -> int:
    return int(field) if field.isdigit() else 0


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
