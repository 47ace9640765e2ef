"""Time that no clock setting moves: seconds since this boot, sleep included, and which boot it is."""

import time
from pathlib import Path
from typing import Final

from aipolicy.core.ceiling import Boot

_BOOT_ID: Final = "/proc/sys/kernel/random/boot_id"
"""Random, made by the kernel at each boot: proc_sys_kernel(5)."""


def boot_now() -> Boot | None:
    """This moment, by CLOCK_BOOTTIME; None where the system has no such clock, or does not name its boots."""
    clock, read = getattr(time, "CLOCK_BOOTTIME", None), getattr(time, "clock_gettime", None)
    if clock is None or read is None:
        return None
    try:
        name = Path(_BOOT_ID).read_text("ascii").strip()
    except (OSError, UnicodeError):
        return None
    return Boot(id=name, seconds=float(read(clock))) if name else None
