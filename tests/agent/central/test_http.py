"""One question, bounded in time and bytes, whatever answers. Tested is the verdict, never the time."""

import os
import resource
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import aipolicy
import faults as fault
from aipolicy.central.http import MOST_REPLY_BYTES, Client, Failure, Reply
from aipolicy.core.wire import Problem
from fault_server import Exchange, FaultServer
from machine_needs import until


def ask(server: FaultServer, deadline_s: float = 20.0) -> Reply | Failure:
    return Client(server.url).post("/v1/events", b"{}", {"Authorization": "Bearer secret"}, deadline_s)


def answering(body: bytes, *headers: str, kind: str = "application/json", status: int = 200):
    return lambda exchange: exchange.answer(status, body, *headers, kind=kind)


def test_an_honest_answer():
    with FaultServer(faults=[answering(b'{"a": 1}', "Retry-After: 7")]) as server:
        assert ask(server) == Reply(status=200, body=b'{"a": 1}', retry_after="7")
        (exchange,) = server.exchanges
        assert exchange.headers["accept-encoding"] == "identity"
        assert exchange.headers["authorization"] == "Bearer secret"
        assert exchange.headers["user-agent"] == "aipolicy"


@pytest.mark.parametrize(
    "endless",
    [
        fault.drip_body,
        fault.drip_headers,
        fault.hang,
        fault.continue_for_ever,
    ],
)
def test_the_whole_exchange_ends_at_the_deadline(endless):
    with FaultServer(faults=[endless]) as server:
        assert ask(server, deadline_s=0.3) == Failure(reason="no complete answer within 0.3 s")


def test_an_answer_cut_by_the_deadline_does_not_pass_for_whole():
    """The head was complete, and an empty body would parse: http.client calls that a 200."""

    def head_then_silence(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}")
        exchange.server.stopping.wait(60)

    with FaultServer(faults=[head_then_silence]) as server:
        assert isinstance(ask(server, deadline_s=0.3), Failure)


@pytest.mark.parametrize("endless", [fault.endless_body, fault.endless_headers, fault.gzip_bomb])
def test_an_endless_answer_costs_bounded_memory(endless):
    with FaultServer(faults=[endless]) as server:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert isinstance(ask(server), Failure)
        grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown_kb < 64 * 1024, "the bomb alone would be 300 MB"


def test_the_longest_answer_and_one_byte_more():
    fits = b'{"a": "' + b"x" * (MOST_REPLY_BYTES - 9) + b'"}'
    with FaultServer(faults=[answering(fits), answering(fits + b" ")]) as server:
        assert isinstance(ask(server), Reply)
        assert "longer than" in ask(server).reason


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>", "text/html"),
        (b"{}", "text/html"),
        (b"{}", "text/plain"),
        (b"<html>", "application/json"),
        (b"", "application/json"),
        (b"[]", "application/json"),
        (b"null", "application/json"),
        (b'"text"', "application/json"),
        (b'{"a": ', "application/json"),
        (b"\xff\xfe{}", "application/json"),
        (b"[" * 60_000, "application/json"),
        (b'{"a":' * 10_000, "application/json"),
    ],
)
def test_only_a_json_object_is_an_answer(body, kind):
    with FaultServer(faults=[answering(body, kind=kind)]) as server:
        failure = ask(server)
        assert isinstance(failure, Failure)
        assert "captive portal" in failure.reason
        assert failure.status == 200


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(code):
    def elsewhere(exchange: Exchange) -> None:
        exchange.answer(code, b"{}", f"Location: {exchange.server.url}/elsewhere")

    with FaultServer(faults=[elsewhere]) as server:
        failure = ask(server)
        assert isinstance(failure, Failure)
        assert "points elsewhere" in failure.reason
        assert [e.path for e in server.exchanges] == ["/v1/events"]


def test_an_encoding_that_was_not_asked_for_is_no_answer():
    with FaultServer(faults=[answering(b"{}", "Content-Encoding: br")]) as server:
        assert "compressed" in ask(server).reason


