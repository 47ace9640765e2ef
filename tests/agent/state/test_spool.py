"""Batches: sealed for good, numbered without gaps, given up only one by one, dropped only by the bound."""

import gzip
from datetime import timedelta

import msgspec
import pytest

from aipolicy.core.model import Health
from aipolicy.core.wire import MAX_BODY_BYTES
from aipolicy.state.changes import full_look
from aipolicy.state.identity import Identity
from aipolicy.state.records import Changes, Look, Told
from aipolicy.state.store import Store
from sightings import NOON, enrolled_store, numbered, open_store, seen, tell_numbers
from spool_reading import batch_of, drain, losses, numbers


def test_nothing_is_sealed_before_a_server_knows_us(tmp_path):
    store = open_store(tmp_path / "state")
    tell_numbers(store, [1])
    assert store.next_batch() is None
    store.save_identity(Identity(device="device-7", token="t"))
    batch = batch_of(store.next_batch())
    assert batch.device == "device-7"
    assert [e.device for e in batch.events] == ["device-7"], "what waited is sent under the new id"


def test_nothing_is_sealed_before_the_identity_is_on_disk(tmp_path):
    """After a crash we would be another device, and the server would keep the events of both."""
    store = open_store(tmp_path / "state")
    tell_numbers(store, [1])
    (tmp_path / "state" / ".identity.json.new").mkdir()  # the file cannot be written
    assert not store.save_identity(Identity(device="device-7", token="t"))
    assert store.next_batch() is None
    (tmp_path / "state" / ".identity.json.new").rmdir()
    assert batch_of(store.next_batch()).device == "device-7", "as soon as it is"


def test_a_sealed_batch_never_changes(tmp_path):
    store = enrolled_store(tmp_path / "state")
    tell_numbers(store, range(3))
    first = store.next_batch()
    tell_numbers(store, range(3, 6))
    assert store.next_batch() == first
    store.close()
    assert enrolled_store(tmp_path / "state").next_batch() == first


def test_the_same_events_make_the_same_bytes(tmp_path):
    def entropy(n: int) -> bytes:
        return bytes(n)

    bodies = set()
    for name in ("a", "b"):
        store = enrolled_store(tmp_path / name, entropy=entropy)
        tell_numbers(store, range(50))
        bodies.add(store.next_batch().body)
    (body,) = bodies
    assert body[4:8] == bytes(4), "gzip's header holds no time"


def test_batches_are_numbered_from_1_without_gaps_and_bounded(tmp_path):
    store = enrolled_store(tmp_path / "state")
    tell = tuple(Told(about=numbered(n)) for n in range(1234))
    assert store.commit(Changes(tell=tell))
    batches = drain(store)
    assert [b.seq for b in batches] == [1, 2, 3]
    assert [len(b.events) for b in batches] == [500, 500, 234]
    assert len({b.spool for b in batches}) == 1
    assert numbers(batches) == list(range(1234))


def test_a_batch_is_never_larger_than_the_server_takes(tmp_path):
    store = enrolled_store(tmp_path / "state")
    long = "x" * 30_000
    store.commit(
        Changes(
            tell=tuple(
                Told(about=Health(part="test", condition=f"number {n}", detail=long)) for n in range(100)
            )
        )
    )
    sizes = []
    while sealed := store.next_batch():
        sizes.append(len(gzip.decompress(sealed.body)))
        store.acknowledge(sealed.spool, sealed.seq)
    assert max(sizes) <= MAX_BODY_BYTES
    assert len(sizes) == 4


def test_only_the_batch_that_is_out_can_be_acknowledged(tmp_path):
    store = enrolled_store(tmp_path / "state")
    tell_numbers(store, [1])
    sealed = store.next_batch()
    assert not store.acknowledge(sealed.spool, sealed.seq + 1)
    assert not store.acknowledge("another", sealed.seq)
    assert store.pending() == 1
    assert store.acknowledge(sealed.spool, sealed.seq)
    assert not store.acknowledge(sealed.spool, sealed.seq), "a second answer to it changes nothing"
    assert store.pending() == 0


def test_one_bad_event_is_found_given_up_and_counted(tmp_path):
    store = enrolled_store(tmp_path / "state")
    tell_numbers(store, range(100))
    batches, attempts = [], 0
    while sealed := store.next_batch():
        attempts += 1
        assert attempts < 25
        batch = batch_of(sealed)
        if any(e.about.condition == "number 37" for e in batch.events):
            assert store.refuse(sealed.spool, sealed.seq)
        else:
            batches.append(batch)
            assert store.acknowledge(sealed.spool, sealed.seq)
    assert numbers(batches) == [n for n in range(100) if n != 37]
    assert losses(batches) == {"refused": 1}
    by_spool: dict[str, list[int]] = {}
    for batch in batches:
        by_spool.setdefault(batch.spool, []).append(batch.seq)
    assert all(seqs == list(range(1, len(seqs) + 1)) for seqs in by_spool.values()), "no number is missing"


