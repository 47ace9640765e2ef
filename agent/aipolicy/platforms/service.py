"""Tells systemd how we are (sd_notify(3)), and nothing at all where nobody started us as a service."""

import logging
import os
import socket
from collections.abc import Mapping
from typing import Final

logger = logging.getLogger(__name__)

_MAX_STATUS: Final = 500
_UNIX: Final[int] = getattr(socket, "AF_UNIX", -1)  # Windows has none, and no systemd either


class Service:
    """Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID of the given environment. Never raises or waits."""

    def __init__(self, environ: Mapping[str, str], pid: int) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self.alive_every_s = _interval_s(environ, pid) if self._address is not None else None
        """How often `alive` is expected: half of systemd's limit; None where it does not watch."""

    def ready(self, status: str = "") -> None:
        self._send("READY=1", _status(status))

    def status(self, text: str) -> None:
        self._send(_status(text))

    def alive(self) -> None:
        """To be called by the loop that does the work, so that a stuck one is noticed."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def _send(self, *lines: str) -> None:
        if self._address is None:
            return
        message = "\n".join(line for line in lines if line).encode("utf-8", "replace")
        try:
            with socket.socket(_UNIX, socket.SOCK_DGRAM) as channel:
                channel.setblocking(False)
                channel.sendto(message, self._address)
        except OSError as error:  # systemd restarts, or its queue is full: the next one tells
            logger.debug("systemd was not told: errno=%s", error.errno)


def _address(text: str) -> str | bytes | None:
    """A path, or an abstract socket written with `@`. A vsock address is for whole virtual machines."""
    if text.startswith("@"):
        return b"\0" + os.fsencode(text[1:])
    return text if text.startswith("/") else None


def _interval_s(environ: Mapping[str, str], pid: int) -> float | None:
    """WATCHDOG_PID says whom the interval is for: a child inherits the variables."""
    try:
        limit_us = int(environ.get("WATCHDOG_USEC", ""))
        meant = int(environ.get("WATCHDOG_PID", str(pid)))
    except ValueError:
        return None
    return limit_us / 2_000_000 if limit_us > 0 and meant == pid else None


def _status(text: str) -> str:
    return "STATUS=" + text.replace("\n", " ")[:_MAX_STATUS] if text else ""
