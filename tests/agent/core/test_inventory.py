"""Given a fleet, then an inventory that says so, whole or not at all, and no more than a plan needs."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aipolicy.core.inventory import (
    DeviceInventory,
    Head,
    InventoryError,
    KindOfFinding,
    read_head,
    read_lines,
    without_names,
)
from fleets import NOW, fleet, had, kind, lines

CLAUDE, CURSOR = kind(), kind("cursor")


def test_what_goes_in_comes_out_and_a_kind_is_told_once() -> None:
    found = fleet(
        [had("alice", CLAUDE), had("bob", CURSOR, 20_700), had("alice", CLAUDE)], [], [had("bob", CLAUDE)]
    )
    assert [value for value in found if isinstance(value, KindOfFinding)] == [CLAUDE, CURSOR]
    one, two, three = [value for value in found if isinstance(value, DeviceInventory)]
    assert [(has.owner, has.kinds, has.blocks) for has in one.has] == [
        ("alice", (0, 0), ()),
        ("bob", (1,), (20_700,)),
    ]
    assert (two.id, two.hostname, two.os, two.has) == ("id-2", "pc-2", "linux", ())
    assert three.has[0].kinds == (0,)


def test_the_head_names_the_policy_in_force() -> None:
    head = read_head(next(lines([], policy="banned: []\n")))
    assert head.policy is not None
    assert (head.policy.number, head.policy.content, head.taken_at) == (7, "banned: []\n", NOW)


WHOLE = list(lines([[had("alice", CLAUDE)], [had("bob", CURSOR)]]))


@given(st.integers(1, len(WHOLE) - 1))
def test_one_that_broke_off_is_no_inventory(at: int) -> None:
    with pytest.raises(InventoryError, match="broke off"):
        list(read_lines(WHOLE[1:at]))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'["device","id","pc","linux",[],[["a",[0],[]]]]', "a kind that was not told before"),
        (b'["device","id","pc","linux",[],[["a",[-1],[]]]]', "a kind that was not told before"),
        (b'["end",5,5]', "devices are missing"),
        (b'["other",5]', "line 2 is no line"),
        (b"{", "line 2 is no line"),
        (b"\xff\xfe", "line 2 is no line"),
    ],
)
def test_a_line_that_can_not_be_is_named(line: bytes, why: str) -> None:
    with pytest.raises(InventoryError, match=why):
        list(read_lines([line]))


def test_days_must_be_of_the_findings() -> None:
    bad = b'["device","id","pc","linux",[],[["a",[0],[1,2]]]]'
    with pytest.raises(InventoryError, match="days of other findings"):
        list(read_lines([WHOLE[1], bad]))


@given(st.binary(max_size=40))
def test_whatever_stands_there_is_refused_in_words(text: bytes) -> None:
    for read in (read_head, lambda line: list(read_lines([line]))):
        with pytest.raises(InventoryError):
            read(text)


def test_another_schema_is_refused() -> None:
    head = msgspec.json.encode(Head(schema="aipolicy.inventory/2", taken_at=NOW))
    with pytest.raises(InventoryError, match=r"reads aipolicy\.inventory/1"):
        read_head(head)


def test_without_names_nobody_is_named_and_the_rest_is_the_same() -> None:
    devices = ([had("alice", CLAUDE), had("bob", CURSOR)], [had("alice", CURSOR, 9)])
    text = b"".join(without_names(fleet(*devices)))
    assert not any(name in text for name in (b"alice", b"bob", b"pc-1"))
    plain = [value for value in read_lines(text.splitlines()) if isinstance(value, DeviceInventory)]
    assert [[(has.owner, has.kinds, has.blocks) for has in one.has] for one in plain] == [
        [("person-1", (0,), ()), ("person-2", (1,), ())],
        [("person-1", (1,), (9,))],
    ]


def test_the_records_have_no_field_for_a_place_or_a_number_of_a_person() -> None:
    fields = {field for record in (KindOfFinding, DeviceInventory) for field in record.__struct_fields__}
    assert not fields & {"path", "pid", "uid", "detail", "form", "first_seen", "last_seen"}
