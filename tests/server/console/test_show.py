"""How times and text from devices are written."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aipolicy_server.console.show import ago, machine_time, moment, shown

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("back", "text"),
    [
        (timedelta(0), "just now"),
        (timedelta(seconds=45), "45 seconds ago"),
        (timedelta(seconds=61), "1 minute ago"),
        (timedelta(minutes=59, seconds=59), "59 minutes ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(hours=47), "1 day ago"),
        (timedelta(days=2000), "2,000 days ago"),
        (timedelta(minutes=-5), "5 minutes ahead"),
    ],
)
def test_ago(back: timedelta, text: str) -> None:
    assert ago(NOW - back, NOW) == text


def test_times_are_written_in_utc() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=9)))
    assert moment(there) == "2026-11-24 12:00:00"
    assert machine_time(there) == "2026-11-24T12:00:00Z"


def test_direction_and_control_characters_become_visible() -> None:
    assert shown("a\u202eb\x1b[31m\u200b") == "a\\u202eb\\x1b[31m\\u200b"


def test_long_text_keeps_both_ends_and_says_how_much_is_missing() -> None:
    text = shown("~/start/" + "x" * 10_000 + "/end", 60)
    assert text.startswith("~/start/")
    assert text.endswith("x/end")
    assert "9,952 characters left out" in text


def test_piled_up_accents_are_cut_and_real_ones_kept() -> None:
    assert shown("Z" + "\u0301" * 400) == "Z" + "\u0301" * 4 + "…"
    assert shown("Ngu\u0302\u0303 \u05e9\u05bc\u05b8\u05c1") == "Ngu\u0302\u0303 \u05e9\u05bc\u05b8\u05c1"


@given(st.text(), st.integers(min_value=3, max_value=200))
def test_anything_can_be_shown_on_one_line(text: str, limit: int) -> None:
    result = shown(text, limit)
    assert result.isprintable()
    assert len(result) <= limit + 40
    if len(text) <= limit and text.isascii() and text.isprintable():
        assert result == text
