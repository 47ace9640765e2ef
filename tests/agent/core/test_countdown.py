"""The time that is left, as people are told it: never more than there is, and not much less."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aipolicy.core.countdown import left_in_words

UNITS = {"minute": 60, "minutes": 60, "hours": 3600, "days": 86400}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (7 * 86400, "in 7 days"),
        (7 * 86400 - 1, "in 6 days"),
        (2 * 86400, "in 2 days"),
        (2 * 86400 - 1, "in 47 hours"),
        (3 * 3600 + 59, "in 3 hours"),
        (2 * 3600 - 1, "in 119 minutes"),
        (20 * 60, "in 20 minutes"),
        (119, "in 1 minute"),
        (60, "in 1 minute"),
        (59, "in less than a minute"),
        (0.001, "in less than a minute"),
        (0, "now"),
        (-5, "now"),
    ],
)
def test_it_is_said_in_whole_units(seconds: float, words: str) -> None:
    assert left_in_words(timedelta(seconds=seconds)) == words


@given(st.integers(60, 400 * 86400))
def test_it_never_promises_more_than_there_is_and_hides_less_than_half(seconds: int) -> None:
    _in, number, unit = left_in_words(timedelta(seconds=seconds)).split()
    promised = int(number) * UNITS[unit]
    assert seconds / 2 < promised <= seconds
