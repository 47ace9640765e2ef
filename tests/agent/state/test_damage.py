"""A damaged state is renamed aside, begun anew under a new spool id, and told; a busy one is left alone."""

import gzip
import os
import shutil
import sqlite3
from pathlib import Path

import msgspec
import pytest

from aipolicy.core.model import Event, Health, Outcome
from aipolicy.state.changes import full_look
from aipolicy.state.records import Look
from aipolicy.state.store import Store
from sightings import NOON, enrolled_store, open_store, seen, tell_numbers
from spool_reading import drain, events_of


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 + 100)


def header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"not a database at all")


def random_page(path: Path) -> None:
    with path.open("r+b") as file:
        for page in range(1, path.stat().st_size // 4096):
            file.seek(page * 4096)
            file.write(os.urandom(4096))


def schema_page(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(100)
        file.write(os.urandom(500))


def empty(path: Path) -> None:
    os.truncate(path, 0)


def newer(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


def foreign(path: Path) -> None:
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()


def table_missing(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("DROP TABLE known")
    connection.close()


def index_out_of_step(path: Path) -> None:
    """An index that misses rows: every page reads well, only the integrity check sees it."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA writable_schema = ON")
    index = connection.execute("SELECT * FROM sqlite_master WHERE name = 'event_by_uid'").fetchone()
    connection.execute("DELETE FROM sqlite_master WHERE name = 'event_by_uid'")
    connection.close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("UPDATE event SET uid = 4711")
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", index)
    connection.close()


def description_missing(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM meta")
    connection.commit()
    connection.close()


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "something").write_text("of somebody's")


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere.db"))
    path.symlink_to("elsewhere.db")


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGES = [
    truncated,
    header,
    random_page,
    schema_page,
    empty,
    newer,
    foreign,
    table_missing,
    index_out_of_step,
    description_missing,
    folder,
    link,
    fifo,
]


def filled(state: Path) -> str:
    """A state with findings and waiting events; its spool id."""
    store = enrolled_store(state)
    store.change(lambda ledger: full_look(ledger, [seen(path=f"/opt/{n}") for n in range(50)], Look()))
    tell_numbers(store, range(50))
    spool = store.next_batch().spool
    store.close()
    for companion in ("spool.db-wal", "spool.db-shm"):
        assert not (state / companion).exists()
    return spool


def told(store: Store) -> list[Event]:
    return events_of(drain(store))


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda f: f.__name__)
def test_damage_is_renamed_aside_and_told(damage, tmp_path):
    state = tmp_path / "state"
    old_spool = filled(state)
    damage(state / "spool.db")
    store = open_store(state)
    aside, condition = ("spool.newer-1", "set aside") if damage is newer else ("spool.corrupt-1", "damaged")
    assert os.path.lexists(state / aside)
    assert store.identity().token == "token-1", "it is still the same device"
    assert store.current() == {}, "all findings will be told again"
    assert store.tell(Health(part="test", condition="number 1"))
    assert store.next_batch().spool != old_spool
    abouts = [e.about for e in told(store)]
    assert (abouts[0].part, abouts[0].condition) == ("spool", condition)
    assert aside in abouts[0].detail
    assert ("a newer aipolicy wrote it" in abouts[0].detail) == (damage is newer)
    assert len(abouts) == 2
    store.close()
    store = open_store(state)
    assert not told(store), "and it is told once"


@pytest.mark.parametrize("damage", [header, truncated], ids=lambda f: f.__name__)
def test_damage_while_it_runs(damage, tmp_path):
    state = tmp_path / "state"
    store = enrolled_store(state)
    store.change(lambda ledger: full_look(ledger, [seen(path=f"/opt/{n}") for n in range(500)], Look()))
    store.close()
    store = enrolled_store(state)
    damage(state / "spool.db")
    tell_numbers(store, range(300))  # whatever of it the damage hits, nothing raises
    store.close()
    store = open_store(state)
    store.change(lambda ledger: full_look(ledger, [seen(path=f"/opt/{n}") for n in range(500)], Look()))
    findings = [e for e in told(store) if isinstance(e.about, Outcome)]
    assert len(findings) in (0, 500, 1000), "told again as a whole, or still known"


def test_a_database_deleted_while_it_runs_is_noticed(tmp_path):
    state = tmp_path / "state"
    store = enrolled_store(state)
    store.change(lambda ledger: full_look(ledger, [seen()], Look()))
    for path in state.glob("spool.db*"):
        path.unlink()
    assert store.tell(Health(part="test", condition="number 1"))
    store.close()
    events = [e.about.condition for e in told(open_store(state))]
    assert events == ["damaged", "number 1"]


def test_the_whole_folder_deleted_while_it_runs(tmp_path):
    state = tmp_path / "state"
    store = enrolled_store(state)
    tell_numbers(store, [1])
    shutil.rmtree(state)
    assert tell_numbers(store, [2]) == [False]
    assert store.undurable() > 0
    state.mkdir(mode=0o700)
    assert tell_numbers(store, [3]) == [True]
    assert [e.about.condition for e in told(store)] == ["damaged", "number 2", "number 3"]


def test_only_the_last_damaged_one_is_kept(tmp_path):
    state = tmp_path / "state"
    for number in (1, 2, 3):
        filled(state)
        header(state / "spool.db")
        open_store(state).close()
        assert [p.name for p in state.glob("spool.corrupt-*")] == [f"spool.corrupt-{number}"]


def test_a_log_of_the_damaged_one_is_not_replayed_into_the_new_one(tmp_path):
    state = tmp_path / "state"
    store = enrolled_store(state)
    tell_numbers(store, range(20))
    copy = tmp_path / "copy"
    shutil.copytree(state, copy)  # with its log, as a kill leaves it
    assert (copy / "spool.db-wal").stat().st_size > 0
    header(copy / "spool.db")
    assert [e.about.condition for e in told(open_store(copy))] == ["damaged"]


def test_a_busy_database_is_not_damaged(tmp_path):
    state = tmp_path / "state"
    store = enrolled_store(state)
    tell_numbers(store, [1])
    other = sqlite3.connect(state / "spool.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert tell_numbers(store, [2]) == [False]
    assert store.pending() == 2
    other.execute("ROLLBACK")
    other.close()
    assert tell_numbers(store, [3]) == [True]
    assert [e.about.condition for e in told(store)] == ["number 1", "number 2", "number 3"]
    assert not list(state.glob("*corrupt*"))


def test_a_database_that_is_busy_at_the_start_is_not_damaged(tmp_path):
    state = tmp_path / "state"
    filled(state)
    other = sqlite3.connect(state / "spool.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    store = open_store(state)
    assert tell_numbers(store, [1000]) == [False]
    other.execute("ROLLBACK")
    other.close()
    assert tell_numbers(store, [1001]) == [True]
    assert len(store.current()) == 50, "the ledger was read as soon as it could be"
    assert not store.change(
        lambda ledger: full_look(ledger, [seen(path=f"/opt/{n}") for n in range(50)], Look())
    )[0].tell


def test_a_damaged_event_costs_itself_only(tmp_path):
    """A flipped page inside a record passes SQLite's check; the server refuses it, and it is counted."""
    state = tmp_path / "state"
    store = enrolled_store(state)
    tell_numbers(store, range(4))
    store.close()
    connection = sqlite3.connect(state / "spool.db")
    connection.execute("UPDATE event SET record = X'00ff00' WHERE n = 2")
    connection.commit()
    connection.close()
    store = open_store(state)
    sent: list[str] = []
    for _ in range(20):
        if (sealed := store.next_batch()) is None:
            break
        try:
            body = msgspec.json.decode(gzip.decompress(sealed.body))
        except msgspec.DecodeError:
            assert store.refuse(sealed.spool, sealed.seq)
            continue
        sent += [e["about"]["condition"] for e in body["events"]]
        assert store.acknowledge(sealed.spool, sealed.seq)
    assert sent == ["number 0", "number 2", "number 3", "refused"]


def test_a_damaged_ledger_row_is_told_once_more(tmp_path):
    state = tmp_path / "state"
    filled(state)
    connection = sqlite3.connect(state / "spool.db")
    connection.execute("UPDATE known SET record = X'7b' WHERE key = (SELECT MIN(key) FROM known)")
    connection.commit()
    connection.close()
    store = open_store(state)
    changes, durable = store.change(
        lambda ledger: full_look(ledger, [seen(path=f"/opt/{n}") for n in range(50)], Look())
    )
    assert len(changes.tell) == 1
    assert durable


@pytest.mark.parametrize("content", [b"", b"{", b"null", b'{"device": 7}', b"\xff" * 100, b"x" * 100_000])
def test_a_damaged_identity_is_as_none(content, tmp_path):
    state = tmp_path / "state"
    enrolled_store(state).close()
    (state / "identity.json").write_bytes(content)
    store = open_store(state)
    assert store.identity().token is None
    assert store.tell(Health(part="test", condition="number 1"))


def test_a_clock_set_back_harms_nothing(tmp_path):
    times = iter([NOON, *(NOON.replace(year=1990) for _ in range(100))])
    store = Store.open(str(tmp_path / "state"), now=lambda: next(times))
    assert store.change(lambda ledger: full_look(ledger, [seen()], Look()))[1]
