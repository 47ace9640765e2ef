"""The terminal that a process runs in, where it is certainly its user's, or of who became that user there."""

import os
from typing import Final

from aipolicy.platforms.linux_calls import device_at
from aipolicy.platforms.linux_proc import terminal_numbers
from aipolicy.platforms.machine import Terminal

_PTS_MAJORS: Final = range(136, 144)  # Unix98 pseudo terminals, Documentation/admin-guide/devices.txt
_CONSOLE_MAJOR: Final = 4
_CONSOLES: Final = range(1, 64)


def terminal_of(tty_nr: int, uid: int, session: int) -> Terminal | None:
    """tty_nr, session: fields 7 and 6 of stat; uid: the effective user of a process.

    Only of one in our mount namespace: another one has terminals of the same numbers. After `su` it is the
    terminal of whoever logged in: the user of the session's leader.
    """
    major, minor = terminal_numbers(tty_nr)
    if major in _PTS_MAJORS:
        path = f"/dev/pts/{minor + (major - _PTS_MAJORS.start) * 256}"
    elif major == _CONSOLE_MAJOR and minor in _CONSOLES:
        path = f"/dev/tty{minor}"
    else:
        return None
    device = device_at(path)
    if device is None or device.numbers != (major, minor) or device.uid not in (uid, _user(session)):
        return None
    return Terminal(path=path, device=device.number, uid=device.uid)


def _user(pid: int) -> int | None:
    try:
        return os.stat(f"/proc/{pid}").st_uid if pid else None
    except OSError:
        return None