def test_a_server_that_refuses_all_ends_in_one_count_and_not_in_a_circle(tmp_path):
    store = enrolled_store(tmp_path / "state")
    tell_numbers(store, range(10))
    attempts = 0
    while sealed := store.next_batch():
        attempts += 1
        assert attempts < 60
        assert store.refuse(sealed.spool, sealed.seq)
    assert store.pending() == 0


def test_a_new_spool_keeps_events_and_order(tmp_path):
    store = enrolled_store(tmp_path / "state")
    tell_numbers(store, range(5))
    before = store.next_batch()
    assert store.renew_spool()
    after = store.next_batch()
    assert (after.seq, after.spool != before.spool) == (1, True)
    assert batch_of(after).events == batch_of(before).events


def test_a_new_identity_takes_the_unacknowledged_with_it(tmp_path):
    store = enrolled_store(tmp_path / "state")
    tell_numbers(store, range(4))
    old = store.next_batch()
    store.save_identity(Identity(device="device-2", token="t2"))
    new = store.next_batch()
    assert batch_of(new).device == "device-2"
    assert {e.device for e in batch_of(new).events} == {"device-2"}
    assert [e.id for e in batch_of(new).events] == [e.id for e in batch_of(old).events]
    assert new.spool != old.spool


def test_a_kill_between_identity_and_spool_is_made_good(tmp_path):
    store = enrolled_store(tmp_path / "state")
    tell_numbers(store, range(4))
    store.close()
    identity = msgspec.json.encode(Identity(device="device-2", token="t2"))
    (tmp_path / "state" / "identity.json").write_bytes(identity)
    assert batch_of(open_store(tmp_path / "state").next_batch()).device == "device-2"


def test_above_its_bound_the_oldest_go_and_are_counted(tmp_path):
    store = enrolled_store(tmp_path / "state", most_bytes=20_000)
    tell_numbers(store, range(500))
    assert len(list((tmp_path / "state").glob("*"))) < 10
    batches = drain(store)
    sent = numbers(batches)
    assert sent == list(range(500 - len(sent), 500)), "the newest are there, whole and in order"
    notes = [e.about for b in batches for e in b.events if e.about.part == "spool"]
    assert [n.condition for n in notes] == ["overflow"], "a week of losses is one record"
    assert len(sent) + notes[0].count == 500


def test_an_overflow_never_takes_the_batch_that_is_out(tmp_path):
    store = enrolled_store(tmp_path / "state", most_bytes=20_000)
    tell_numbers(store, range(20))
    out = store.next_batch(max_events=5)
    tell_numbers(store, range(20, 500))
    assert store.next_batch() == out
    batches = drain(store)
    assert numbers(batches)[:5] == list(range(5))
    assert len(numbers(batches)) + losses(batches)["overflow"] == 500


def test_a_record_too_large_for_the_wire_is_counted_instead(tmp_path):
    store = enrolled_store(tmp_path / "state")
    assert store.tell(Health(part="test", condition="x", detail="x" * 100_000))
    about = batch_of(store.next_batch()).events[0].about
    assert (about.condition, about.count) == ("oversized", 1)


def test_of_what_is_old_only_what_the_server_has_goes(tmp_path):
    now = [NOON]
    store = Store.open(str(tmp_path / "state"), now=lambda: now[0])
    store.save_identity(Identity(device="d", token="t"))
    tell_numbers(store, [1, 2])
    sent = store.next_batch()
    assert store.acknowledge(sent.spool, sent.seq)
    now[0] += timedelta(days=30)
    tell_numbers(store, [3])
    sent = store.next_batch()
    assert store.acknowledge(sent.spool, sent.seq)
    tell_numbers(store, [4])
    store.next_batch()
    tell_numbers(store, [5])
    assert store.forget_before(NOON) == 0
    assert store.forget_before(NOON + timedelta(seconds=1)) == 2
    assert [about.condition for about in store.health_told()] == ["number 3", "number 4", "number 5"]
    assert store.forget_before(NOON + timedelta(days=99)) == 1
    assert store.pending() == 2, "what waits or is out stays, however old"
    store.close()


@pytest.mark.parametrize("hide", [False, True], ids=["by name", "by pseudonym"])
def test_the_last_event_of_what_is_here_stays_however_old(hide, tmp_path):
    now = [NOON]
    store = Store.open(str(tmp_path / "state"), now=lambda: now[0])
    store.save_identity(Identity(device="d", token="t"))
    store.hide_people(hide)
    here, gone = seen(), seen("qoder")
    store.change(lambda ledger: full_look(ledger, [here, gone], Look()))
    now[0] += timedelta(days=1)
    store.change(lambda ledger: full_look(ledger, [seen(version="9.9.9")], Look()))
    drain(store)
    uid = here.outcome.verdict.finding.owner.uid
    assert len(store.events_about(uid)) == 4
    store.forget_before(NOON + timedelta(days=99))
    (left,) = store.events_about(uid)
    assert b'"9.9.9"' in left
    store.close()
