"""Three servers on one PostgreSQL behind nginx with TLS, one killed in the middle: the exact count.

Each client is a process with a credential of its own that sends its batches one after the other, each until
it is acknowledged. PostgreSQL, nginx, servers and clients share this machine. Fails unless exactly what was
acknowledged is stored, each event once.

    python benchmarks/many_servers.py [--servers N] [--clients N] [--batches N] [--events N]
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from many_servers import Site


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", type=int, default=3)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--batches", type=int, default=1000, help="of each client")
    parser.add_argument("--events", type=int, default=20, help="in each batch")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="aipolicy-bench-") as folder,
        Site.open(Path(folder), asked.servers, durable=True) as site,
    ):
        found = site.run(clients=asked.clients, batches=asked.batches, events=asked.events, kill_at=0.5)
    found.check()
    p99 = found.times_s[int(len(found.times_s) * 0.99)]
    print(f"{asked.clients} clients, {asked.batches} batches each, {asked.events} events per batch,", end=" ")
    print(f"{asked.servers} servers, one killed and started again")
    print(f"events stored        {len(found.stored):>12,}  of {len(found.expected):,} sent, none twice")
    print(f"events per second    {len(found.stored) / found.took_s:>12,.0f}")
    print(f"latency p50, ms      {statistics.median(found.times_s) * 1000:>12,.1f}")
    print(f"latency p99, ms      {p99 * 1000:>12,.1f}")
    print(f"longest, ms          {found.times_s[-1] * 1000:>12,.1f}")
    print(f"batches sent again   {found.retries:>12,}  of {found.batches:,}")


if __name__ == "__main__":
    main()
