"""Proof that a process holds fanotify marks: the kernel's own list of them, proc_pid_fdinfo(5)."""

import os
import re
from typing import Final, NamedTuple

_FILESYSTEM: Final = re.compile(
    rb"^fanotify sdev:([0-9a-f]+) mflags:[0-9a-f]+ mask:([0-9a-f]+) ", re.MULTILINE
)
_FILE: Final = re.compile(rb"^fanotify ino:", re.MULTILINE)
_OPEN_EXEC_PERM: Final = 0x40000
_MOST_BYTES: Final = 64 << 20


class Marks(NamedTuple):
    """filesystems: how many it is asked about before a program starts. files: marks of single files."""

    filesystems: int
    files: int


def marks_of(pid: int) -> Marks:
    """What the kernel says of the process; nothing where it is gone or may not be looked at."""
    filesystems = files = 0
    folder = f"/proc/{pid}/fdinfo"
    try:
        for name in os.listdir(folder):
            with open(f"{folder}/{name}", "rb") as file:
                told = file.read(_MOST_BYTES)
            marked = (int(mask, 16) for _device, mask in _FILESYSTEM.findall(told))
            filesystems += sum(bool(mask & _OPEN_EXEC_PERM) for mask in marked)
            files += len(_FILE.findall(told))
    except OSError:
        pass
    return Marks(filesystems=filesystems, files=files)
