"""What the store promises: durable before it counts, told once, sealed for good, nothing lost in silence."""

import gzip
import stat
import threading

import msgspec

from aipolicy.core.model import Event, Gone, Health, Outcome, Unseen
from aipolicy.core.wire import findings_digest
from aipolicy.state.changes import full_look, one_more
from aipolicy.state.records import Changes, Look, Told, unseen_place
from sightings import enrolled_store, numbered, open_store, running, seen
from spool_reading import batch_of, drain


def look(store, *sightings, **scope):
    return store.change(lambda ledger: full_look(ledger, sightings, Look(**scope)))[0]


def test_a_restart_tells_nothing_that_did_not_change(tmp_path):
    closed = unseen_place(Unseen(place="/srv", reason="permission denied"), {})
    store = open_store(tmp_path / "state")
    assert len(look(store, seen(), running(7), unseen=(closed,)).tell) == 3
    store.close()
    store = open_store(tmp_path / "state")
    assert look(store, seen(), running(8), unseen=(closed,)).tell == ()
    assert [type(t.about) for t in look(store, seen(), unseen=(closed,)).tell] == [Gone]
    assert store.pending() == 4


def test_a_kill_without_goodbye_tells_nothing_again_either(tmp_path):
    store = open_store(tmp_path / "state")
    look(store, seen())
    other = open_store(tmp_path / "state")  # `store` is never closed
    assert not look(other, seen()).tell


def test_files_are_for_us_alone(tmp_path):
    store = enrolled_store(tmp_path / "state")
    look(store, seen())
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "state").iterdir()}
    assert {"spool.db", "spool.db-wal", "spool.db-shm", "identity.json", "ballast"} <= set(modes)
    assert set(modes.values()) == {0o600}, modes


def test_mine_shows_the_exact_bytes_sent_and_unsent(tmp_path):
    store = enrolled_store(tmp_path / "state")
    homes = {"/home/bob": 1000, "/home/ann": 1001}
    closed = unseen_place(Unseen(place="/home/bob/x", reason="permission denied"), homes)
    look(
        store,
        seen(),
        seen(
            "codex",
            path="/home/ann/x",
            owner=msgspec.convert(
                {"uid": 1001, "name": "ann"}, type=type(seen().outcome.verdict.finding.owner)
            ),
        ),
        unseen=(closed,),
    )
    store.tell(Health(part="agent", condition="started"))
    sealed = store.next_batch()
    store.acknowledge(sealed.spool, sealed.seq)
    look(store)  # all gone, the place opened: not sent yet
    mine = store.events_about(1000)
    abouts = [msgspec.json.decode(record, type=Event).about for record in mine]
    assert [type(a) for a in abouts] == [Outcome, Unseen, Gone, Health]
    assert all(record in gzip.decompress(sealed.body) for record in mine[:2])
    assert len(store.events_about(1001)) == 2
    assert store.events_about(4711) == []
    assert store.events_about(0) == []


def test_the_memory_of_what_was_sent_is_bounded(tmp_path):
    store = enrolled_store(tmp_path / "state")
    for _ in range(3):
        store.commit(Changes(tell=tuple(Told(about=numbered(n), uid=1) for n in range(2500))))
        drain(store)
    assert len(store.events_about(1)) == 5000


def test_standing_is_of_what_was_told(tmp_path):
    store = enrolled_store(tmp_path / "state")
    look(store, seen(), running(3))
    standing = store.standing()
    assert standing.findings == findings_digest([seen().outcome, running(3).outcome])
    assert standing.pending == 2


def test_telling_everything_again_keeps_the_ledger(tmp_path):
    store = enrolled_store(tmp_path / "state")
    look(store, seen())
    drain(store)
    before = store.current()
    assert store.tell_everything_again()
    assert store.pending() == 2
    assert store.current() == before


def test_a_raw_name_that_slipped_through_is_stored_escaped(tmp_path):
    store = enrolled_store(tmp_path / "state")
    assert store.tell(Health(part="test", condition="x", detail="/opt/\udcff"))
    assert batch_of(store.next_batch()).events[0].about.detail == r"/opt/\xff"


def test_threads_share_a_store(tmp_path):
    store = enrolled_store(tmp_path / "state")

    def work(base: int) -> None:
        for n in range(50):
            sighting = seen(path=f"/opt/{base + n}")
            store.change(lambda ledger, s=sighting: one_more(ledger, s))
            if n % 10 == 0 and (sealed := store.next_batch()):
                store.acknowledge(sealed.spool, sealed.seq)

    threads = [threading.Thread(target=work, args=(1000 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    drain(store)
    assert len(store.current()) == 200
    assert len(store.events_about(1000)) == 200


def test_the_token_is_in_no_repr(tmp_path):
    store = enrolled_store(tmp_path / "state")
    assert "token-1" not in repr(store.identity())


def test_commit_of_nothing_is_nothing(tmp_path):
    store = enrolled_store(tmp_path / "state")
    assert store.commit(Changes())
    assert store.pending() == 0
