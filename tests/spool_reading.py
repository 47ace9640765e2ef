"""A server that stores everything, for tests of the spool alone."""

import gzip
from typing import Any

import msgspec

from aipolicy.core.model import Event, Health
from aipolicy.core.wire import Batch
from aipolicy.state.spool import SealedBatch
from aipolicy.state.store import Store


def batch_of(sealed: SealedBatch | None) -> Batch:
    """What is in a sealed batch."""
    assert sealed is not None
    return msgspec.json.decode(gzip.decompress(sealed.body), type=Batch)


def drain(store: Store, **limits: Any) -> list[Batch]:
    """Send and acknowledge until nothing waits."""
    batches = []
    while sealed := store.next_batch(**limits):
        batches.append(batch_of(sealed))
        assert store.acknowledge(sealed.spool, sealed.seq)
    return batches


def events_of(batches: list[Batch]) -> list[Event]:
    """All events, in the order they were sent."""
    return [event for batch in batches for event in batch.events]


def numbers(batches: list[Batch]) -> list[int]:
    """What `sightings.numbered` told, in the order it was sent."""
    abouts = [event.about for event in events_of(batches)]
    return [int(a.condition.split()[-1]) for a in abouts if isinstance(a, Health) and a.part == "test"]


def losses(batches: list[Batch]) -> dict[str, int]:
    """The counts that the spool itself told, by condition."""
    counts: dict[str, int] = {}
    for event in events_of(batches):
        about = event.about
        if isinstance(about, Health) and about.part == "spool":
            counts[about.condition] = counts.get(about.condition, 0) + about.count
    return counts
