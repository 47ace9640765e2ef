"""Stands between an agent and the real server: keeps a copy of every request, and misbehaves as told.

    with Relay(lab.server.url) as relay:
        relay.faults += [captive_portal, cut(0.5)]    # met by the next batches, in this order
        agent = lab.agent(url=relay.url)

A fault is a function of one Call. `held` faults set `relay.arrived` and wait for `relay.go_on`.
"""

import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from aipolicy.core.wire import EVENTS_PATH

_PATIENCE_S = 120.0


@dataclass
class Call:
    """One request as it came."""

    relay: "Relay"
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: socket.socket

    def open(self, share: float = 1.0) -> socket.socket:
        """Sends the first `share` of the request to the server and leaves the connection open."""
        place = urlsplit(self.relay.server)
        server = socket.create_connection((place.hostname, place.port), timeout=_PATIENCE_S)
        head = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        request = f"{self.method} {self.path} HTTP/1.1\r\n{head}\r\n".encode() + self.body
        server.sendall(request[: int(len(request) * share)])
        return server

    def forward(self) -> bytes:
        """The server's whole answer, as it came; empty where there is none."""
        with contextlib.suppress(OSError), self.open() as server:
            parts = []
            while part := server.recv(1 << 16):
                parts.append(part)
            return b"".join(parts)
        return b""


Fault = Callable[[Call], None]


class Relay:
    """See the module. calls: every request that came in whole, in order."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.faults: list[Fault] = []
        self.calls: list[Call] = []
        self.arrived = threading.Event()
        self.go_on = threading.Event()
        self.closing = threading.Event()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        relay = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = dict(self.headers.items())
                relay.meet(Call(relay, self.command, self.path, headers, body, self.connection))
                self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._listener.daemon_threads = True
        threading.Thread(target=self._listener.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self.go_on.set()
        self._listener.shutdown()
        self._listener.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.server_address[1]}"

    @property
    def batches(self) -> list[bytes]:
        """The bodies of all batches, as they came."""
        return [call.body for call in self.calls if call.path == EVENTS_PATH]

    def meet(self, call: Call) -> None:
        with self._lock:
            self.calls.append(call)
            fault = self.faults.pop(0) if call.path == EVENTS_PATH and self.faults else honest
        with contextlib.suppress(OSError):  # the agent or the server was killed meanwhile
            fault(call)

    def hold(self) -> None:
        self.arrived.set()
        self.go_on.wait(_PATIENCE_S)


def honest(call: Call) -> None:
    """What a good line does."""
    call.connection.sendall(call.forward())


def captive_portal(call: Call) -> None:
    """200 and a page to sign in; the server never hears of it."""
    page = b"<html><form>Welcome to Hotel Wi-Fi</form></html>"
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(page)}\r\n\r\n"
    call.connection.sendall(head.encode() + page)


def dripping(call: Call) -> None:
    """The server has stored it; its answer comes a byte now and then, for ever."""
    call.forward()
    call.connection.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{"
    )
    while not call.relay.closing.wait(0.2):
        call.connection.sendall(b" ")


def lost_answer(call: Call) -> None:
    """The server has stored it; the line breaks."""
    call.forward()


def held_before(call: Call) -> None:
    """It has left the agent and has not reached the server."""
    call.relay.hold()


def held_after(call: Call) -> None:
    """The server has stored it; the agent does not know yet."""
    answer = call.forward()
    call.relay.hold()
    call.connection.sendall(answer)


def cut(share: float) -> Fault:
    """So much of it has reached the server, which has not answered."""

    def fault(call: Call) -> None:
        with call.open(share):
            call.relay.hold()

    return fault
