"""Given systemd's variables, then it is told; without them nothing happens."""

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aipolicy.platforms.service import Service

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs Unix sockets")


@pytest.fixture
def systemd() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.settimeout(20.0)
        yield channel


def test_ready_status_alive_and_stopping(systemd: socket.socket, tmp_path: Path) -> None:
    place = str(tmp_path / "notify")
    systemd.bind(place)
    service = Service({"NOTIFY_SOCKET": place, "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "42"}, pid=42)
    assert service.alive_every_s == 15.0
    service.ready("watching\nprocesses")
    service.status("")
    service.status("x" * 5000)
    service.alive()
    service.stopping()
    told = [systemd.recv(10_000) for _ in range(5)]
    assert told[0] == b"READY=1\nSTATUS=watching processes"
    assert told[1] == b""
    assert len(told[2]) < 600
    assert told[3:] == [b"WATCHDOG=1", b"STOPPING=1"]


@pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets are Linux only")
def test_an_abstract_socket(systemd: socket.socket) -> None:
    name = f"aipolicy-test-{os.getpid()}"
    systemd.bind(b"\0" + name.encode())
    Service({"NOTIFY_SOCKET": f"@{name}"}, pid=1).ready()
    assert systemd.recv(100) == b"READY=1"


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"NOTIFY_SOCKET": ""},
        {"NOTIFY_SOCKET": "relative"},
        {"NOTIFY_SOCKET": "vsock:2:1"},
        {"NOTIFY_SOCKET": "/nonexistent/socket"},
        {"WATCHDOG_USEC": "1000"},
    ],
)
def test_nobody_there_is_no_error(environ: dict[str, str]) -> None:
    service = Service(environ, pid=1)
    service.ready("x")
    service.alive()
    assert service.alive_every_s is None


@pytest.mark.parametrize("usec", ["", "0", "-5", "soon"])
def test_no_watchdog_without_a_sound_interval(usec: str) -> None:
    assert Service({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": usec}, pid=1).alive_every_s is None


def test_the_watchdog_of_another_process_is_not_ours() -> None:
    environ = {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "7"}
    assert Service(environ, pid=8).alive_every_s is None
