"""When to come back: jitter, bounds, and every form of Retry-After."""

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aipolicy.central.backoff import Backoff, asked_wait_s

NOW = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)


def test_waits_double_up_to_a_quarter_of_an_hour():
    backoff = Backoff(lambda: 1.0)
    waits = [backoff.failed() for _ in range(12)]
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]
    backoff.succeeded()
    assert backoff.failed() == 2


def test_jitter_is_full():
    chances = iter([0.0, 0.25, 0.999])
    backoff = Backoff(lambda: next(chances))
    assert [backoff.failed() for _ in range(3)] == [0, 1, 7.992]


def test_a_week_without_a_server_stays_in_bounds():
    backoff = Backoff(lambda: 0.5)
    waits = [backoff.failed() for _ in range(2000)]
    assert max(waits) == 450


@pytest.mark.parametrize("asked", [1.0, 30.0, 3600.0])
def test_the_servers_wish_is_never_undercut_and_never_exceeds_an_hour(asked):
    for chance in (0.0, 0.5, 0.999):
        wait = Backoff(lambda c=chance: c).failed(asked)
        assert asked <= wait <= 3600


def test_those_who_were_told_the_same_do_not_return_in_the_same_moment():
    waits = {Backoff(lambda c=n / 10: c).failed(120) for n in range(10)}
    assert len(waits) == 10


def test_a_small_wish_does_not_shorten_a_long_row_of_failures():
    backoff = Backoff(lambda: 1.0)
    for _ in range(20):
        wait = backoff.failed(1.0)
    assert wait == 900


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("120", 120),
        (" 7 ", 7),
        ("0", 1),
        ("-5", 1),
        ("-99999999999999", 1),
        ("100000000000", 3600),
        ("1" * 10_000, 3600),
        ("1e11", 1),
        ("soon", 1),
        ("", 1),
        ("12.5", 1),
        ("--5", 1),
        ("\N{ARABIC-INDIC DIGIT FIVE}", 1),
        ("Tue, 01 Sep 2026 12:02:00 GMT", 120),
        ("Tue, 01 Sep 2026 11:00:00 GMT", 1),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600),
        ("Tue, 99 Foo 2026 25:61:61 GMT", 1),
        (format_datetime(NOW.astimezone(timezone(timedelta(hours=5))) + timedelta(seconds=90)), 90),
        ("Tue, 01 Sep 2026 12:02:00", 120),
    ],
)
def test_retry_after(header, seconds):
    assert asked_wait_s(header, NOW) == seconds


@given(st.text())
def test_no_header_raises_or_leaves_the_bounds(header):
    assert 1 <= asked_wait_s(header, NOW) <= 3600
