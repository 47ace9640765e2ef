"""How the guard of a state folder is started, and where it is spoken to."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import aipolicy
from aipolicy.daemon.local_api import socket_path
from aipolicy.enforce.guard.questions import CAP_S
from aipolicy.settings import SYSTEM_STATE

_AIPOLICY: Final = (sys.executable, "-m", "aipolicy")
_DEADMAN: Final = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from aipolicy.enforce.guard.deadman import main
sys.exit(main(sys.argv[1:]))
"""


def guard_socket(state: str) -> str:
    """Where the guard of this state folder listens for the daemon."""
    folder, name = os.path.split(socket_path(state, admin=True, system_state=SYSTEM_STATE))
    return os.path.join(folder, name.replace("agent", "guard", 1))


def guard_command(state: str, tools: str | None) -> list[str]:
    """How the agent starts a guard of its own."""
    return [*_AIPOLICY, "guard", "--of-agent", "--state", state, *(["--tools", tools] if tools else [])]


def deadman_command(
    state: str,
    tools: str | None,
    only: Sequence[str] = (),
    *,
    of_agent: bool = False,
    cap_s: float = CAP_S,
) -> list[str]:
    """The command that is the guard: the deadman, which gets that of the classifier to start.

    Without site-packages: the gate is as small as Python, and no package of anybody's is loaded into it.
    """
    classifier = [*_AIPOLICY, "guard", "--classify", "--state", state, *(["--tools", tools] if tools else [])]
    place = str(Path(aipolicy.__file__).parent.parent)
    chosen = [f"--cap-s={cap_s}", *(["--of-agent"] if of_agent else []), *only]
    return [sys.executable, "-I", "-S", "-c", _DEADMAN, place, state, *chosen, "--", *classifier]
