"""Whether the agent of a state folder is in safe mode: a file in it, which the guard looks for as well.

Python's standard library only: the guard's first process has nothing else.
"""

import os
import stat
from typing import Final

SAFE_MODE: Final = "safe-mode.json"
"""Its name in the state folder; what is in it is state/starts.py's."""


def in_safe_mode(state: str) -> bool:
    """Whether it lies there. What is no regular file counts as none: nobody but a fault made it."""
    try:
        return stat.S_ISREG(os.lstat(os.path.join(state, SAFE_MODE)).st_mode)
    except OSError:
        return False