def test_a_failure_keeps_what_a_proxy_asked_for():
    with FaultServer(faults=[fault.proxy_page(503, "Retry-After: 120")]) as server:
        failure = ask(server)
        assert (failure.status, failure.retry_after) == (503, "120")


@pytest.mark.parametrize("broken", [fault.garbage, fault.close_at_once, fault.cut_headers])
def test_what_is_no_http_is_a_failure(broken):
    with FaultServer(faults=[broken]) as server:
        exchange = ask(server)
        assert isinstance(exchange, Failure)


def test_a_body_shorter_than_its_length_is_a_failure():
    def short(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{}")

    with FaultServer(faults=[short]) as server:
        assert isinstance(ask(server), Failure)


def test_nobody_there():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        failure = Client(f"http://127.0.0.1:{taken.getsockname()[1]}").post("/", b"", {})
    assert failure == Failure(reason="connection refused")


def test_no_such_name():
    failure = Client("https://aipolicy.invalid").post("/", b"", {}, deadline_s=20)
    assert isinstance(failure, Failure)


def test_headers_that_cannot_be_sent_are_a_failure():
    with FaultServer() as server:
        for bad in ("two\r\nX-Lines: 1", "snow \N{SNOWMAN}"):
            assert isinstance(Client(server.url).post("/", b"", {"Authorization": bad}), Failure)
        assert server.exchanges == []


def test_a_netrc_does_not_replace_our_token(tmp_path, monkeypatch):
    """The one place where the environment is set: `requests` reads it by itself."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login mallory password wrong\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    monkeypatch.delenv("no_proxy", raising=False)
    with FaultServer(faults=[answering(b"{}")]) as server:
        assert isinstance(ask(server), Reply)
        assert server.exchanges[0].headers["authorization"] == "Bearer secret"


def test_a_refusal_must_be_our_servers_own():
    ours = Problem(status=422, code="bad", title="bad\x1b[2J")
    said = Reply(status=422, body=b'{"status":422,"code":"bad","title":"bad\\u001b[2J"}')
    assert said.problem() == ours
    assert said.said() == r"HTTP 422: bad\x1b[2J"
    for body in (b"{}", b'{"detail": "x"}', b'{"status":400,"code":"bad","title":"x"}'):
        assert Reply(status=422, body=body).problem() is None


def test_failed_requests_leave_no_thread():
    with FaultServer(faults=[fault.hang, fault.drip_body, fault.garbage, fault.captive_portal] * 3) as server:
        client = Client(server.url)
        for _ in range(12):
            assert isinstance(client.post("/v1/events", b"{}", {}, deadline_s=0.3), Failure)
        assert until(lambda: not [t for t in threading.enumerate() if t.name == "central-request"])


SLOW_LOOKUP = """
import sys
from aipolicy.central.http import Client
client = Client("https://central.example")
for _ in range(3):
    print(client.post("/", b"", {}, deadline_s=0.3).reason)
"""


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("unshare") is None,
    reason="puts a name server that never answers into a mount namespace, which needs root",
)
def test_a_name_lookup_that_hangs_is_left_behind_and_not_repeated(tmp_path):
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.77\noptions timeout:30 attempts:3\n")
    mounts = (
        f"mount --bind {tmp_path}/resolv.conf /etc/resolv.conf && exec {sys.executable} -c '{SLOW_LOOKUP}'"
    )
    package = str(Path(aipolicy.__file__).parent.parent)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.77", 53))
        ran = subprocess.run(
            ["unshare", "-m", "sh", "-c", mounts],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "PYTHONPATH": package},
        )
    if "unshare failed" in ran.stderr:
        pytest.skip(f"no namespaces here: {ran.stderr}")
    assert ran.stdout.splitlines() == [
        "no complete answer within 0.3 s",
        *["the lookup of central.example has not come back yet"] * 2,
    ], ran.stderr
