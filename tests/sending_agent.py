"""An agent that only sends, as a process of its own: tells COUNT numbers, enrols, sends all.

    python sending_agent.py STATE URL COUNT [DEADLINE_S]

Numbers are told only where nothing waits: a second run sends what a killed one left. It does not wait: how
long it would have waited is in the summary that is printed at the end.
"""

import json
import sys
from pathlib import Path

from aipolicy.central.backoff import Backoff
from aipolicy.central.enrol import Enroller
from aipolicy.central.http import Client
from aipolicy.central.upload import Uploader
from aipolicy.core.wire import HostInfo
from aipolicy.state.records import Changes, Told
from fault_server import SECRET
from sightings import NOON, numbered, open_store

HOST = HostInfo(hostname="pc-1", os="linux", os_version="Debian 12", arch="x86_64", agent_version="0.1.0")
MOST_CALLS = 200


def main(state: str, url: str, count: str, deadline_s: str = "1") -> None:
    store = open_store(Path(state))
    if store.pending() == 0:
        for start in range(0, int(count), 100):
            tell = (Told(about=numbered(n), uid=1000) for n in range(start, min(start + 100, int(count))))
            assert store.commit(Changes(tell=tuple(tell)))

    def chance() -> float:
        return 0.5

    client = Client(url, deadline_s=float(deadline_s))
    enroller = Enroller(store, client, lambda: SECRET, lambda: HOST, lambda: NOON, Backoff(chance))
    uploader = Uploader(store, client, enroller, lambda: NOON, Backoff(chance))
    results = []
    while len(results) < MOST_CALLS:
        result = uploader.run_once()
        results.append(result)
        if result.wait_s is None:
            break
    print(  # noqa: T201  this is a program
        json.dumps(
            {
                "pending": store.pending(),
                "said": [r.condition for r in results],
                "details": [r.detail for r in results if r.detail],
                "waits": [r.wait_s for r in results],
                "events": sum(r.events for r in results),
            }
        )
    )
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
