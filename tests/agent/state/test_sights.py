"""First sights: noted once, kept over restarts and full disks; where they are lost nobody is stopped."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aipolicy.core.first_sights import FirstSight
from aipolicy.state.sights import SIGHTS_FILE, Sights, read, stamp

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)


def test_the_first_one_counts_and_survives(tmp_path: Path) -> None:
    sights = Sights(tmp_path)
    sights.note("cursor", "e1", NOON.replace(microsecond=7))
    sights.note("cursor", "e1", NOON + timedelta(days=9))
    sights.note("cursor", "e2", NOON + timedelta(days=1))
    assert sights.of("cursor") == {"e1": NOON, "e2": NOON + timedelta(days=1)}
    assert sights.of("qoder") == {}
    assert Sights(tmp_path).all() == sights.all() == read(tmp_path)


def test_a_sight_of_the_future_is_replaced(tmp_path: Path) -> None:
    """The clock was ahead once: for years nobody could be stopped."""
    sights = Sights(tmp_path)
    sights.note("cursor", "e1", NOON.replace(year=2066))
    sights.note("cursor", "e1", NOON)
    assert sights.of("cursor") == {"e1": NOON}


def test_it_is_written_only_where_something_changed(tmp_path: Path) -> None:
    sights = Sights(tmp_path)
    assert stamp(tmp_path) == ()
    sights.note("cursor", "e1", NOON)
    before, changes = stamp(tmp_path), sights.changes
    sights.note("cursor", "e1", NOON + timedelta(days=1))
    sights.flush()
    assert (stamp(tmp_path), sights.changes) == (before, changes)
    sights.note("qoder", "e1", NOON)
    assert stamp(tmp_path) != before
    assert sights.changes == changes + 1


def test_a_disk_that_takes_nothing_gets_it_later(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    sights = Sights(folder)
    sights.note("cursor", "e1", NOON)
    assert sights.of("cursor") == {"e1": NOON}
    assert read(folder) == {}
    folder.mkdir()
    sights.flush()
    assert read(folder) == {"cursor": {"e1": NOON}}


def test_the_oldest_are_forgotten(tmp_path: Path) -> None:
    sights = Sights(tmp_path, most=10)
    for number in range(11):
        sights.note(f"t{number}", "e1", NOON + timedelta(hours=number))
    assert sorted(sights.all(), key=lambda name: int(name[1:])) == [f"t{n}" for n in range(2, 11)]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b'{"sights": 7}', b'{"sights": {"cursor": {"e1": "once"}}}', b"\xff" * 100],
)
def test_what_is_damaged_is_as_if_never_seen(content: bytes, tmp_path: Path) -> None:
    (tmp_path / SIGHTS_FILE).write_bytes(content)
    assert read(tmp_path) == {}
    sights = Sights(tmp_path)
    sights.note("cursor", "e1", NOON)
    assert read(tmp_path) == {"cursor": {"e1": NOON}}


def test_a_time_without_a_zone_is_none(tmp_path: Path) -> None:
    (tmp_path / SIGHTS_FILE).write_bytes(b'{"sights": {"cursor": {"e1": "2026-09-01T12:00:00"}}}')
    assert read(tmp_path) == {}


ENTRY = "0123456789abcdef"
LATER = NOON + timedelta(days=30)


def back(tool: str, at: datetime) -> FirstSight:
    return FirstSight(tool=tool, entry=ENTRY, at=at)


def test_of_what_the_server_hands_back_only_what_is_earlier_counts(tmp_path: Path) -> None:
    sights = Sights(tmp_path)
    sights.note("cursor", ENTRY, NOON)
    later, earlier = back("cursor", NOON + timedelta(hours=1)), back("cursor", NOON - timedelta(hours=1))
    assert sights.take_back([later, back("cursor", NOON)], LATER) == 0
    assert (sights.of("cursor"), sights.handed_back, sights.changes) == ({ENTRY: NOON}, 0, 1)
    assert sights.take_back([later, earlier, back("qoder", NOON)], LATER) == 2
    assert sights.all() == read(tmp_path) == {"cursor": {ENTRY: earlier.at}, "qoder": {ENTRY: NOON}}
    assert (sights.handed_back, sights.changes) == (1, 2)


def test_what_comes_back_pushes_nothing_out(tmp_path: Path) -> None:
    sights = Sights(tmp_path, most=3)
    sights.note("cursor", ENTRY, NOON)
    sights.note("qoder", ENTRY, NOON)
    assert sights.take_back([back(f"t{n}", NOON + timedelta(hours=n)) for n in range(9)], LATER) == 1
    assert set(sights.all()) == {"cursor", "qoder", "t0"}
    earlier = back("qoder", NOON - timedelta(days=1))
    assert sights.take_back([earlier], LATER) == 1, "an earlier one of what is here needs no room"
    assert sights.of("qoder") == {ENTRY: earlier.at}


def test_what_a_server_would_refuse_is_not_told(tmp_path: Path) -> None:
    sights = Sights(tmp_path)
    sights.note("cursor", "e1", NOON)
    sights.note("No Tool", ENTRY, NOON)
    sights.note("cursor", ENTRY, NOON)
    assert sights.told() == (back("cursor", NOON),)
