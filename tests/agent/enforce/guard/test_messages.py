"""Packets come whole or not at all, files go along, and nobody ever waits."""

import os
import socket
from pathlib import Path

import pytest

from aipolicy.enforce.guard import messages
from machine_needs import NEEDS_LINUX

pytestmark = NEEDS_LINUX


def test_a_message_and_a_file_go_across() -> None:
    here, there = messages.pair()
    with open("/dev/null", "rb") as file:
        assert messages.send(here, {"path": "/a/\udcff"}, [file.fileno()])
    received = messages.receive(there)
    assert received is not None
    assert received.message == {"path": "/a/\udcff"}
    assert os.readlink(f"/proc/self/fd/{received.files[0]}") == "/dev/null"
    messages.close_all(received.files)
    assert messages.receive(there) is None


def test_the_other_side_is_gone() -> None:
    here, there = messages.pair()
    here.close()
    assert messages.receive(there) == messages.Received(message=None, files=())
    assert not messages.send(there, {})


def test_one_who_does_not_read_holds_up_nobody() -> None:
    here, _there = messages.pair()
    sent = 0
    while messages.send(here, {"text": "x" * 10_000}):
        sent += 1
    assert sent > 0
    assert not messages.send(here, {"text": "x" * messages.MOST_BYTES})


@pytest.mark.parametrize("packet", [b"{", b"[]", b"\xff\xfe", b"1", b"null" * 3])
def test_garbage_is_an_empty_message(packet: bytes) -> None:
    here, there = messages.pair()
    with open("/dev/null", "rb") as file:
        socket.send_fds(here, [packet], [file.fileno()])
    assert messages.receive(there) == messages.Received(message={}, files=())


def test_a_listener_is_for_ourselves(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    assert messages.connected(path, 0.1) is None
    with messages.listening(path), messages.connected(path, 1.0) or pytest.fail("nobody answers"):
        assert os.stat(path).st_mode & 0o777 == 0o600
