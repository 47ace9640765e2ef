"""First sights on the wire: which are believed, when two sides know the same, what a machine is called."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from aipolicy.core.first_sights import FirstSight, believable, digest, machine_name, newest

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
SIGHT = FirstSight(tool="claude-code", entry="0123456789abcdef", at=NOON)


@pytest.mark.parametrize(
    ("change", "believed"),
    [
        ({}, True),
        ({"tool": "a"}, True),
        ({"tool": ""}, False),
        ({"tool": "Claude"}, False),
        ({"tool": "claude code"}, False),
        ({"tool": "claude-code\n"}, False),
        ({"tool": "../etc"}, False),
        ({"tool": "x" * 201}, False),
        ({"entry": ""}, False),
        ({"entry": "0123456789abcde"}, False),
        ({"entry": "0123456789ABCDEF"}, False),
        ({"entry": "0123456789abcdef0"}, False),
        ({"at": NOON + timedelta(seconds=1)}, False),
        ({"at": NOON.replace(year=1999)}, False),
        ({"at": NOON.replace(year=2000)}, True),
        ({"at": NOON.replace(tzinfo=None)}, False),
    ],
    ids=str,
)
def test_only_what_can_be_a_first_sight_is_believed(change: dict[str, object], believed: bool) -> None:
    assert believable(replace(SIGHT, **change), NOON) is believed


def test_a_digest_does_not_depend_on_the_order_and_does_on_everything_else() -> None:
    other = replace(SIGHT, tool="qoder")
    assert digest([SIGHT, other]) == digest([other, SIGHT])
    changed = ({"tool": "q"}, {"entry": "f" * 16}, {"at": NOON.replace(day=2)})
    others = {digest([replace(SIGHT, **change)]) for change in changed}
    assert len({digest([SIGHT]), digest([]), *others}) == 5


def test_the_newest_are_told() -> None:
    every = [replace(SIGHT, at=NOON + timedelta(hours=hours)) for hours in range(2_100)]
    assert newest(reversed(every)) == tuple(every[100:])


def test_a_machines_name_says_nothing_of_what_it_is_made_of() -> None:
    one, other = machine_name("3d1219c7 machine"), machine_name("3d1219c7 person 1000")
    assert re.fullmatch("[0-9a-f]{64}", one)
    assert one != other
    assert "3d1219c7" not in one
    assert machine_name("") == "", "and where nothing tells it from others, it has none"
