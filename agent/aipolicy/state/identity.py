"""Who this device is to the server. A file of its own: a damaged spool does not make it another device."""

from pathlib import Path

import msgspec

from aipolicy.core.model import Record
from aipolicy.state.files import read_small, write_safely

_NAME = "identity.json"
_LIMIT = 16 * 1024


class Identity(Record, frozen=True, kw_only=True):
    """device: our id, of our own making until a server gave one. token: our bearer, null before that."""

    schema: str = "aipolicy.identity/1"
    device: str
    token: str | None = None

    def __repr__(self) -> str:
        """Without the token: a repr ends up in logs."""
        return f"Identity(device={self.device!r}, enrolled={self.token is not None})"


def load_identity(folder: Path) -> Identity | None:
    """The identity kept in `folder`, None where there is none that can be read."""
    try:
        content = read_small(folder / _NAME, _LIMIT)
        return None if content is None else msgspec.json.decode(content, type=Identity)
    except (OSError, msgspec.MsgspecError):
        return None


def keep_identity(folder: Path, identity: Identity) -> bool:
    """Write it; whether the disk took it."""
    try:
        write_safely(folder / _NAME, msgspec.json.encode(identity))
    except OSError:
        return False
    return True
