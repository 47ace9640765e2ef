"""The server's process: it starts, says where, bounds slow and rude clients, and ends when told."""

import contextlib
import http.client
import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from aipolicy.core import wire
from server_lab import batch_body, event, outcome
from server_process import COMMAND, ServerProcess


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess.start(tmp_path_factory.mktemp("server") / "data") as started:
        yield started


def raw(server: ServerProcess, *chunks: bytes, pause_s: float = 0) -> bytes:
    """Sends bytes and reads until the server closes; drips the last chunk for as long as it is taken."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        for chunk in chunks:
            connection.sendall(chunk)
        stop = threading.Event()

        def drip() -> None:
            while not stop.wait(pause_s):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

        dripping = threading.Thread(target=drip)
        if pause_s:
            dripping.start()
        answer = b""
        try:
            while piece := connection.recv(65536):
                answer += piece
                if not pause_s:
                    break
        except ConnectionResetError:
            pass
        stop.set()
        if pause_s:
            dripping.join()
        return answer


def test_no_token_is_ever_logged(tmp_path: Path) -> None:
    with ServerProcess.start(tmp_path / "data") as server:
        token = (server.data / "admin-token").read_text().strip()
        secret = (server.data / "enrolment-secret").read_text().strip()
        device = server.enrol()
        for path in (f"/?token={token}", f"/sign-in?token={token}x", f"/nowhere?token={token}", f"/{token}"):
            server.request("GET", path)
        server.request("POST", wire.EVENTS_PATH, b"x", {"authorization": f"Bearer {device.token}"})
        server.request("POST", "/sign-in", f"token={token}".encode(), {"origin": "https://evil.example"})
        assert server.terminate() == 0
        assert server.process.stdout is not None
        said = server.process.stdout.read().decode()
        assert "admin-token" in said, "a log is told where the token lies"
        for hidden in (token, secret, device.token):
            assert hidden not in server.log + said


def test_systemd_is_told_when_it_answers_that_it_lives_and_that_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "2000000")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(60)
        with ServerProcess.start(tmp_path / "data") as server:
            assert systemd.recv(100) == b"READY=1"
            assert server.request("GET", "/healthz")[0] == 200
            assert systemd.recv(100) == b"WATCHDOG=1"
            assert server.terminate() == 0
            while (said := systemd.recv(100)) == b"WATCHDOG=1":
                pass
            assert said == b"STOPPING=1"


def test_its_health_is_asked_by_a_command(server: ServerProcess) -> None:
    asked = [*COMMAND, "health", "--listen"]
    well = subprocess.run(
        [*asked, f"127.0.0.1:{server.port}"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (well.returncode, well.stdout) == (0, "ok\n")
    away = subprocess.run([*asked, "127.0.0.1:1"], capture_output=True, text=True, timeout=60, check=False)
    assert away.returncode == 2
    assert "127.0.0.1:1: no answer" in away.stderr


def test_slow_clients_are_cut_off(server: ServerProcess) -> None:
    """One drips its head, one its body, one says nothing: none holds its connection for long."""
    device = server.enrol()
    head = (
        f"POST {wire.EVENTS_PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {device.token}\r\n"
        "Content-Length: 10000\r\n"
    ).encode()
    with ThreadPoolExecutor(3) as pool:
        drips_head = pool.submit(raw, server, head + b"X-Drip: ", pause_s=0.5)
        drips_body = pool.submit(raw, server, head + b"\r\nxx", pause_s=0.5)
        silent = pool.submit(raw, server)
        assert b" 408 " in drips_body.result()
        assert drips_head.result() == b""
        assert silent.result() == b""
    assert server.request("GET", "/healthz")[0] == 200


def test_many_slow_clients_do_not_keep_others_out(server: ServerProcess) -> None:
    device = server.enrol()
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(300)]
    head = (
        f"POST {wire.EVENTS_PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {device.token}\r\n"
        "Content-Length: 1000\r\n\r\nx"
    ).encode()
    for connection in slow:
        connection.sendall(head)
    batch = wire.Batch(device=device.device, spool="many", seq=1, events=(event(outcome()),))
    headers = {"authorization": f"Bearer {device.token}", "content-encoding": "gzip"}
    status, _, body = server.request("POST", wire.EVENTS_PATH, batch_body(batch), headers)
    assert status == 200, body
    for connection in slow:
        connection.close()


def test_more_at_once_than_allowed_are_told_to_come_back(server: ServerProcess) -> None:
    device = server.enrol()
    head = (
        f"POST {wire.EVENTS_PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {device.token}\r\n"
        "Content-Length: 1000\r\n\r\nx"
    ).encode()
    crowd = [socket.create_connection(("127.0.0.1", server.port), timeout=60) for _ in range(600)]
    for connection in crowd:
        connection.sendall(head)
    answers = [connection.recv(4096) for connection in crowd]
    for connection in crowd:
        connection.close()
    busy = [answer for answer in answers if b" 503 " in answer]
    assert len(busy) >= 600 - 512
    assert all(b"\r\nretry-after: " in answer.lower() for answer in busy)
    assert all(b" 408 " in answer or b" 503 " in answer for answer in answers)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz",
        b"GET /%00%ff/..%2f?token=%ff HTTP/1.1\r\nHost: \xff\r\nConnection: close\r\n\r\n",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS spoken to a plain port
    ],
)
def test_rude_requests_harm_nobody(server: ServerProcess, request_bytes: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(request_bytes)
        try:
            answer = connection.recv(4096)
        except ConnectionResetError:
            answer = b""
    assert b" 500 " not in answer[:20]
    assert server.request("GET", "/healthz")[0] == 200


def test_a_client_that_leaves_in_the_middle_is_forgotten(server: ServerProcess) -> None:
    device = server.enrol()
    batch = wire.Batch(device=device.device, spool="left", seq=1, events=(event(outcome()),))
    body = batch_body(batch)
    head = (
        f"POST {wire.EVENTS_PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {device.token}\r\n"
        f"Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    for cut in range(0, len(body), 40):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(head + body[:cut])
    headers = {"authorization": f"Bearer {device.token}", "content-encoding": "gzip"}
    status, _, answer = server.request("POST", wire.EVENTS_PATH, body, headers)
    assert (status, msgspec.json.decode(answer, type=wire.Ack).stored) == (200, 1)


def test_chunked_bodies_are_bounded_too(server: ServerProcess) -> None:
    device = server.enrol()
    connection = server.connect()
    connection.putrequest("POST", wire.EVENTS_PATH)
    connection.putheader("Authorization", f"Bearer {device.token}")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    piece = b"%x\r\n%s\r\n" % (100_000, b"[" * 100_000)
    try:
        for _ in range(30):
            connection.send(piece)
    except OSError:
        pass  # it was told off and cut off meanwhile
    with contextlib.suppress(OSError, http.client.HTTPException):  # the answer was lost with the connection
        assert connection.getresponse().status == 413
    connection.close()
    assert server.request("GET", "/healthz")[0] == 200


def test_sigterm_finishes_what_is_under_way(tmp_path: Path) -> None:
    with ServerProcess.start(tmp_path / "data") as server:
        device = server.enrol()
        codes: list[int] = []

        def send(seq: int) -> None:
            batch = wire.Batch(device=device.device, spool="s", seq=seq, events=(event(outcome()),))
            headers = {"authorization": f"Bearer {device.token}", "content-encoding": "gzip"}
            try:
                codes.append(server.request("POST", wire.EVENTS_PATH, batch_body(batch), headers)[0])
            except (OSError, http.client.HTTPException):
                codes.append(0)

        threads = [threading.Thread(target=send, args=(seq,)) for seq in range(1, 41)]
        for thread in threads[:20]:
            thread.start()
        for thread in threads[:20]:
            thread.join()
        for thread in threads[20:]:
            thread.start()
        assert server.terminate() == 0
        for thread in threads[20:]:
            thread.join()
        taken = codes.count(200)
        assert taken >= 20
        server.start_again()
        token = (server.data / "admin-token").read_text().strip()
        _, _, body = server.request(
            "GET", "/api/v1/events?limit=1000", None, {"authorization": f"Bearer {token}"}
        )
        assert len(msgspec.json.decode(body)["rows"]) >= taken
        assert "Traceback" not in server.log


def test_a_second_server_on_the_same_port_is_told(server: ServerProcess, tmp_path: Path) -> None:
    result = subprocess.run(
        [*COMMAND, "run", "--data", tmp_path / "d", "--listen", f"127.0.0.1:{server.port}"],
        capture_output=True,
        timeout=60,
    )
    assert result.returncode == 2
    assert b"another port" in result.stderr
