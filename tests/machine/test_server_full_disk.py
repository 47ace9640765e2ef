"""The server's disk full, for real: whole batches are refused, nothing is half stored, it recovers."""

import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from aipolicy.core import wire
from server_lab import batch_body, event, outcome
from server_process import ServerProcess

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="mounts a small tmpfs: needs Linux and root"
)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "none", place], check=True)
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_stores_whole_batches_or_nothing(small_disk: Path) -> None:
    with ServerProcess.start(small_disk / "data") as server:
        device = server.enrol()
        headers = {"authorization": f"Bearer {device.token}", "content-encoding": "gzip"}
        acknowledged: set[str] = set()

        def send(seq: int, events: int) -> int:
            noise = random.Random(seq).randbytes(3000).hex()  # does not compress
            batch = wire.Batch(
                device=device.device,
                spool="s",
                seq=seq,
                events=tuple(event(outcome(path=f"~/{seq}/{n}", message=noise)) for n in range(events)),
            )
            status, _, body = server.request("POST", wire.EVENTS_PATH, batch_body(batch), headers)
            if status == 200:
                assert msgspec.json.decode(body, type=wire.Ack).stored == events
                acknowledged.update(e.id for e in batch.events)
            return status

        codes = [send(seq, events=10) for seq in range(1, 60)]
        assert codes[0] == 200
        assert codes[-1] == 503
        assert set(codes) == {200, 503}
        assert server.request("GET", "/healthz")[0] == 200
        subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
        assert send(1000, events=10) == 200
        assert server.terminate() == 0
        with sqlite3.connect(small_disk / "data" / "server.db") as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            stored = {str(UUID(bytes=row[0])) for row in connection.execute("SELECT id FROM events")}
            batches = connection.execute("SELECT count(*) FROM batches").fetchone()[0]
    assert stored == acknowledged
    assert batches * 10 == len(stored)
