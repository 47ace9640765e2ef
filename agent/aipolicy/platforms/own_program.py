"""How one process of ours starts another part of us: with Python, or by a program of the frozen bundle.

A bundle (packaging/agent) has no Python to give `-m` or `-c` to: each part is a program of its own there, and
they lie in one folder.
"""

import os
import sys
from pathlib import Path
from typing import Final

import aipolicy

AIPOLICY: Final = "aipolicy"
"""The command line."""
GATE: Final = "aipolicy-gate"
"""enforce/guard/deadman.py: nothing but the standard library is loaded into it."""
INSIDE: Final = "aipolicy-inside"
"""observe/inside.py: the look into a container."""

PARTS: Final = (AIPOLICY, GATE, INSIDE)
"""Every program of the bundle; its entry is the file of this name in packaging/agent/entries."""

_GATE_CODE: Final = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from aipolicy.enforce.guard.deadman import main
sys.exit(main(sys.argv[1:]))
"""


def frozen() -> bool:
    """Whether we run from a bundle, https://pyinstaller.org/en/stable/runtime-information.html."""
    return bool(getattr(sys, "frozen", False))


def command_of(part: str, *words: str) -> list[str]:
    """The command that starts this part of us with these words, from the same installation as ours."""
    if frozen():
        return [os.path.join(os.path.dirname(sys.executable), part), *words]
    return [*_python(part), *words]


def _python(part: str) -> list[str]:
    if part == AIPOLICY:
        return [sys.executable, "-m", "aipolicy"]
    if part == INSIDE:
        return [sys.executable, "-I", "-m", "aipolicy.observe.inside"]
    # Without site-packages: the gate is as small as Python, and no package of anybody's is loaded into it.
    place = str(Path(aipolicy.__file__).parent.parent)
    return [sys.executable, "-I", "-S", "-c", _GATE_CODE, place]
