"""Reading /proc: bytes of one file in, values out. Names in it are hostile: a comm may hold any byte."""

import os
import re
from typing import Final, NamedTuple

PF_KTHREAD: Final = 0x00200000  # include/linux/sched.h


class Stat(NamedTuple):
    """Fields of /proc/PID/stat, proc_pid_stat(5)."""

    comm: bytes
    state: str
    parent: int
    session: int
    terminal: int
    flags: int
    threads: int
    started: int
    stack: int

    @property
    def kernel_thread(self) -> bool:
        return bool(self.flags & PF_KTHREAD)

    @property
    def zombie(self) -> bool:
        return self.state in "ZX"


def parse_stat(data: bytes) -> Stat:
    """Raises ValueError where it is no stat line."""
    head, separator, tail = data.rpartition(b") ")  # comm may contain ") ", the rest never does
    fields = tail.split()
    if not separator or len(fields) < 26:
        raise ValueError("not a stat line")
    return Stat(
        comm=head.partition(b"(")[2],
        state=fields[0].decode("ascii", "replace"),
        parent=int(fields[1]),
        session=int(fields[3]),
        terminal=int(fields[4]),
        flags=int(fields[6]),
        threads=int(fields[17]),
        started=int(fields[19]),
        stack=int(fields[25]),
    )


class Status(NamedTuple):
    """Lines of /proc/PID/status. pids: the pid in each pid namespace, ours first."""

    uid: int
    pids: tuple[int, ...]


def parse_status(data: bytes) -> Status:
    """Raises ValueError where the effective user is not in it. The kernel escapes newlines in the name."""
    uid = _UID.search(data)
    if uid is None:
        raise ValueError("no Uid line")
    pids = _PIDS.search(data)
    return Status(uid=int(uid[1]), pids=tuple(map(int, pids[1].split())) if pids else ())


_UID = re.compile(rb"^Uid:\t\d+\t(\d+)", re.MULTILINE)
_PIDS = re.compile(rb"^NSpid:\t([\d\t]+)", re.MULTILINE)


def split_arguments(data: bytes) -> list[bytes]:
    """The arguments in /proc/PID/cmdline; empty where the process has overwritten them with a title.

    A title leaves nothing behind the first but NULs. The last one is dropped where the read was cut off.
    """
    arguments = data.split(b"\0")
    arguments.pop()  # what follows the last NUL: nothing, or an argument cut off
    return arguments if any(arguments[1:]) else arguments[:1]


_AT_EXECFN: Final = 31  # getauxval(3)
_LONGEST_PATH: Final = 4096


def started_as(folder: str) -> bytes | None:
    """The path that the program was executed by: of a `#!` script its own, of a venv's python the venv's.

    It is no argument, and a title written over the arguments leaves it alone. None: it may not be read, or is
    not absolute, or was only a descriptor.
    """
    vector = read(f"{folder}/auxv", 1 << 12) or b""
    words = memoryview(vector[: len(vector) // 16 * 16]).cast("Q")
    at = next((words[i + 1] for i in range(0, len(words), 2) if words[i] == _AT_EXECFN), 0)
    if not at:
        return None
    try:
        memory = os.open(f"{folder}/mem", os.O_RDONLY)
    except OSError:
        return None
    try:
        name = _read_at(memory, at).partition(b"\0")[0]
    finally:
        os.close(memory)
    return name if name.startswith(b"/") and not name.startswith((b"/proc/", b"/dev/fd/")) else None


def _read_at(memory: int, at: int) -> bytes:
    """It lies at the very end of the memory, so that a page more may be one too many."""
    try:
        os.lseek(memory, at, os.SEEK_SET)
        return os.read(memory, _LONGEST_PATH)
    except (OSError, OverflowError):
        return b""


def terminal_numbers(tty_nr: int) -> tuple[int, int]:
    """Major and minor number of field 7 of stat."""
    return (tty_nr >> 8) & 0xFFF, (tty_nr & 0xFF) | ((tty_nr >> 12) & 0xFFF00)


def read(path: str, limit: int) -> bytes | None:
    """At most `limit` bytes, in as many reads as it takes. None: it is gone or may not be read."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        data = os.read(fd, limit)
        while _PAGE <= len(data) < limit and (more := os.read(fd, limit - len(data))):
            data += more
        return data
    except OSError:
        return None
    finally:
        os.close(fd)


_PAGE: Final = 2048
"""A file of /proc that is shorter than this comes in one read: so no second one is made to see its end."""


def same_file(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):
        return False


def link(path: str) -> str | None:
    try:
        return os.readlink(path)
    except OSError:
        return None
