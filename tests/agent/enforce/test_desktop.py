"""Given somebody's session bus, then a notice is handed over as that person, and a hanging one is ended."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from aipolicy.enforce.desktop import DESKTOP_S, Desktop, notify_command
from machine_needs import NEEDS_LINUX, NEEDS_ROOT

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs Unix sockets")


class Started:
    """Starts a program of the test's own in place of busctl."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.children: list[subprocess.Popen[bytes]] = []
        self.uids: list[int] = []

    def __call__(self, command: list[str], uid: int) -> subprocess.Popen[bytes]:
        assert command[0] == "busctl"
        self.uids.append(uid)
        child = subprocess.Popen([sys.executable, "-c", self.code])
        self.children.append(child)
        return child


def bus(folder: Path) -> tuple[str, int]:
    """A folder of session buses with one bus in it, and whose it is."""
    uid = folder.stat().st_uid
    (folder / str(uid)).mkdir()
    with socket.socket(socket.AF_UNIX) as channel:
        channel.bind(str(folder / str(uid) / "bus"))
    return str(folder), uid


def test_it_is_handed_over_as_the_person(tmp_path: Path) -> None:
    folder, uid = bus(tmp_path)
    started = Started("pass")
    desktop = Desktop(started, folder)
    assert desktop.tell(uid, "aipolicy", "text", now=0.0)
    assert started.uids == [uid]
    started.children[0].wait()
    desktop.poll(0.1)
    assert desktop.waiting == 0


def test_one_that_hangs_is_ended(tmp_path: Path) -> None:
    folder, uid = bus(tmp_path)
    started = Started("import time; time.sleep(600)")
    desktop = Desktop(started, folder)
    desktop.tell(uid, "aipolicy", "text", now=0.0)
    desktop.poll(DESKTOP_S - 0.1)
    assert desktop.waiting == 1
    desktop.poll(DESKTOP_S)
    started.children[0].wait()
    desktop.poll(DESKTOP_S)
    assert desktop.waiting == 0


def test_no_bus_or_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    folder, uid = bus(tmp_path)
    (tmp_path / "7").mkdir()
    (tmp_path / "7/bus").symlink_to(tmp_path / str(uid) / "bus")
    (tmp_path / "8").mkdir()
    (tmp_path / "8/bus").write_text("no socket")
    started = Started("pass")
    desktop = Desktop(started, folder)
    assert [desktop.tell(other, "t", "x", 0.0) for other in (7, 8, 9)] == [False] * 3
    assert started.children == []


def test_text_is_one_argument_and_printable() -> None:
    command = notify_command("/run/user/1/bus", "ti\x1btle", "-- two\nlines")
    assert command[:2] == ["busctl", "--address=unix:path=/run/user/1/bus"]
    assert "ti\\x1btle" in command
    assert "-- two\nlines" in command


def test_nothing_in_a_name_is_markup() -> None:
    """A version that a package states may be anything, and desktops show links and images."""
    command = notify_command("/run/user/1/bus", "a<b>", '<a href="http://x">&amp; 1.0</a>')
    assert '&lt;a href="http://x"&gt;&amp;amp; 1.0&lt;/a&gt;' in command
    assert "a<b>" in command


def test_what_nobody_behind_the_bus_took_is_said_to_have_failed(tmp_path: Path) -> None:
    folder, uid = bus(tmp_path)
    failed: list[int] = []
    for number, code in enumerate(("pass", "raise SystemExit(1)")):
        started = Started(code)
        desktop = Desktop(started, folder)
        assert desktop.tell(uid, "t", "x", 0.0, lambda number=number: failed.append(number))  # type: ignore[misc]
        started.children[0].wait()
        desktop.poll(0.1)
    assert failed == [1]


@NEEDS_LINUX
@NEEDS_ROOT
def test_of_a_person_whom_no_directory_knows_the_bus_says_the_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory may hang, and everybody else's notices wait meanwhile."""
    folder, uid = bus(tmp_path)
    person, group = 64_999, 64_998
    os.rename(tmp_path / str(uid), tmp_path / str(person))
    os.chown(tmp_path / str(person) / "bus", person, group)
    became: list[tuple[int, int]] = []
    monkeypatch.setattr(
        subprocess, "Popen", lambda *_words, user, group, **_more: became.append((user, group))
    )
    assert Desktop(buses=folder).tell(person, "t", "x", 0.0)
    assert became == [(person, group)]
