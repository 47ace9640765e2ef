"""Where people are hidden, nothing that is told names them, and the server's findings agree with ours."""

from pathlib import Path

import msgspec

from aipolicy.core.model import Event, Gone, Outcome
from aipolicy.core.wire import finding_key, findings_digest
from aipolicy.state.changes import full_look
from aipolicy.state.records import Look
from aipolicy.state.store import Store
from sightings import open_store, running, seen


def look(store: Store, *sightings: object) -> None:
    store.change(lambda ledger: full_look(ledger, sightings, Look()))  # type: ignore[arg-type]


def told(store: Store) -> list[Event]:
    return [msgspec.json.decode(record, type=Event) for record in store.events_about(1000)]


def as_the_server_has_it(events: list[Event]) -> dict[str, Outcome]:
    """What is left when each event is followed in turn."""
    there: dict[str, Outcome] = {}
    for event in events:
        if isinstance(event.about, Outcome):
            there[finding_key(event.about.verdict.finding)] = event.about
        elif isinstance(event.about, Gone):
            gone = event.about
            there.pop("\x1f".join((gone.tool, gone.state, str(gone.owner.uid), gone.path)))
    return there


def names(store: Store) -> set[str]:
    return {o.verdict.finding.owner.name for o in as_the_server_has_it(told(store)).values()}


def test_nothing_names_a_person_and_the_findings_agree(tmp_path: Path) -> None:
    store = open_store(tmp_path / "state")
    assert store.hide_people(True)
    look(store, seen(), running(7))
    assert b"bob" not in b"".join(store.events_about(1000))
    assert len(names(store)) == 1
    assert store.standing().findings == findings_digest(as_the_server_has_it(told(store)).values())
    assert store.events_about(1001) == []


def test_a_change_is_told_as_gone_and_again(tmp_path: Path) -> None:
    store = open_store(tmp_path / "state")
    look(store, seen(), running(7))
    assert names(store) == {"bob"}
    for hide in (True, False, True):
        before = len(told(store))
        store.hide_people(hide)
        assert (names(store) == {"bob"}) is not hide
        assert store.standing().findings == findings_digest(as_the_server_has_it(told(store)).values())
        assert len(told(store)) == before + 4
        store.hide_people(hide)
        assert len(told(store)) == before + 4
    look(store, seen())
    assert len(as_the_server_has_it(told(store))) == 1


def test_a_restart_keeps_the_names(tmp_path: Path) -> None:
    store = open_store(tmp_path / "state")
    store.hide_people(True)
    look(store, seen())
    before = names(store)
    store.close()
    store = open_store(tmp_path / "state")
    events = len(told(store))
    store.hide_people(True)
    assert len(told(store)) == events
    look(store, seen(), running(7))
    assert names(store) == before
    assert (tmp_path / "state" / "pseudonym.key").stat().st_mode & 0o077 == 0


def test_without_a_disk_it_is_hidden_all_the_same(tmp_path: Path) -> None:
    """Memory alone: nothing can be read or written."""
    place = tmp_path / "state"
    place.mkdir(mode=0o700)
    (place / "spool.db").mkdir()
    store = open_store(place)
    store.hide_people(True)
    look(store, seen())
    assert b"bob" not in b"".join(store.events_about(1000))
