"""The operating systems: one file per OS behind machine.Machine. Nothing else reads sys.platform.

Importing this brings nothing with it: the exec gate is to stay as small as Python itself.
"""

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aipolicy.platforms.machine import Machine


def this_machine(patience_s: float = 5.0) -> "Machine":
    """The machine we run on, as its environment stands now. patience_s: how long it waits for the name of an
    account, on Linux.
    """
    environ = dict(os.environ)
    if sys.platform == "linux":
        from aipolicy.platforms.linux import LinuxMachine

        return LinuxMachine(environ, patience_s=patience_s)
    if sys.platform == "darwin":
        from aipolicy.platforms.darwin import DarwinMachine

        return DarwinMachine(environ)
    from aipolicy.platforms.windows import WindowsMachine

    return WindowsMachine(environ)
