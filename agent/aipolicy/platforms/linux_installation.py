"""What tells a Linux installation from every other: systemd's machine id, and for root the hardware's own.

A machine that is copied without a new machine id has another hardware: hypervisors give each copy a UUID.
"""

import os
import re
from typing import Final

_MACHINE_ID: Final = "etc/machine-id"
"""machine-id(5): 32 hex digits, or "uninitialized" in an image; every account may read it."""
_HARDWARE: Final = "sys/class/dmi/id/product_uuid"
"""SMBIOS type 1; the kernel lets only root read it. None on many ARM boards."""
_LONGEST: Final = 200


def installation(root: str, uid: int | None) -> str:
    """One text for it, empty without a machine id. uid: an ordinary person who asks, None for root."""
    machine_id = _read(os.path.join(root, _MACHINE_ID))
    if not re.fullmatch("[0-9a-f]{32}", machine_id) or len(set(machine_id)) == 1:
        return ""
    if uid is not None:
        return f"{machine_id} person {uid}"
    return f"{machine_id} machine {_read(os.path.join(root, _HARDWARE)).lower()}"


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(_LONGEST).decode("ascii", "replace").strip()
    except OSError:
        return ""
