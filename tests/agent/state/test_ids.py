"""Ids sort by time, also within one millisecond."""

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from aipolicy.state.ids import Ids, uuid7


@given(st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
def test_it_is_a_uuid_of_version_7(now_ms, chance):
    made = uuid7(now_ms, chance)
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 80 == now_ms


def test_the_example_of_the_standard():
    """RFC 9562, appendix A.6."""
    moment = datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)
    chance = (0xCC3 << 62 | 0x18C4DC0C0C07398F).to_bytes(10, "big")
    assert uuid7(int(moment.timestamp() * 1000), chance) == UUID("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")


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
