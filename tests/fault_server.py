"""The one fake server: a central endpoint over real sockets that misbehaves as told and then behaves.

It keeps account of all it got:

    with FaultServer(faults=[status(500), captive_portal, hang]) as server:
        ...                      # the first three requests meet the faults, all others are answered well
        assert server.events     # what was stored, each event once, in the order it came

A fault is a function of one Exchange (see faults.py). It may answer, drip, hang or close; `store` is what a
good server does before it answers: a fault that calls it has stored the batch though the agent cannot know.
"""

import gzip
import http
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import msgspec

from aipolicy.core import wire
from aipolicy.core.first_sights import FIRST_SIGHTS_PATH, FirstSight, FirstSights, KnownSights
from aipolicy.core.model import Event
from aipolicy.core.published import Brake, PolicyAnswer, PolicyTag

SECRET = "the-secret-of-these-tests"


@dataclass
class Exchange:
    """One request as it came, and the socket to answer on."""

    server: "FaultServer"
    connection: socket.socket
    method: str = ""
    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def answer(self, status: int, body: bytes, *headers: str, kind: str = "application/json") -> None:
        """A whole and honest HTTP answer."""
        head = [f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}", f"Content-Type: {kind}"]
        self.send("\r\n".join([*head, *headers, f"Content-Length: {len(body)}", "", ""]).encode() + body)

    def problem(self, status: int, code: str, title: str, *headers: str) -> None:
        """A refusal as our server words it."""
        body = msgspec.json.encode(wire.Problem(status=status, code=code, title=title))
        self.answer(status, body, *headers, kind="application/problem+json")

    def ack(self, seq_off: int = 0) -> bytes:
        """Store the batch; the body of the answer that says so."""
        stored = self.server.store(self)
        batch = self.server.batch(self)
        return msgspec.json.encode(wire.Ack(spool=batch.spool, seq=batch.seq + seq_off, stored=stored))


Fault = Callable[[Exchange], None]


