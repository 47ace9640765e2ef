"""What gate, deadman and classifier tell each other, one message a packet; files go along as descriptors.

JSON, since the gate has nothing but the standard library. Root's own processes talk here; a packet that is
not as it should be is dropped all the same.
"""

import array
import importlib
import json
import os
import select
import socket
import time
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

_socket: Any = socket  # typeshed hides its Unix half on other systems

MOST_BYTES: Final = 1 << 16
_PATIENCE_S: Final = 5.0
_MOST_FILES: Final = 8
_UNREAD: Final = 0x5411
"""SIOCOUTQ, unix(7): what was sent and not read, in bytes of the kernel's memory."""

Message = dict[str, Any]


class Received(NamedTuple):
    """message: None where the other side has closed. files: descriptors that are ours now."""

    message: Message | None
    files: tuple[int, ...]


def listening(path: str) -> socket.socket:
    """A socket at `path`, for ourselves only. Raises OSError."""
    listener: socket.socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    listener.bind(path)
    os.chmod(path, 0o600)
    listener.listen(4)
    listener.setblocking(False)
    return listener


def connected(path: str, timeout_s: float) -> socket.socket | None:
    """A channel to who listens at `path`; None where nobody does. It waits for `timeout_s` at most."""
    channel: socket.socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    channel.settimeout(timeout_s)
    try:
        channel.connect(path)
    except OSError:
        channel.close()
        return None
    return channel


def pair() -> tuple[socket.socket, socket.socket]:
    """Two ends that keep packets apart and never make anybody wait."""
    one: socket.socket
    other: socket.socket
    one, other = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    for end in (one, other):
        end.setblocking(False)
    return one, other


def send(channel: socket.socket, message: Message, files: Sequence[int] = ()) -> bool:
    """Whether it was taken: False where the other side reads too slowly, or is gone."""
    data = json.dumps(message, separators=(",", ":")).encode("ascii")
    if len(data) > MOST_BYTES:
        return False
    try:
        if files:
            _socket.send_fds(channel, [data], list(files))
        else:
            channel.send(data)
    except OSError:
        return False
    return True


def half_full(channel: socket.socket) -> bool:
    """Whether of what may wait there half does: what is not urgent leaves the rest to what is."""
    unread = array.array("i", [0])
    fcntl: Any = importlib.import_module("fcntl")  # there is none on Windows
    fcntl.ioctl(channel, _UNREAD, unread)
    return 2 * unread[0] > channel.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)


def send_surely(channel: socket.socket, message: Message, files: Sequence[int] = ()) -> bool:
    """Waits for a reader that is behind, for some seconds at most. Never for the gate: who asks it waits."""
    end = time.monotonic() + _PATIENCE_S
    while not send(channel, message, files):
        if time.monotonic() > end:
            return False
        # Writable also once nobody reads any more, hence the pause.
        if select.select([], [channel], [], _PATIENCE_S)[1]:
            time.sleep(0.01)
    return True


def receive(channel: socket.socket) -> Received | None:
    """The next packet; None where there is none now, or none that can be read."""
    try:
        data, files, _flags, _address = _socket.recv_fds(channel, MOST_BYTES, _MOST_FILES)
    except (BlockingIOError, TimeoutError):
        return None
    except OSError:
        return Received(message=None, files=())
    if not data:
        return Received(message=None, files=tuple(files))
    try:
        message = json.loads(data)
    except ValueError:
        message = None
    if not isinstance(message, dict):
        close_all(files)
        return Received(message={}, files=())
    return Received(message=message, files=tuple(files))


def close_all(files: Sequence[int]) -> None:
    """Descriptors that are not wanted."""
    for fd in files:
        os.close(fd)
