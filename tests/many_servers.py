"""Several servers on one PostgreSQL behind one nginx, and devices as processes that send into them.

    with Site.open(folder, servers=3) as site:
        found = site.run(clients=32, batches=1000, events=20, kill_at=0.5)
        found.check()

Each device sends its batches one after the other, each until it is acknowledged, as agents do.
"""

import contextlib
import http.client
import multiprocessing
import random
import signal
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from aipolicy.core import wire
from aipolicy.core.model import Event
from aipolicy_server.clock import uuid7
from certificates import authority, certificate
from nginx import Nginx
from postgres import Cluster
from server_lab import batch_body, outcome
from server_process import COMMAND, ServerProcess

DEADLINE_S = 1800.0
_AGAIN = (429, 502, 503, 504)
_AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Load:
    """What one device sends."""

    port: int
    ca: str
    secret: str
    number: int
    batches: int
    events: int

    def ids(self, seq: int) -> list[str]:
        """The ids of a batch's events: the same each time they are asked for."""
        first = (self.number * self.batches + seq) * self.events
        return [uuid7(_AT, number.to_bytes(10, "big")) for number in range(first, first + self.events)]

    def body(self, device: str, seq: int) -> bytes:
        events = tuple(
            Event(id=one, device=device, time=_AT, about=outcome(path=f"~/{place}/claude"))
            for place, one in enumerate(self.ids(seq))
        )
        return batch_body(wire.Batch(device=device, spool="s", seq=seq, events=events))


@dataclass(frozen=True)
class Found:
    """What came of a run. Times in seconds, of one acknowledged batch from its first attempt on."""

    expected: set[UUID]
    stored: list[UUID]
    batches: int
    batches_stored: int
    killed: int
    retries: int
    took_s: float
    times_s: list[float]
    refused: list[str]

    def check(self) -> None:
        """Exactly what was acknowledged is there, each once, and a server was killed under it."""
        assert self.refused == []
        assert self.killed == 1
        assert self.retries > 0, "nobody met the server that was killed"
        assert len(self.stored) == len(set(self.stored)), "an event is there twice"
        assert len(self.stored) == len(self.expected)
        assert set(self.stored) == self.expected
        assert self.batches_stored == self.batches


class Site:
    """The servers, each with a folder of its own."""

    def __init__(self, database: str, servers: list[ServerProcess], nginx: Nginx) -> None:
        self.database = database
        self.servers = servers
        self.nginx = nginx

    @classmethod
    @contextlib.contextmanager
    def open(cls, folder: Path, servers: int, *, durable: bool = False) -> Iterator["Site"]:
        """durable: PostgreSQL waits for its disk, as it does where it is not told otherwise."""
        authority(folder, "company")
        certificate(folder, "site", "company", "IP:127.0.0.1")
        with contextlib.ExitStack() as stack:
            database = stack.enter_context(Cluster.start(durable=durable)).new_database()
            migrate = [*COMMAND, "migrate", "--data", str(folder / "node-0"), "--database", database]
            subprocess.run(migrate, check=True, capture_output=True)
            started = [
                stack.enter_context(
                    ServerProcess.start(folder / f"node-{number}", "--database", database, "--behind-proxy")
                )
                for number in range(servers)
            ]
            nginx = stack.enter_context(Nginx.start(folder, "site", [one.port for one in started]))
            yield cls(database, started, nginx)

    def run(self, *, clients: int, batches: int, events: int, kill_at: float) -> Found:
        """kill_at: when that part of all batches is acknowledged, one server is killed and started again."""
        secret = (self.servers[0].data / "enrolment-secret").read_text().strip()
        ca = str(self.nginx.folder / "company.pem")
        context = multiprocessing.get_context("spawn")
        acknowledged = context.Value("q", 0)
        barrier = context.Barrier(clients + 1)
        results: Any = context.Queue()
        loads = [Load(self.nginx.port, ca, secret, number, batches, events) for number in range(clients)]
        processes = [
            context.Process(target=send, args=(load, acknowledged, barrier, results)) for load in loads
        ]
        for process in processes:
            process.start()
        barrier.wait(DEADLINE_S)
        began = time.perf_counter()
        killed = self._kill_one(acknowledged, int(clients * batches * kill_at))
        said = [results.get(timeout=DEADLINE_S) for _ in processes]
        took_s = time.perf_counter() - began
        for process in processes:
            process.join(DEADLINE_S)
        stored, batches_stored = self._stored()
        return Found(
            expected={UUID(one) for load in loads for seq in range(1, batches + 1) for one in load.ids(seq)},
            stored=stored,
            batches=clients * batches,
            batches_stored=batches_stored,
            killed=killed,
            retries=sum(retries for _, retries, _ in said),
            took_s=took_s,
            times_s=sorted(one for times, _, _ in said for one in times),
            refused=[text for _, _, refused in said for text in refused],
        )

    def _kill_one(self, acknowledged: "Synchronized[int]", at: int) -> int:
        end = time.monotonic() + DEADLINE_S
        victim = self.servers[-1]

        def until(true: Callable[[], bool]) -> None:
            while not true():
                assert time.monotonic() < end, self.nginx.log.read_text()[-2000:]
                time.sleep(0.01)

        until(lambda: acknowledged.value >= at)
        victim.process.send_signal(signal.SIGSTOP)  # somebody is to meet its end
        until(lambda: _has_unread(victim.port))
        victim.kill()
        time.sleep(0.5)
        victim.start_again()
        return 1

    def _stored(self) -> tuple[list[UUID], int]:
        with psycopg.connect(self.database) as connection:
            ids = [UUID(bytes=row[0]) for row in connection.execute("SELECT id FROM events")]
            counted = connection.execute("SELECT count(*) FROM batches").fetchone()
        assert counted is not None
        return ids, int(counted[0])


