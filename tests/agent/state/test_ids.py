"""Ids sort by time, also within one millisecond."""

from hypothesis import given
from hypothesis import strategies as st

from aipolicy.state.ids import Ids


@given(st.lists(st.integers(0, 3), min_size=2, max_size=50), st.binary(min_size=10, max_size=10))
def test_later_ones_sort_later(steps, chance):
    ids = Ids(lambda n: chance[:n])
    now_ms, made = 1_700_000_000_000, []
    for step in steps:
        now_ms += step
        made.append(ids.next(now_ms))
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_a_clock_set_back_makes_no_id_twice():
    ids = Ids(lambda n: bytes(n))
    made = [ids.next(now_ms) for now_ms in (5, 5, 5)]
    assert len(set(made)) == 3
