"""Who is at the other end of a local socket, as the kernel says it."""

import socket
import struct

_UCRED = struct.Struct("=iII")  # struct ucred of unix(7): pid, uid, gid


def supported() -> bool:
    """Whether this system can say it the Linux way (SO_PEERCRED)."""
    return hasattr(socket, "SO_PEERCRED") and hasattr(socket, "AF_UNIX")


def peer_uid(connection: socket.socket) -> int:
    """The effective uid of the process that connected. Raises OSError where the system cannot tell."""
    option: int | None = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        raise OSError("this system does not tell who connects to a local socket")
    _pid, uid, _gid = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, option, _UCRED.size))
    return int(uid)