def _has_unread(port: int) -> bool:
    """Whether a request lies in a connection to this port that its server has not read (proc(5), net/tcp)."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, _, queues, *_ = line.split()
        if int(local.rpartition(":")[2], 16) == port and int(queues.rpartition(":")[2], 16):
            return True
    return False


# --- one device ------------------------------------------------------------------------------------------


def send(load: Load, acknowledged: "Synchronized[int]", barrier: Any, results: Any) -> None:
    """A process of its own: enrols, makes all bodies ready, sends them, tells what came of it."""
    line = _Line(load)
    host = wire.HostInfo(
        hostname=f"pc-{load.number}", os="linux", os_version="12", arch="x86_64", agent_version="0.1.0"
    )
    asked = msgspec.json.encode(wire.EnrolRequest(secret=load.secret, host=host))
    enrolled = msgspec.json.decode(line.until_taken(wire.ENROL_PATH, asked, {}), type=wire.EnrolReply)
    bodies = [load.body(enrolled.device, seq) for seq in range(1, load.batches + 1)]
    headers = {"authorization": f"Bearer {enrolled.token}", "content-encoding": "gzip"}
    line.retries = 0
    times: list[float] = []
    barrier.wait(DEADLINE_S)
    for seq, body in enumerate(bodies, 1):
        began = time.perf_counter()
        ack = msgspec.json.decode(line.until_taken(wire.EVENTS_PATH, body, headers), type=wire.Ack)
        times.append(time.perf_counter() - began)
        if (ack.spool, ack.seq) != ("s", seq):
            line.refused.append(f"batch {seq} was answered with {ack}")
        with acknowledged.get_lock():
            acknowledged.value += 1
    results.put((times, line.retries, line.refused))


class _Line:
    """One connection at a time, a new one after each failure."""

    def __init__(self, load: Load) -> None:
        self._port = load.port
        self._context = ssl.create_default_context(cafile=load.ca)
        self._connection: http.client.HTTPSConnection | None = None
        self.retries = 0
        self.refused: list[str] = []

    def until_taken(self, path: str, body: bytes, headers: dict[str, str]) -> bytes:
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            answer = self._once(path, body, headers)
            if answer is not None:
                return answer
            self.retries += 1
            time.sleep(random.uniform(0.02, 0.2))
        raise AssertionError(f"{path}: not taken in {DEADLINE_S:.0f} s: {self.refused[-3:]}")

    def _once(self, path: str, body: bytes, headers: dict[str, str]) -> bytes | None:
        if self._connection is None:
            self._connection = http.client.HTTPSConnection(
                "127.0.0.1", self._port, context=self._context, timeout=120
            )
        try:
            self._connection.request("POST", path, body, headers)
            reply = self._connection.getresponse()
            answer = reply.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._connection = None
            return None
        if reply.status == 200:
            return answer
        if reply.status not in _AGAIN:
            self.refused.append(f"{reply.status} {answer[:300]!r}")
        return None
