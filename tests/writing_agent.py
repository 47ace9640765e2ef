"""An agent that only writes, to be killed: tells numbers, seals, delivers to a file, acknowledges.

    python writing_agent.py STATE DELIVERED

Each number is printed once the store has called it durable; each batch is in DELIVERED, as a line of JSON,
before it is acknowledged, as a server commits before it answers. It goes on from the number it finds.
"""

import gzip
import os
import sys
from pathlib import Path

from aipolicy.core.model import State
from aipolicy.state.changes import one_more
from aipolicy.state.records import Changes, Told
from sightings import enrolled_store, numbered, seen


def main(state: str, delivered: str) -> None:
    store = enrolled_store(Path(state))
    number = len(store.current())
    with open(delivered, "ab", buffering=0) as server:
        while True:
            told = Told(about=numbered(number))
            sighting = seen(path=f"/opt/{number}", state=State.INSTALLED)

            def both(ledger, told=told, sighting=sighting):
                changes = one_more(ledger, sighting)
                return Changes(tell=(*changes.tell, told), remember=changes.remember)

            _, durable = store.change(both)
            if durable:
                os.write(1, f"{number}\n".encode())
                number += 1
            if number % 7 == 0 and (sealed := store.next_batch(max_events=10)):
                server.write(gzip.decompress(sealed.body) + b"\n")
                os.fsync(server.fileno())
                store.acknowledge(sealed.spool, sealed.seq)


if __name__ == "__main__":
    main(*sys.argv[1:])
