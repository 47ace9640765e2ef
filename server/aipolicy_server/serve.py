"""Runs the application: the socket, uvicorn's settings, and what is said at the start."""

import ipaddress
import logging
import os
import signal
import socket
from urllib.parse import quote

import uvicorn
from fastapi import FastAPI

from aipolicy.core.model import Record
from aipolicy.platforms.service import Service
from aipolicy_server.deadline import DeadlineProtocol

GRACE_S = 5


class BadListen(Exception):
    """The server cannot or must not listen there; the text says why and what to do."""


class Listen(Record, frozen=True, kw_only=True):
    """Where to listen. proxy: address of the TLS proxy in front whose headers are believed, or null."""

    host: str
    port: int
    proxy: str | None = None


def parse_listen(text: str) -> tuple[str, int]:
    """HOST:PORT, with [brackets] for IPv6. Raises BadListen."""
    host, colon, port = text.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise BadListen(f"--listen {text}: write HOST:PORT, as in 127.0.0.1:8320")
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bind(listen: Listen) -> socket.socket:
    """The listening socket. Raises BadListen."""
    place = f"{listen.host}:{listen.port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, protocol)
    except OSError as error:
        raise BadListen(f"--listen {place}: {error.strerror or error}") from error
    try:
        if os.name == "posix":  # on Windows this option would let two servers share a port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(2048)
        sock.set_inheritable(True)
    except OSError as error:
        sock.close()
        raise BadListen(
            f"--listen {place}: {error.strerror}: choose another port, or stop what listens there"
        ) from error
    return sock


def address_of(sock: socket.socket, host: str) -> str:
    """The address that a browser takes."""
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{sock.getsockname()[1]}"


def sign_in_address(address: str, token: str) -> str:
    """The address that signs a browser in by itself."""
    return f"{address}/?token={quote(token, safe='')}"


def _leave(_signal: int, _frame: object) -> None:
    raise SystemExit(0)


def end_when_told() -> None:
    """From now on SIGTERM and SIGINT end this process with exit code 0: being told to stop is no failure.

    While `serve` runs, uvicorn takes them first, stops gracefully, and then raises them again.
    """
    for wanted in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wanted, _leave)


def serve(app: FastAPI, sock: socket.socket, listen: Listen) -> None:
    """Serves until SIGTERM or SIGINT, then finishes what is under way. Tells systemd how it is."""
    service = Service(os.environ, os.getpid())

    async def alive() -> None:
        service.alive()

    config = uvicorn.Config(
        app,
        http=DeadlineProtocol,
        ws="none",
        # No access log: an address may carry a token, and who looks at what is nobody's business.
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=listen.proxy is not None,
        forwarded_allow_ips=listen.proxy,
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=30,
        lifespan="on",
        callback_notify=None if service.alive_every_s is None else alive,
        timeout_notify=int(service.alive_every_s or 0),
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    _Server(config, service).run(sockets=[sock])


class _Server(uvicorn.Server):
    """Says when it answers, which is after its socket listens, and that it ends."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._service.ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._service.stopping()
        await super().shutdown(sockets)
