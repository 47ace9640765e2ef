"""How `status`, `mine` and `doctor` reach the agent on this machine."""

import os
from pathlib import Path

import msgspec

from aipolicy.cli import inputs
from aipolicy.core.status import STATUS_FILE, Status
from aipolicy.daemon.local_api import ask, socket_path
from aipolicy.platforms import this_machine
from aipolicy.settings import SYSTEM_STATE, Settings


def sockets(state: str | None) -> tuple[str, ...]:
    """Where an agent may answer: of the state folder given, else the system's agent, then one's own."""
    admin = this_machine().is_admin()
    if state is not None:
        folder = os.path.abspath(state)
        return tuple(socket_path(folder, admin=who, system_state=SYSTEM_STATE) for who in (admin, not admin))
    own = Settings().state_dir(admin=False, environ=inputs.environ())
    return (
        socket_path(SYSTEM_STATE, admin=True, system_state=SYSTEM_STATE),
        socket_path(own, admin=False, system_state=SYSTEM_STATE),
    )


def answer(state: str | None, question: str) -> bytes | None:
    """What the running agent answers, None where none runs."""
    for path in sockets(state):
        try:
            return ask(path, question)
        except OSError:
            continue
    return None


def last_status(state: str | None) -> Status | None:
    """The status that a daemon left behind when it ended, None where there is none to read."""
    settings = Settings(state=state)
    folder = settings.state_dir(admin=this_machine().is_admin(), environ=inputs.environ())
    try:
        return msgspec.json.decode(Path(folder, STATUS_FILE).read_bytes(), type=Status)
    except (OSError, msgspec.MsgspecError):
        return None
