"""Intake beside the obvious server: events per second, CPU per batch, latency, as ratios from one run.

The obvious server (peers/plain_server.py) is FastAPI with pydantic bodies and SQLite: durable as ours (WAL,
synchronous=FULL, a commit before the answer), a row per event with the same indexes, and the device's
current findings. It is spared what ours also does: unpacking gzip, keeping each batch as it came,
recognising a batch that came before, a token per device, bounds on every text.

    python benchmarks/intake.py [--rounds N] [--senders N] [--batches N]
"""

import argparse
import gzip
import http.client
import json
import multiprocessing
import os
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

EVENTS = 20
PROCESSES = 4
ROOT = Path(__file__).resolve().parent.parent
PLAIN = ROOT / "benchmarks" / "peers" / "plain_server.py"


# --- the servers as processes ------------------------------------------------------------------------------


@dataclass
class Target:
    """A running server and how to talk to it."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    token: str
    device: str
    packed: bool
    database: Path

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_mb(self) -> float:
        return (
            int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
            * os.sysconf("SC_PAGE_SIZE")
            / 1e6
        )

    def stored(self) -> int:
        import sqlite3

        with sqlite3.connect(self.database) as connection:
            return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    """Until the server answers: it listens a little before it is ready."""
    for _ in range(600):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("a server did not start")


@contextmanager
def started(name: str, folder: Path) -> Iterator[Target]:
    port = free_port()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "agent"), str(ROOT / "server")])}
    if name == "plain":
        command = [sys.executable, str(PLAIN), str(folder), str(port)]
    else:
        run = "from aipolicy_server.cli import server; server()"
        command = [sys.executable, "-c", run, "run", "--data", str(folder), "--listen", f"127.0.0.1:{port}"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        if name == "plain":
            yield Target(name, process, port, "plain", "d", False, folder / "plain.db")
        else:
            device, token = enrol(port, (folder / "enrolment-secret").read_text().strip())
            yield Target(name, process, port, token, device, True, folder / "server.db")
    finally:
        process.terminate()
        process.wait()


def enrol(port: int, secret: str) -> tuple[str, str]:
    host = {"hostname": "bench", "os": "linux", "os_version": "12", "arch": "x86_64", "agent_version": "0"}
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/v1/enrol", json.dumps({"secret": secret, "host": host}))
    reply = json.loads(connection.getresponse().read())
    return reply["device"], reply["token"]


# --- the load ----------------------------------------------------------------------------------------------


def body(device: str, spool: str, seq: int, packed: bool) -> bytes:
    now_ms = int(time.time() * 1000)
    events = []
    for n in range(EVENTS):
        tail = f"{seq & 0xFFF:03x}-8{secrets.token_hex(2)[1:]}-{secrets.token_hex(6)}"
        finding = {
            "tool": ("claude-code", "cursor", "aider", "qoder")[n % 4],
            "name": "Claude Code",
            "vendor": "anthropic",
            "category": "cli",
            "version": f"2.0.{n}",
            "state": "installed",
            "confidence": "certain",
            "because": [
                {"kind": "npm", "value": "@anthropic-ai/claude-code"},
                {"kind": "path", "value": "~/.npm"},
            ],
            "owner": {"uid": 1000 + n % 3, "name": f"user{n % 3}"},
            "path": f"~/.local/share/tools/{n}/bin/claude",
            "form": "npm global",
            "pid": None,
        }
        verdict = {
            "finding": finding,
            "ruling": "banned",
            "action": "block",
            "reason": "policy.yaml:3",
            "why": "source code may not leave the company",
            "message": "Claude Code is not allowed here. Use Qoder instead.",
            "policy": "0123456789ab",
            "catalog": "ba9876543210",
        }
        about = {"what": "outcome", "verdict": verdict, "done": "reported", "detail": ""}
        event_id = f"{now_ms >> 16:08x}-{now_ms & 0xFFFF:04x}-7{tail}"
        events.append(
            {"id": event_id, "device": device, "time": "2026-03-01T12:00:00.123456Z", "about": about}
        )
    batch = {"schema": "aipolicy.batch/1", "device": device, "spool": spool, "seq": seq, "events": events}
    text = json.dumps(batch, separators=(",", ":")).encode()
    return gzip.compress(text) if packed else text


def send(target: tuple[int, str, str, bool], batches: int, threads: int, barrier, results) -> None:  # type: ignore[no-untyped-def]  # multiprocessing's own types have no names
    """One load process: `threads` connections, each sending its share one batch after the other."""
    port, token, device, packed = target
    spool = secrets.token_hex(8)
    shares = [
        [body(device, spool, thread * batches + n + 1, packed) for n in range(batches)]
        for thread in range(threads)
    ]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    if packed:
        headers["Content-Encoding"] = "gzip"
    times: list[float] = []

    def run(share: list[bytes]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for one in share:
            began = time.perf_counter()
            while True:
                connection.request("POST", "/v1/events", one, headers)
                reply = connection.getresponse()
                answer = reply.read()
                if reply.status == 200:
                    break
                if reply.status != 503:
                    print(f"refused: {reply.status} {answer!r}", file=sys.stderr)
                    os._exit(1)
                time.sleep(0.05)
            times.append(time.perf_counter() - began)

    workers = [threading.Thread(target=run, args=(share,)) for share in shares]
    barrier.wait()
    began = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    results.put((began, time.perf_counter(), times))


@dataclass
class Round:
    """What one round measured."""

    events_per_s: float
    cpu_us_per_batch: float
    p50_ms: float
    p99_ms: float


def measure(target: Target, batches: int, senders: int) -> Round:
    before_rows = target.stored()
    barrier = multiprocessing.Barrier(PROCESSES + 1)
    results: multiprocessing.Queue[tuple[float, float, list[float]]] = multiprocessing.Queue()
    threads = max(1, senders // PROCESSES)
    how = (target.port, target.token, target.device, target.packed)
    loaders = [
        multiprocessing.Process(target=send, args=(how, batches, threads, barrier, results))
        for _ in range(PROCESSES)
    ]
    for loader in loaders:
        loader.start()
    barrier.wait()
    cpu = target.cpu_s()
    done = [results.get(timeout=600) for _ in loaders]
    cpu = target.cpu_s() - cpu
    for loader in loaders:
        loader.join()
    sent = PROCESSES * threads * batches
    stored = target.stored() - before_rows
    assert stored == sent * EVENTS, f"{target.name}: {stored} events stored of {sent * EVENTS}"
    wall = max(end for _, end, _ in done) - min(began for began, _, _ in done)
    times = sorted(t for _, _, each in done for t in each)
    return Round(
        events_per_s=sent * EVENTS / wall,
        cpu_us_per_batch=cpu / sent * 1e6,
        p50_ms=statistics.median(times) * 1000,
        p99_ms=times[int(len(times) * 0.99)] * 1000,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--senders", type=int, default=32, help="connections at once")
    parser.add_argument("--batches", type=int, default=40, help="batches per connection and round")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="aipolicy-bench-"))
    rounds: dict[str, list[Round]] = {"ours": [], "plain": []}
    try:
        for name in rounds:
            (folder / name).mkdir(mode=0o700)
        with started("ours", folder / "ours") as ours, started("plain", folder / "plain") as plain:
            for number in range(asked.rounds + 1):
                for target in (ours, plain):
                    found = measure(target, asked.batches, asked.senders)
                    if number:  # the first round warms up
                        rounds[target.name].append(found)
            memory = {target.name: target.rss_mb() for target in (ours, plain)}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    report(rounds, memory, asked)


def report(rounds: dict[str, list[Round]], memory: dict[str, float], asked: argparse.Namespace) -> None:
    def median(name: str, field: str) -> float:
        return statistics.median(getattr(one, field) for one in rounds[name])

    print(f"{asked.senders} connections, {EVENTS} events per batch, median of {asked.rounds} rounds in turn")
    print(f"{'':22}{'aipolicy':>12}{'plain':>12}{'ratio':>9}")
    for label, field in (
        ("events per second", "events_per_s"),
        ("CPU per batch, us", "cpu_us_per_batch"),
        ("latency p50, ms", "p50_ms"),
        ("latency p99, ms", "p99_ms"),
    ):
        mine, other = median("ours", field), median("plain", field)
        print(f"{label:22}{mine:12,.1f}{other:12,.1f}{mine / other:9.2f}")
    mine, other = memory["ours"], memory["plain"]
    print(f"{'memory, MB':22}{mine:12,.1f}{other:12,.1f}{mine / other:9.2f}")


if __name__ == "__main__":
    main()
