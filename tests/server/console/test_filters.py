"""Reading a query string into a filter, and writing it back."""

from datetime import UTC, datetime
from urllib.parse import parse_qsl

from hypothesis import given
from hypothesis import strategies as st

from aipolicy_server.console.filters import EVENT_FIELDS, read_devices, read_events


def test_a_day_is_all_of_it() -> None:
    _, which = read_events({"from": "2026-11-24", "to": "2026-11-24"})
    assert which.since == datetime(2026, 11, 24, tzinfo=UTC)
    assert which.until == datetime(2026, 11, 25, tzinfo=UTC)


def test_a_moment_is_taken_exactly_and_brought_to_utc() -> None:
    _, which = read_events({"from": "2026-11-24T10:00:00+02:00", "to": "2026-11-24T09:00"})
    assert which.since == datetime(2026, 11, 24, 8, tzinfo=UTC)
    assert which.until == datetime(2026, 11, 24, 9, tzinfo=UTC)


def test_the_last_day_there_is_can_not_be_passed() -> None:
    asked, _ = read_events({"to": "9999-12-31"})
    assert "to" in asked.problems


def test_several_problems_are_all_told() -> None:
    asked, _ = read_events({"from": "x", "ruling": "red", "q": "a\0"})
    assert set(asked.problems) == {"from", "ruling", "q"}


def test_spaces_around_a_value_do_not_count() -> None:
    asked, which = read_events({"owner": "  mara\n"})
    assert not asked.problems
    assert which.owner == "mara"


def test_the_query_leaves_out_what_is_empty_and_changes_what_is_asked() -> None:
    asked, _ = read_events({"tool": "a&b", "owner": "", "after": "x"})
    assert asked.query() == "?tool=a%26b"
    assert asked.query(after="y=") == "?tool=a%26b&after=y%3D"
    assert read_events({})[0].query() == ""


def test_device_ticks() -> None:
    _, which = read_devices({"silent": "1", "q": "x", "unknown": "y"})
    assert (which.silent, which.banned, which.text) == (True, False, "x")


@given(st.dictionaries(st.sampled_from([*EVENT_FIELDS, "after", "other"]), st.text(max_size=250)))
def test_any_query_is_read_and_a_usable_one_survives_the_round_trip(query: dict[str, str]) -> None:
    asked, which = read_events(query)
    if not asked.problems:
        again, same = read_events(dict(parse_qsl(asked.query().removeprefix("?"))))
        assert not again.problems
        assert same == which
