"""The guard as a service of its own: what systemd is told, and what becomes of one that the agent started.

`--only` names no mount point here, so that nothing at all is guarded.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aipolicy.cli.guard import SWITCHED_OFF
from aipolicy.daemon.guard.command import is_of_agent
from machine_needs import NEEDS_LINUX, NEEDS_ROOT, Started, until

pytestmark = [NEEDS_LINUX, NEEDS_ROOT]


class Systemd:
    """What the services tell."""

    def __init__(self, folder: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "notify"))
        self._socket.settimeout(30)
        self.environ = {**os.environ, "NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "1000000"}

    def next(self) -> str:
        return self._socket.recv(4096).decode()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    one = Systemd(tmp_path)
    yield one
    one.close()


def guard(state: Path, *more: str) -> list[str]:
    only = ["--only", str(state / "no-mount-point")]
    return [sys.executable, "-m", "aipolicy", "guard", "--state", str(state), *only, *more]


def holder(state: Path) -> int:
    """Which process has the lock."""
    try:
        return int((state / "guard.lock").read_text() or 0)
    except OSError:
        return 0


def test_it_is_ready_once_and_then_says_that_it_is_alive(
    tmp_path: Path, systemd: Systemd, started: Started
) -> None:
    started.run(guard(tmp_path), env=systemd.environ)
    told = [systemd.next() for _ in range(6)]
    assert sorted(told) == ["READY=1", *["WATCHDOG=1"] * 5]


def test_one_that_the_agent_started_makes_room_for_its_service(tmp_path: Path, started: Started) -> None:
    """As after the service was killed, and the agent was faster than systemd."""
    of_agent = started.run(guard(tmp_path, "--of-agent"))
    until(lambda: holder(tmp_path) == of_agent.pid and is_of_agent(of_agent.pid))
    service = started.run(guard(tmp_path))
    until(lambda: holder(tmp_path) == service.pid)
    assert of_agent.wait(timeout=30) == 0
    assert service.poll() is None
    later = started.run(guard(tmp_path, "--of-agent"), stderr=subprocess.PIPE)
    assert later.wait(timeout=30) == 2
    assert service.poll() is None


def test_a_service_never_takes_the_place_of_another_service(tmp_path: Path, started: Started) -> None:
    service = started.run(guard(tmp_path))
    until(lambda: holder(tmp_path) == service.pid)
    other = subprocess.run(guard(tmp_path), capture_output=True, text=True, timeout=60, check=False)
    assert other.returncode == 2
    assert f"a guard is running with this folder already (pid {service.pid})" in other.stderr
    assert service.poll() is None


def test_switched_off_it_ends_well_and_says_why(tmp_path: Path, systemd: Systemd) -> None:
    environ = {**systemd.environ, "AIPOLICY_GUARD": "off"}
    ended = subprocess.run(
        guard(tmp_path), env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == SWITCHED_OFF
    assert "guard: off in the settings" in ended.stderr
    assert systemd.next().startswith("READY=1")
