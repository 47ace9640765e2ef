"""The local socket: `status` for everybody, `mine` for whoever asks, about that person only.

It takes one word and no argument, so there is nothing to inject; who asks is told by the kernel.
"""

import contextlib
import errno
import hashlib
import logging
import os
import socket
import socketserver
import stat
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from aipolicy.platforms.linux_calls import effective_uid
from aipolicy.platforms.local_peer import peer_uid

logger = logging.getLogger(__name__)

_UNIX: int = getattr(socket, "AF_UNIX", -1)
_DEADLINE_S = 2.0
_LONGEST_QUESTION = 256
_CONNECTIONS_PER_USER = 4
_LONGEST_ANSWER = 64 << 20

Answer = Callable[[int], msgspec.Struct]
"""Answers the person with this uid."""


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """ask: status or mine."""

    ask: str


def socket_path(state_dir: str, *, admin: bool, system_state: str) -> str:
    """Where the socket lies.

    Root's state folder is closed to everybody else, so root's socket lies in /run, one name per state folder;
    macOS has no /run, but what it was called before.
    """
    if not admin:
        return os.path.join(state_dir, "agent.sock")
    run = "/run" if os.path.isdir("/run") else "/var/run"
    if state_dir == system_state:
        return f"{run}/aipolicy/agent.sock"
    return f"{run}/aipolicy/agent-{hashlib.sha256(os.fsencode(state_dir)).hexdigest()[:8]}.sock"


class LocalApi:
    """Serves the socket in threads of its own until closed. Raises OSError where it cannot be opened."""

    def __init__(self, path: str, answers: Mapping[str, Answer]) -> None:
        _prepare_folder(os.path.dirname(path))
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)  # left by a daemon that was killed; the instance lock says that none runs
        self._path = path
        self._server = _Server(path, answers)
        os.chmod(path, 0o666)  # noqa: S103  everybody may ask; the answer depends on who asks
        self._thread = threading.Thread(target=self._server.serve_forever, name="local-api", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        with contextlib.suppress(OSError):
            os.unlink(self._path)


def _prepare_folder(folder: str) -> None:
    """Made where it is missing. In one where somebody else may write, links could lead our chmod astray."""
    try:
        os.mkdir(folder, 0o755)
        os.chmod(folder, 0o755)  # noqa: S103  whatever the umask: everybody is to reach the socket
    except FileExistsError:
        pass
    found = os.lstat(folder)
    mine = stat.S_ISDIR(found.st_mode) and found.st_uid == effective_uid()
    if not mine or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(errno.EPERM, "its folder is not ours alone to write to")


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """socketserver's own class for this exists on Unix only, and every module imports on every system."""

    address_family = _UNIX
    daemon_threads = True
    request_queue_size = 16

    def __init__(self, path: str, answers: Mapping[str, Answer]) -> None:
        self.answers = answers
        self._open: Counter[int] = Counter()
        self._lock = threading.Lock()
        super().__init__(path, _Handler)  # type: ignore[arg-type]  # typeshed knows TCP addresses only

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """One person may hold a few connections, so that nobody can keep the others out."""
        uid = peer_uid(request)
        with self._lock:
            if self._open[uid] >= _CONNECTIONS_PER_USER:
                return False
            self._open[uid] += 1
        return True

    def release(self, uid: int) -> None:
        with self._lock:
            self._open[uid] -= 1

    def handle_error(self, request: Any, client_address: Any) -> None:
        logger.debug("local question broke off", exc_info=True)


class _Handler(socketserver.BaseRequestHandler):
    server: _Server
    request: socket.socket

    def handle(self) -> None:
        uid = peer_uid(self.request)
        try:
            self.request.settimeout(_DEADLINE_S)
            self.request.sendall(self._answer(uid) + b"\n")
        finally:
            self.server.release(uid)

    def _answer(self, uid: int) -> bytes:
        asked = self.request.recv(_LONGEST_QUESTION)
        try:
            question = msgspec.json.decode(asked, type=Question)
            answer = self.server.answers[question.ask]
        except (msgspec.MsgspecError, KeyError):
            return msgspec.json.encode({"schema": "aipolicy.problem/1", "title": "ask status or mine"})
        return msgspec.json.encode(answer(uid))


def ask(path: str, question: str) -> bytes:
    """Ask the running agent; the JSON it answered. Raises OSError where none answers."""
    with socket.socket(_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_DEADLINE_S * 5)
        connection.connect(path)
        connection.sendall(msgspec.json.encode(Question(ask=question)))
        connection.shutdown(socket.SHUT_WR)
        parts: list[bytes] = []
        size = 0
        while part := connection.recv(1 << 16):
            parts.append(part)
            size += len(part)
            if size > _LONGEST_ANSWER:
                raise OSError("the answer is too long")
    return b"".join(parts)
