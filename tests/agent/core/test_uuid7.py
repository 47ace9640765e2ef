"""Ids of version 7: the time in front, chance behind it."""

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from aipolicy.core.uuid7 import CHANCE_BITS, uuid7


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**80 - 1))
def test_it_is_a_uuid_of_version_7(now_ms: int, chance: int) -> None:
    made = UUID(uuid7(now_ms, chance))
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 80 == now_ms
    assert (made.int >> 64 & 0xFFF) << 62 | made.int & (1 << 62) - 1 == chance & (1 << CHANCE_BITS) - 1


def test_the_example_of_the_standard() -> None:
    """RFC 9562, appendix A.6."""
    moment = datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)
    chance = 0xCC3 << 62 | 0x18C4DC0C0C07398F
    assert uuid7(int(moment.timestamp() * 1000), chance) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
