"""Every fault of the server against an agent in a process of its own: events in = events out, each once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import aipolicy
import faults as fault
import sending_agent
from aipolicy.core.model import Health
from fault_server import FaultServer

COUNT = 1200
"""Three batches."""


def environment() -> dict[str, str]:
    folders = [Path(aipolicy.__file__).parent.parent, Path(sending_agent.__file__).parent]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders)), "no_proxy": "*"}


def started(state: Path, url: str, count: int = COUNT, deadline_s: float = 1) -> "subprocess.Popen[bytes]":
    command = [sys.executable, sending_agent.__file__, str(state), url, str(count), str(deadline_s)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())


def run(state: Path, url: str, count: int = COUNT, deadline_s: float = 1) -> dict:
    agent = started(state, url, count, deadline_s)
    out, err = agent.communicate(timeout=120)
    assert agent.returncode == 0, err.decode()
    return json.loads(out)


def numbers(server: FaultServer) -> list[int]:
    abouts = [event.about for event in server.events]
    return [int(a.condition.split()[-1]) for a in abouts if isinstance(a, Health) and a.part == "test"]


def assert_exact(server: FaultServer, count: int = COUNT) -> None:
    """All events once, in order; numbers from 1 without a gap; every attempt at a number the same bytes."""
    assert numbers(server) == list(range(count))
    assert server.conflicts == 0
    by_spool: dict[str, list[int]] = {}
    for _, spool, seq in server.stored:
        by_spool.setdefault(spool, []).append(seq)
    assert all(seqs == list(range(1, len(seqs) + 1)) for seqs in by_spool.values())
    attempts: dict[tuple[str, int], set[bytes]] = {}
    for exchange in server.exchanges:
        if exchange.path == server.on:
            batch = server.batch(exchange)
            attempts.setdefault((batch.spool, batch.seq), set()).add(exchange.body)
    assert all(len(bodies) == 1 for bodies in attempts.values()), "the same bytes at every attempt"


FAULTS: dict[str, list[fault.Fault]] = {
    "500, 503, 404": [fault.status(500), fault.proxy_page(503, "Retry-After: 120"), fault.status(404)],
    "429 with every Retry-After": [
        fault.status(429, f"Retry-After: {value}")
        for value in ("1", "-5", "100000000000", "1e11", "soon", "Tue, 01 Sep 2026 12:00:30 GMT")
    ],
    "captive portal": [fault.captive_portal] * 2,
    "redirect": [fault.redirect] * 2,
    "dripping body": [fault.drip_body],
    "dripping headers": [fault.drip_headers],
    "endless body": [fault.endless_body],
    "endless headers": [fault.endless_headers],
    "100 Continue for ever": [fault.continue_for_ever],
    "gzip bomb": [fault.gzip_bomb] * 2,
    "compressed ack": [fault.compressed_ack],
    "long ack": [fault.long_ack],
    "ack of another batch": [fault.wrong_seq] * 2,
    "ack cut in the middle": [fault.cut_ack] * 2,
    "headers cut": [fault.cut_headers] * 2,
    "closed before the reply": [fault.close_at_once] * 2,
    "stored, then closed": [fault.store_and_close] * 2,
    "accepted, then silence": [fault.hang],
    "garbage": [fault.garbage] * 2,
    "JSON that is no ack": [
        fault.other_json(body) for body in (b"{}", b"null", b"[]", b"[" * 30_000 + b"]" * 30_000)
    ],
    "401": [fault.status(401)] * 2,
    "403": [fault.status(403)] * 2,
    "409": [fault.status(409)] * 2,
    "400": [fault.status(400)] * 2,
    "413": [fault.status(413)] * 2,
    "422": [fault.status(422)] * 2,
    "a proxy's 401, 400, 413, 422": [fault.proxy_page(code) for code in (401, 400, 413, 422)],
}


@pytest.mark.parametrize("name", FAULTS)
def test_events_in_are_events_out(name, tmp_path):
    with FaultServer(faults=FAULTS[name]) as server:
        said = run(tmp_path / "state", server.url)
        assert said["pending"] == 0
        assert_exact(server)
        if "compressed" not in name and "stored" not in name and "ack" not in name:
            assert said["events"] == COUNT
        assert any(condition != "ok" for condition in said["said"]), "the fault was noticed"
        assert all(w is None or w <= 3600 for w in said["waits"])


@pytest.mark.parametrize("name", ["captive portal", "closed before the reply", "JSON that is no ack", "401"])
def test_faults_at_enrolment(name, tmp_path):
    """None of them hangs, so there is time: an answer that came too late would be one more device."""
    with FaultServer(faults=FAULTS[name], on="/v1/enrol") as server:
        said = run(tmp_path / "state", server.url, deadline_s=60)
        assert said["pending"] == 0
        assert numbers(server) == list(range(COUNT))
        assert len(server.tokens) == 1


def test_a_server_that_is_down_and_comes_back(tmp_path):
    server = FaultServer()
    server.start()
    server.stop()
    assert run(tmp_path / "state", server.url)["pending"] == COUNT
    server.start()
    try:
        assert run(tmp_path / "state", server.url)["pending"] == 0
        assert_exact(server)
    finally:
        server.stop()


def test_one_poisoned_event_among_many(tmp_path):
    def is_bad(event):
        return event.about.condition == "number 777"

    with FaultServer(refuse_events=is_bad) as server:
        said = run(tmp_path / "state", server.url)
        assert said["pending"] == 0
        assert numbers(server) == [n for n in range(COUNT) if n != 777]
        notes = [e.about for e in server.events if e.about.part == "spool"]
        assert [(n.condition, n.count) for n in notes] == [("refused", 1)]


def test_a_server_that_takes_small_batches_only(tmp_path):
    with FaultServer(most_events=60) as server:
        assert run(tmp_path / "state", server.url)["pending"] == 0
        assert numbers(server) == list(range(COUNT))
        assert not [e for e in server.events if e.about.part == "spool"]


def test_a_proxy_that_lets_small_bodies_pass_only(tmp_path):
    with FaultServer(proxy_bytes=3000) as server:
        assert run(tmp_path / "state", server.url)["pending"] == 0
        assert numbers(server) == list(range(COUNT))
        assert not [e for e in server.events if e.about.part == "spool"]


def test_a_server_that_refuses_all_is_not_flooded(tmp_path):
    with FaultServer(refuse_events=lambda _event: True) as server:
        said = run(tmp_path / "state", server.url, count=300)
        assert sum(1 for w in said["waits"] if w == 0) <= 21
        assert max(w for w in said["waits"] if w is not None) > 60, "and it slows down"


def test_a_token_that_was_revoked_in_between(tmp_path):
    with FaultServer() as server:
        first = started(tmp_path / "state", server.url, count=10)
        assert first.wait(60) == 0
        server.revoke_all()
        said = run(tmp_path / "state", server.url, count=10)
        assert said["pending"] == 0
        assert len(server.events) == 20
        assert "refused" in said["said"]


@pytest.mark.parametrize("at", ["answer held back", "answer lost"])
def test_killed_between_sending_and_the_answer(at, tmp_path):
    """The server has the batch, the agent doesn't know: the next run sends the identical bytes."""
    with FaultServer(faults=[fault.gate]) as server:
        agent = started(tmp_path / "state", server.url)
        assert server.seen.wait(60)
        agent.kill()
        agent.communicate()
        if at == "answer lost":
            server.stop()
            server.start()
        assert run(tmp_path / "state", server.url)["pending"] == 0
        assert_exact(server)
        bodies = [e.body for e in server.exchanges if e.path == server.on]
        assert bodies[0] == bodies[1]


def test_killed_again_and_again_while_sending(tmp_path):
    with FaultServer() as server:
        for pause in range(8):
            agent = started(tmp_path / "state", server.url)
            seen = len(server.exchanges)
            # At a request further on each time: enrolment, first batch, second batch ...
            while len(server.exchanges) <= seen + pause % 4 and agent.poll() is None:
                pass
            agent.kill()
            agent.communicate()
        # A run that was killed before it told anything tells it; one that had sent all tells it again.
        run(tmp_path / "state", server.url)
        sent = numbers(server)
        assert len(sent) % COUNT == 0
        assert sent == list(range(COUNT)) * (len(sent) // COUNT)
        assert server.conflicts == 0
