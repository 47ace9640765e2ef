"""The operating systems: one file per OS behind machine.Machine. Nothing else reads sys.platform."""

import os
import sys

from aipolicy.platforms.machine import Machine


def this_machine() -> Machine:
    """The machine we run on, as its environment stands now."""
    environ = dict(os.environ)
    if sys.platform == "linux":
        from aipolicy.platforms.linux import LinuxMachine

        return LinuxMachine(environ)
    if sys.platform == "darwin":
        from aipolicy.platforms.darwin import DarwinMachine

        return DarwinMachine(environ)
    from aipolicy.platforms.windows import WindowsMachine

    return WindowsMachine(environ)
