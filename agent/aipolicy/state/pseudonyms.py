"""The key by which this machine gives people another name; it never leaves the state folder."""

import contextlib
import os
from pathlib import Path
from typing import Final

from aipolicy.state.files import read_small, write_safely

KEY_FILE: Final = "pseudonym.key"
_BYTES: Final = 32


def key_of(folder: Path) -> bytes:
    """The one kept there, else a new one; on a full disk, one until the next start."""
    path = folder / KEY_FILE
    with contextlib.suppress(OSError):
        kept = read_small(path, _BYTES)
        if kept is not None and len(kept) == _BYTES:
            return kept
    key = os.urandom(_BYTES)
    with contextlib.suppress(OSError):
        write_safely(path, key)
    return key
