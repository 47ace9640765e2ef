"""The local socket answers each person about that person, and outlives whoever misuses it."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from aipolicy.core.model import Record
from aipolicy.daemon.local_api import LocalApi, ask, socket_path
from aipolicy.platforms import local_peer

pytestmark = pytest.mark.skipif(not local_peer.supported(), reason="this system has no SO_PEERCRED")


class Who(Record, frozen=True, kw_only=True):
    uid: int


@pytest.fixture
def path(tmp_path: Path) -> Iterator[str]:
    where = str(tmp_path / "agent.sock")
    api = LocalApi(where, {"mine": lambda uid: Who(uid=uid)})
    yield where
    api.close()
    assert not os.path.exists(where)


def test_who_asks_is_told_by_the_kernel(path: str) -> None:
    assert msgspec.json.decode(ask(path, "mine"), type=Who).uid == os.geteuid()


@pytest.mark.parametrize(
    "question", [b"", b"{", b'{"ask":"others"}', b'{"ask":"mine","uid":0}', b"\xff" * 5000]
)
def test_a_strange_question_gets_no_records_and_does_no_harm(path: str, question: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(path)
        connection.sendall(question)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(4096)
    assert b'"uid"' not in answer
    assert msgspec.json.decode(ask(path, "mine"), type=Who).uid == os.geteuid()


def test_one_person_cannot_hold_all_connections(path: str) -> None:
    held = []
    for _ in range(12):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(5)
        connection.connect(path)
        held.append(connection)
    closed = [c for c in held if _closed_at_once(c)]
    assert len(closed) >= 8
    for connection in held:
        connection.close()


def _closed_at_once(connection: socket.socket) -> bool:
    connection.settimeout(0.5)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False


def test_roots_socket_lies_where_everybody_can_reach_it() -> None:
    system = "/var/lib/aipolicy"
    assert socket_path(system, admin=True, system_state=system) == "/run/aipolicy/agent.sock"
    assert socket_path("/srv/x", admin=True, system_state=system).startswith("/run/aipolicy/agent-")
    assert socket_path("/home/a/s", admin=False, system_state=system) == "/home/a/s/agent.sock"


def test_a_folder_where_others_may_write_was_used_and_a_link_in_it_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("x")
    victim.chmod(0o600)
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    (tmp_path / "file").write_text("")
    for folder in (open_to_all, link, tmp_path / "file"):
        with pytest.raises(OSError, match="folder"):
            LocalApi(str(folder / "agent.sock"), {})
    assert victim.stat().st_mode & 0o777 == 0o600


def test_the_socket_is_for_everybody_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        api = LocalApi(str(tmp_path / "run" / "agent.sock"), {})
    finally:
        os.umask(before)
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "run" / "agent.sock").stat().st_mode & 0o777 == 0o666
    api.close()