@dataclass
class FaultServer:
    """See the module. Every list may be looked at while the server runs.

    faults: met by the first requests, in order. on: the path they wait for; other paths are answered well.
    refuse_events: answers 422 to each batch with an event for which this is true.
    most_events: answers 413 to a batch with more events. proxy_bytes: a proxy in front answers 413 to a
    longer body. resend, next_s: what check-ins are told.
    tls: serve https with this context. policy: what is to be in force. told: what check-ins name instead of
    it. brake: the emergency brake. first_sights: what it knows of the machine, null where it does not ask.
    """

    faults: Iterable[Fault] = ()
    on: str = wire.EVENTS_PATH
    refuse_events: Callable[[Event], bool] = lambda _event: False
    most_events: int = wire.MAX_BATCH_EVENTS
    proxy_bytes: int = wire.MAX_BODY_BYTES
    resend: bool = False
    next_s: int = 900
    tls: ssl.SSLContext | None = None
    policy: PolicyAnswer | None = None
    told: PolicyTag | None = None
    brake: Brake | None = None
    first_sights: tuple[FirstSight, ...] | None = None

    def __post_init__(self) -> None:
        self._faults: Iterator[Fault] = iter(self.faults)
        self._lock = threading.RLock()
        self.exchanges: list[Exchange] = []
        """Every request that came in whole."""
        self.stored: dict[tuple[str, str, int], bytes] = {}
        """The body stored under each device, spool and number."""
        self.events: list[Event] = []
        """Each event once."""
        self.conflicts = 0
        self.tokens: dict[str, str] = {}
        """Token -> device."""
        self.check_ins: list[wire.CheckIn] = []
        self.told_sights: list[FirstSights] = []
        self.stopping = threading.Event()
        self.seen = threading.Event()
        """Set by `gate` when a request has arrived there."""
        self._server: _Listener | None = None
        self.port = 0

    # --- life --------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Listen; on the same port again after `stop`."""
        self.stopping.clear()
        self._server = _Listener(("127.0.0.1", self.port), self)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections, and let go of the ones that hang."""
        self.stopping.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    # --- the good server ---------------------------------------------------------------------------------

    def meet(self, exchange: Exchange) -> None:
        """Answer one request: with the next fault, else well."""
        with self._lock:
            self.exchanges.append(exchange)
            fault = next(self._faults, None) if exchange.path == self.on else None
        if len(exchange.body) > self.proxy_bytes:
            exchange.answer(413, b"<html>too large</html>", kind="text/html")
            return
        (fault or good)(exchange)

    def batch(self, exchange: Exchange) -> wire.Batch:
        return msgspec.json.decode(gzip.decompress(exchange.body), type=wire.Batch)

    def store(self, exchange: Exchange) -> int:
        """Keep the batch unless it is kept already; how many events were new."""
        batch = self.batch(exchange)
        key = (batch.device, batch.spool, batch.seq)
        with self._lock:
            if key in self.stored:
                return 0
            self.stored[key] = exchange.body
            known = {event.id for event in self.events}
            new = [event for event in batch.events if event.id not in known]
            self.events += new
            return len(new)

    def device_of(self, exchange: Exchange) -> str | None:
        """The device whose token the request bears."""
        with self._lock:
            return self.tokens.get(exchange.headers.get("authorization", "").removeprefix("Bearer "))

    def revoke_all(self) -> None:
        """Forget every token."""
        with self._lock:
            self.tokens.clear()

    def enrol(self) -> tuple[str, str]:
        """A new device and its token."""
        with self._lock:
            number = len(self.tokens) + 1
            while f"token-{number}" in self.tokens:
                number += 1
            device, token = f"device-{number}", f"token-{number}"
            self.tokens[token] = device
            return device, token


def good(exchange: Exchange) -> None:
    """What a good server does: check, store, then answer."""
    routes = {
        wire.ENROL_PATH: _enrol,
        wire.EVENTS_PATH: _events,
        wire.CHECK_IN_PATH: _check_in,
        wire.POLICY_PATH: _policy,
        FIRST_SIGHTS_PATH: _first_sights,
    }
    route = routes.get(exchange.path)
    if route is None:
        exchange.problem(404, "not-found", "no such path")
    else:
        route(exchange)


def _enrol(exchange: Exchange) -> None:
    request = msgspec.json.decode(exchange.body, type=wire.EnrolRequest)
    if request.secret != SECRET:
        exchange.problem(401, "bad-secret", "this enrolment secret is unknown")
        return
    device, token = exchange.server.enrol()
    exchange.answer(200, msgspec.json.encode(wire.EnrolReply(device=device, token=token)))


def _events(exchange: Exchange) -> None:
    server = exchange.server
    device = server.device_of(exchange)
    if device is None:
        exchange.problem(401, "bad-token", "this token is unknown")
        return
    batch = server.batch(exchange)
    kept = server.stored.get((device, batch.spool, batch.seq))
    if batch.device != device:
        exchange.problem(403, "wrong-device", "the batch is in another device's name")
    elif len(batch.events) > server.most_events:
        exchange.problem(413, "too-large", "too many events")
    elif any(server.refuse_events(event) for event in batch.events):
        exchange.problem(422, "bad-event", "an event cannot be read")
    elif kept is not None and kept != exchange.body:
        server.conflicts += 1
        exchange.problem(409, "content-conflict", "this number was used for other content")
    else:
        exchange.answer(200, exchange.ack())


def _check_in(exchange: Exchange) -> None:
    server = exchange.server
    if server.device_of(exchange) is None:
        exchange.problem(401, "bad-token", "this token is unknown")
        return
    server.check_ins.append(msgspec.json.decode(exchange.body, type=wire.CheckIn))
    reply = wire.CheckInReply(
        next_s=server.next_s,
        resend=server.resend,
        policy=server.told or tag_of(server.policy),
        brake=server.brake,
        first_sights=server.first_sights is not None,
    )
    exchange.answer(200, msgspec.json.encode(reply))


def _first_sights(exchange: Exchange) -> None:
    server = exchange.server
    if server.device_of(exchange) is None:
        exchange.problem(401, "bad-token", "this token is unknown")
        return
    server.told_sights.append(msgspec.json.decode(exchange.body, type=FirstSights))
    exchange.answer(200, msgspec.json.encode(KnownSights(sights=server.first_sights or ())))


def tag_of(policy: PolicyAnswer | None) -> PolicyTag | None:
    return None if policy is None else PolicyTag(number=policy.number, sha256=policy.sha256)


def _policy(exchange: Exchange) -> None:
    policy = exchange.server.policy
    tag = tag_of(policy)
    if exchange.server.device_of(exchange) is None:
        exchange.problem(401, "bad-token", "this token is unknown")
    elif policy is None or tag is None:
        exchange.problem(404, "no-policy", "no policy was published here")
    elif exchange.headers.get("if-none-match") == tag.etag:
        exchange.send(b"HTTP/1.1 304 Not Modified\r\nETag: " + tag.etag.encode() + b"\r\n\r\n")
    else:
        exchange.answer(200, msgspec.json.encode(policy), f"ETag: {tag.etag}")


# --- sockets ---------------------------------------------------------------------------------------------


class _Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], server: FaultServer) -> None:
        self.fault_server = server
        super().__init__(address, _Handler)

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        tls = self.fault_server.tls
        # The handshake happens in the handler's thread: a client that breaks it off must not end us.
        wrapped = tls.wrap_socket(connection, True, do_handshake_on_connect=False) if tls else connection
        return wrapped, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what these tests are about."""


class _Handler(socketserver.BaseRequestHandler):
    server: _Listener
    request: socket.socket

    def handle(self) -> None:
        self.request.settimeout(60)
        exchange = Exchange(self.server.fault_server, self.request)
        head = b""
        while b"\r\n\r\n" not in head:
            more = self.request.recv(65536)
            if not more:
                return
            head += more
        head, _, body = head.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        exchange.method, exchange.path, _ = first.split(" ", 2)
        exchange.headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines)}
        wanted = int(exchange.headers.get("content-length", "0"))
        while len(body) < wanted:
            more = self.request.recv(65536)
            if not more:
                return
            body += more
        exchange.body = body
        exchange.server.meet(exchange)
