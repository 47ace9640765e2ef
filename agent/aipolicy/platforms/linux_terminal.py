"""The terminal that a process runs in, where it is certainly its user's."""

from typing import Final

from aipolicy.platforms.linux_calls import device_at
from aipolicy.platforms.linux_proc import terminal_numbers
from aipolicy.platforms.machine import Terminal

_PTS_MAJORS: Final = range(136, 144)  # Unix98 pseudo terminals, Documentation/admin-guide/devices.txt
_CONSOLE_MAJOR: Final = 4
_CONSOLES: Final = range(1, 64)


def terminal_of(tty_nr: int, uid: int) -> Terminal | None:
    """tty_nr: field 7 of stat, uid: the effective user of a process.

    Only of one in our mount namespace: another one has terminals of the same numbers.
    """
    major, minor = terminal_numbers(tty_nr)
    if major in _PTS_MAJORS:
        path = f"/dev/pts/{minor + (major - _PTS_MAJORS.start) * 256}"
    elif major == _CONSOLE_MAJOR and minor in _CONSOLES:
        path = f"/dev/tty{minor}"
    else:
        return None
    device = device_at(path)
    if device is None or device.numbers != (major, minor) or device.uid != uid:
        return None
    return Terminal(path=path, device=device.number, uid=uid)
