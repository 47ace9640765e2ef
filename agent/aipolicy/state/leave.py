"""Removes from the state folder what ties this device to a server, and what is stored of people for it."""

from pathlib import Path
from typing import Final

from aipolicy.state.store import DATABASE

_FILES: Final = ("identity.json", DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", "ballast")


def forget_server(folder: Path) -> None:
    """Token and spool go; the token first, so that a second try begins where this one broke off.

    What the agent knows for itself stays: first sights, by which graces count, and the last good policy.
    Raises OSError.
    """
    for name in _FILES:
        (folder / name).unlink(missing_ok=True)
    for damaged in folder.glob(f"{DATABASE}.*"):  # set aside, see disk
        damaged.unlink(missing_ok=True)
