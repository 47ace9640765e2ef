"""The server's processes killed under load: whatever was acknowledged is stored, exactly once.

Real processes, real connections; senders repeat the identical batch until it is acknowledged, as agents do.
"""

import http.client
import random
import sqlite3
import subprocess
import threading
import time
from pathlib import Path
from uuid import UUID

import msgspec
import psycopg
import pytest

from aipolicy.core import wire
from postgres import Cluster, why_not
from server_lab import batch_body, event, outcome
from server_process import COMMAND, ServerProcess

EVENTS = 20
DEADLINE_S = 240


class Sender(threading.Thread):
    """A device that sends batches one after the other, each until it is acknowledged."""

    def __init__(self, server: ServerProcess, batches: int) -> None:
        super().__init__(daemon=True)
        self.server = server
        self.device = server.enrol()
        self.batches = batches
        self.acknowledged: list[str] = []
        self.retries = 0
        self.refusals: list[bytes] = []

    def run(self) -> None:
        until = time.monotonic() + DEADLINE_S
        for seq in range(1, self.batches + 1):
            events = tuple(event(outcome(path=f"~/{seq}/{n}")) for n in range(EVENTS))
            batch = wire.Batch(device=self.device.device, spool="s", seq=seq, events=events)
            body = batch_body(batch)
            while not self._delivered(body, seq):
                if time.monotonic() > until:
                    return
                self.retries += 1
                time.sleep(random.uniform(0.01, 0.1))
            self.acknowledged.extend(e.id for e in events)

    def _delivered(self, body: bytes, seq: int) -> bool:
        headers = {"authorization": f"Bearer {self.device.token}", "content-encoding": "gzip"}
        try:
            status, _, answer = self.server.request("POST", wire.EVENTS_PATH, body, headers)
        except (OSError, http.client.HTTPException):
            return False
        if status != 200:
            if status != 503:
                self.refusals.append(answer)
            return False
        ack = msgspec.json.decode(answer, type=wire.Ack)
        return (ack.spool, ack.seq) == ("s", seq)


def run_senders(server: ServerProcess, senders: list[Sender], kills: int, gap_s: tuple[float, float]) -> None:
    for sender in senders:
        sender.start()
    for _ in range(kills):
        time.sleep(random.uniform(*gap_s))
        server.kill()
        server.start_again()
    for sender in senders:
        sender.join(DEADLINE_S)


def check(stored: list[str], senders: list[Sender], batches: int) -> None:
    acknowledged = [one for sender in senders for one in sender.acknowledged]
    assert [r for sender in senders for r in sender.refusals] == []
    assert len(acknowledged) == len(senders) * batches * EVENTS
    assert len(stored) == len(set(stored)), "an event was stored twice"
    assert set(stored) == set(acknowledged)


def in_sqlite(data: Path) -> list[str]:
    with sqlite3.connect(data / "server.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [str(UUID(bytes=row[0])) for row in connection.execute("SELECT id FROM events")]


def test_kill_9_under_load_loses_and_doubles_nothing(tmp_path: Path) -> None:
    with ServerProcess.start(tmp_path / "data") as server:
        senders = [Sender(server, batches=40) for _ in range(8)]
        run_senders(server, senders, kills=5, gap_s=(0.05, 0.6))
        assert server.terminate() == 0
    check(in_sqlite(tmp_path / "data"), senders, batches=40)


def test_a_crash_of_postgresql_loses_and_doubles_nothing(tmp_path: Path) -> None:
    if why_not():
        pytest.skip(why_not())
    with Cluster.start() as cluster:
        url = cluster.new_database()
        migrated = subprocess.run([*COMMAND, "migrate", "--data", tmp_path / "data", "--database", url])
        assert migrated.returncode == 0
        with ServerProcess.start(tmp_path / "data", "--database", url) as server:
            senders = [Sender(server, batches=40) for _ in range(8)]
            for sender in senders:
                sender.start()
            for _ in range(3):
                time.sleep(random.uniform(0.3, 1.0))
                cluster.stop("immediate")
                cluster.start_again()
            for sender in senders:
                sender.join(DEADLINE_S)
            assert server.terminate() == 0
        with psycopg.connect(url) as connection:
            stored = [str(UUID(bytes=row[0])) for row in connection.execute("SELECT id FROM events")]
    check(stored, senders, batches=40)


def test_duplicates_from_many_at_once_are_stored_once(tmp_path: Path) -> None:
    """32 senders of the same 50 batches: each batch is new to exactly one of them."""
    with ServerProcess.start(tmp_path / "data") as server:
        device = server.enrol()
        bodies = [
            batch_body(
                wire.Batch(
                    device=device.device,
                    spool="s",
                    seq=seq,
                    events=tuple(event(outcome()) for _ in range(EVENTS)),
                )
            )
            for seq in range(1, 51)
        ]
        stored: list[int] = []

        def send_all() -> None:
            headers = {"authorization": f"Bearer {device.token}", "content-encoding": "gzip"}
            for body in random.sample(bodies, len(bodies)):
                status, _, answer = server.request("POST", wire.EVENTS_PATH, body, headers)
                assert status == 200, answer
                stored.append(msgspec.json.decode(answer, type=wire.Ack).stored)

        threads = [threading.Thread(target=send_all) for _ in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE_S)
        assert server.terminate() == 0
    assert len(stored) == 32 * 50
    assert sorted(stored)[-51:] == [0] + [EVENTS] * 50
    assert len(in_sqlite(tmp_path / "data")) == 50 * EVENTS
