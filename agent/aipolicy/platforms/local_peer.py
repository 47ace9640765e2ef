"""Who is at the other end of a local socket, as the kernel says it."""

import socket
import struct

_UCRED = struct.Struct("=iII")  # struct ucred of unix(7): pid, uid, gid
_XUCRED = struct.Struct("=IIh2x16I")  # struct xucred of macOS's sys/ucred.h: version, uid, count, groups
_SOL_LOCAL = 0  # macOS's sys/un.h


def supported() -> bool:
    """Whether this system can say it: Linux by SO_PEERCRED, macOS by LOCAL_PEERCRED."""
    told = hasattr(socket, "SO_PEERCRED") or hasattr(socket, "LOCAL_PEERCRED")
    return told and hasattr(socket, "AF_UNIX")


def peer_uid(connection: socket.socket) -> int:
    """The effective uid of the process that connected. Raises OSError where the system cannot tell."""
    option: int | None = getattr(socket, "SO_PEERCRED", None)
    if option is not None:
        return int(_UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, option, _UCRED.size))[1])
    option = getattr(socket, "LOCAL_PEERCRED", None)
    if option is None:
        raise OSError("this system does not tell who connects to a local socket")
    return uid_in_xucred(connection.getsockopt(_SOL_LOCAL, option, _XUCRED.size))


def uid_in_xucred(answer: bytes) -> int:
    """The effective uid that macOS tells. Raises OSError for an answer of another shape."""
    if len(answer) != _XUCRED.size or _XUCRED.unpack(answer)[0] != 0:  # XUCRED_VERSION
        raise OSError("the system does not tell who connects as it used to")
    return int(_XUCRED.unpack(answer)[1])
