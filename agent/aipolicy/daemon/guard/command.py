"""How the guard of a state folder is started, and where it is spoken to."""

import os
from collections.abc import Sequence
from typing import Final

from aipolicy.daemon.local_api import socket_path
from aipolicy.enforce.guard.questions import CAP_S
from aipolicy.platforms.own_program import AIPOLICY, GATE, command_of
from aipolicy.settings import SYSTEM_STATE

_OF_AGENT: Final = "--of-agent"
_MOST_BYTES: Final = 1 << 16


def guard_socket(state: str) -> str:
    """Where the guard of this state folder listens for the daemon."""
    folder, name = os.path.split(socket_path(state, admin=True, system_state=SYSTEM_STATE))
    return os.path.join(folder, name.replace("agent", "guard", 1))


def guard_command(state: str, tools: str | None) -> list[str]:
    """How the agent starts a guard of its own."""
    return command_of(AIPOLICY, "guard", _OF_AGENT, "--state", state, *_with_tools(tools))


def deadman_command(
    state: str,
    tools: str | None,
    only: Sequence[str] = (),
    *,
    of_agent: bool = False,
    cap_s: float = CAP_S,
) -> list[str]:
    """The command that is the guard: the deadman, which gets that of the classifier to start."""
    classifier = command_of(AIPOLICY, "guard", "--classify", "--state", state, *_with_tools(tools))
    chosen = [f"--cap-s={cap_s}", *([_OF_AGENT] if of_agent else []), *only]
    return command_of(GATE, state, *chosen, "--", *classifier)


def is_of_agent(pid: int) -> bool:
    """Whether this process is a guard that an agent started (proc(5): cmdline)."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return _OF_AGENT.encode() in file.read(_MOST_BYTES).split(b"\0")
    except OSError:  # it has ended
        return False


def _with_tools(tools: str | None) -> list[str]:
    return ["--tools", tools] if tools else []
