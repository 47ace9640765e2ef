"""What the agent's whole work needs of its own rights and of Linux, tried before it is needed."""

import contextlib
import os
import re
import tempfile
from typing import Final

from aipolicy.platforms.linux_permission import PermissionGroup
from aipolicy.platforms.linux_self import folder_of_ones_own, leave_folder

CAPABILITIES: Final = {
    "CAP_DAC_READ_SEARCH": (2, "everybody's folders cannot be looked into"),
    "CAP_KILL": (5, "what others run cannot be ended"),
    "CAP_NET_ADMIN": (12, "the kernel does not tell of new processes"),
    "CAP_SYS_CHROOT": (18, "containers cannot be looked into"),
    "CAP_SYS_PTRACE": (19, "what others run cannot be looked at"),
    "CAP_SYS_ADMIN": (21, "the kernel does not ask before a program starts, nor tell of new installs"),
}
"""linux/capability.h: the number, and what is not done without it."""
_EFFECTIVE: Final = re.compile(r"^CapEff:\s*([0-9a-f]+)$", re.MULTILINE)


def missing_rights(status: str | None = None) -> tuple[str, ...]:
    """Capabilities that this process lacks, each with what follows. status: of another one, as in proc(5)."""
    if status is None:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            status = file.read()
    found = _EFFECTIVE.search(status)
    effective = int(found[1], 16) if found else 0
    return tuple(
        f"{name} is missing: {price}"
        for name, (bit, price) in CAPABILITIES.items()
        if not effective >> bit & 1
    )


def no_gate() -> str | None:
    """Why the kernel would not ask the guard here, None where it would.

    Tried on a filesystem of our own, on which nobody starts anything: marks of a filesystem and of a file,
    and the ones that let a file pass (Linux 5.19, CONFIG_FANOTIFY_ACCESS_PERMISSIONS).
    """
    try:
        with tempfile.TemporaryDirectory(prefix="aipolicy-probe-", dir="/run") as place:
            folder_of_ones_own(place)
            try:
                _try_marks(place)
            finally:
                with contextlib.suppress(OSError):
                    leave_folder(place)
    except OSError as error:
        return f"{error.strerror or error}"
    return None


def _try_marks(place: str) -> None:
    with contextlib.closing(PermissionGroup()) as group, open(os.path.join(place, "file"), "wb") as file:
        group.ask_for_filesystem(place)
        group.ask_for_opens(file.fileno())
        group.leave_opens(file.fileno())
        group.let_pass(file.fileno())
