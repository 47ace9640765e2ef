"""Who serves the FUSE filesystem that a process's program lies on: of an AppImage, the AppImage itself.

Root may not read what another user mounted (fuse(4), without allow_other), but the program that serves it.
It holds /dev/fuse open, and newer kernels (6.18 does) say in its fdinfo for which connection; with older ones
the type of the mount, which AppImages name after themselves, has to do.
"""

import os
import re
from typing import Final

from aipolicy.platforms.linux_mounts import mount_of, parse_mountinfo
from aipolicy.platforms.linux_proc import link, read

_MOST_MOUNTINFO: Final = 1 << 22
_MOST_PROCESSES: Final = 5_000
_MOST_DESCRIPTORS: Final = 1_000
_MOST: Final = 4
_CONNECTION: Final = re.compile(rb"^fuse_connection:\s*(\d+)", re.MULTILINE)


def serving(proc: str, pid: int, pids: list[int]) -> tuple[int, ...]:
    """Those of `pids` that serve it; none where the program of `pid` lies on no FUSE filesystem."""
    folder = f"{proc}/{pid}"
    exe = link(f"{folder}/exe")
    mounts = parse_mountinfo(read(f"{folder}/mountinfo", _MOST_MOUNTINFO) or b"")
    mount = mount_of(exe, mounts) if exe is not None else None
    if mount is None or mount.kind.partition(".")[0] != "fuse":
        return ()
    connection, name = mount.device.partition(":")[2], mount.kind.partition(".")[2]
    owner = _owner(folder)
    same = (other for other in pids if other != pid and _owner(f"{proc}/{other}") == owner)
    found = (
        other
        for other, _ in zip(same, range(_MOST_PROCESSES), strict=False)
        if _serves(f"{proc}/{other}", connection, name)
    )
    return tuple(other for other, _ in zip(found, range(_MOST), strict=False))


def _owner(folder: str) -> int | None:
    try:
        return os.stat(folder).st_uid
    except OSError:
        return None


def _serves(folder: str, connection: str, name: str) -> bool:
    try:
        descriptors = os.listdir(f"{folder}/fd")[:_MOST_DESCRIPTORS]
    except OSError:
        return False
    for descriptor in descriptors:
        if link(f"{folder}/fd/{descriptor}") != "/dev/fuse":
            continue
        told = _CONNECTION.search(read(f"{folder}/fdinfo/{descriptor}", 1 << 12) or b"")
        if told is not None and told.group(1).decode() == connection:
            return True
        if told is None and name and os.path.basename(link(f"{folder}/exe") or "") == name:
            return True
    return False
