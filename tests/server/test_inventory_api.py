"""Given devices that reported, then one stream of what each has, and no statement per device."""

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from aipolicy.core.inventory import (
    INVENTORY_PATH,
    Arrivals,
    DeviceInventory,
    Head,
    KindOfFinding,
    Writer,
    read_head,
    read_lines,
)
from aipolicy.core.model import Action, Confidence, Ruling, State
from aipolicy_server.store import stocktaking
from server_lab import START, Lab, gone, outcome


def ask(lab: Lab, **headers: str) -> httpx.Response:
    reply: httpx.Response = lab.http.get(
        INVENTORY_PATH, headers={"authorization": f"Bearer {lab.admin_token}", **headers}
    )
    assert reply.status_code == 200, reply.text
    return reply


def read(content: bytes) -> tuple[Head, list[KindOfFinding], list[DeviceInventory]]:
    head, *rest = content.splitlines()
    values = list(read_lines(rest))
    kinds = [value for value in values if isinstance(value, KindOfFinding)]
    return read_head(head), kinds, [value for value in values if isinstance(value, DeviceInventory)]


def test_each_device_with_what_each_person_has(lab: Lab) -> None:
    one, two, _three = (lab.enrol(name) for name in ("pc-1", "pc-2", "pc-3"))
    cursor = outcome("cursor", owner="bob", uid=1001, path="~/cursor", ruling=Ruling.UNLISTED)
    one.send(outcome(), outcome(state=State.RUNNING, path="~/run"), cursor)
    two.send(outcome(), outcome("aider", path="~/aider"))
    two.send(gone(outcome("aider", path="~/aider")))
    lab.publish("mode: block\nbanned: [claude-code]\n")
    head, kinds, devices = read(ask(lab).content)
    assert head.policy is not None
    assert (head.policy.content, head.taken_at) == ("mode: block\nbanned: [claude-code]\n", START)
    assert [(device.id, device.hostname, device.os) for device in devices[:2]] == [
        (one.id, "pc-1", "linux"),
        (two.id, "pc-2", "linux"),
    ]
    has = [
        {each.owner: sorted((kinds[n].tool, kinds[n].state.value) for n in each.kinds) for each in device.has}
        for device in devices
    ]
    assert has == [
        {
            "alice": [("claude-code", "installed"), ("claude-code", "running")],
            "bob": [("cursor", "installed")],
        },
        {"alice": [("claude-code", "installed")]},
        {},
    ]
    installed = next(each for each in kinds if (each.tool, each.state) == ("claude-code", State.INSTALLED))
    assert (installed.version, installed.confidence, installed.because) == (
        "2.0.1",
        Confidence.CERTAIN,
        (("npm", "claude-code"),),
    )
    assert (installed.ruling, installed.action, installed.rule) == (
        Ruling.BANNED,
        Action.BLOCK,
        "policy.yaml:3",
    )


def test_no_path_and_no_number_of_a_person_or_process_is_in_it(lab: Lab) -> None:
    device = lab.enrol("pc-1")
    device.send(
        outcome(path="~/secret-project/bin/claude", uid=48151, state=State.RUNNING, detail="a-detail")
    )
    text = ask(lab).content
    for word in (b"secret-project", b"48151", b"4242", b"a-detail", b"source code may not leave"):
        assert word not in text


def test_revoked_devices_are_left_out(lab: Lab) -> None:
    lab = lab
    first, second, third = (lab.enrol(f"pc-{n}") for n in range(3))
    for device in (first, second, third):
        device.send(outcome())
    with lab.store.engine.begin() as connection:
        connection.execute(sa.text("UPDATE devices SET revoked = 1 WHERE id = :id"), {"id": second.id})
    _, _, devices = read(ask(lab).content)
    assert [device.id for device in devices] == [first.id, third.id]
    assert all(len(device.has) == 1 for device in devices)


def test_tags_are_those_of_the_last_check_in_and_null_where_never_told(lab: Lab) -> None:
    told, silent, none = (lab.enrol(f"pc-{n}") for n in range(3))
    told.check_in(hostname="pc-0", tags=("build-farm", "ci"))
    told.check_in(hostname="pc-0", tags=("ci",))
    none.check_in(hostname="pc-2", tags=())
    lab.flush()
    assert [device.tags for device in read(ask(lab).content)[2]] == [("ci",), None, ()]
    assert silent.id


def test_it_is_gzipped_where_asked_and_plain_where_not(sqlite_lab: Lab) -> None:
    sqlite_lab.enrol().send(outcome())
    plain = ask(sqlite_lab, **{"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    with sqlite_lab.http.stream(
        "GET",
        INVENTORY_PATH,
        headers={"authorization": f"Bearer {sqlite_lab.admin_token}", "accept-encoding": "gzip"},
    ) as reply:
        raw = b"".join(reply.iter_raw())
    assert reply.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == plain.content
    assert plain.headers["content-type"].startswith("application/x-ndjson")


def test_an_empty_fleet_is_whole(lab: Lab) -> None:
    head, kinds, devices = read(ask(lab).content)
    assert (head.policy, kinds, devices) == (None, [], [])


@pytest.mark.parametrize("devices", [1, 7, 30])
def test_the_number_of_statements_does_not_grow_with_the_devices(
    sqlite_lab: Lab, devices: int, tmp_path: Path
) -> None:
    for number in range(devices):
        sqlite_lab.enrol(f"pc-{number}").send(outcome(path=f"~/{number}"), outcome("aider", path="~/a"))
    asked: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        asked.append(statement)

    engine = sqlite_lab.store._pages
    sa.event.listen(engine, "before_cursor_execute", note)
    whole = b"".join(stocktaking.lines(sqlite_lab.store.reading, START))
    sa.event.remove(engine, "before_cursor_execute", note)
    assert len(read(whole)[2]) == devices
    assert len([one for one in asked if one.lstrip().upper().startswith("SELECT")]) == 6


ODD = st.sampled_from(
    ["x", '"owner":{', '"ruling":', '","owner":{"', "\\", '\\"ruling\\":', "…", '{"owner":{"uid":1']
)


@given(st.lists(st.tuples(ODD, ODD, ODD, ODD, ODD), min_size=1, max_size=6))
def test_a_kind_is_read_right_whatever_stands_in_the_texts(
    words: list[tuple[str, str, str, str, str]],
) -> None:
    kinds = stocktaking.Kinds(Writer())
    for tool, owner, path, message, detail in words:
        about = outcome(tool, owner=owner, path=path, message=message, detail=detail, name=tool)
        text = msgspec.json.encode(about).decode()
        number, _ = kinds.number(text)
        told = [msgspec.json.decode(line, type=KindOfFinding) for line in kinds.lines]
        assert told[number] == stocktaking.kind_of(text)[0]


def test_devices_that_come_between_two_pages_do_no_harm(lab: Lab) -> None:
    lab = lab
    for number in range(3):
        lab.enrol(f"pc-{number}").send(outcome())

    def portions() -> Iterator[bytes]:
        for place, portion in enumerate(stocktaking.lines(lab.store.reading, START + timedelta(hours=1))):
            if place == 1:
                lab.enrol("late").send(outcome("aider", path="~/late"))
            yield portion

    assert [device.hostname for device in read(b"".join(portions()))[2]] == ["pc-0", "pc-1", "pc-2", "late"]


def test_it_says_about_when_events_came(lab: Lab) -> None:
    head, _, _ = read(ask(lab).content)
    assert head.arrivals == Arrivals(events=0, days=())
    device = lab.enrol()
    device.send(*(outcome(path=f"~/{number}") for number in range(400)))
    lab.clock.advance(days=10)
    device.send(*(outcome(path=f"~/later/{number}") for number in range(400)))
    lab.clock.advance(days=1)
    head, _, _ = read(ask(lab).content)
    assert head.arrivals is not None
    today = (lab.clock.now - datetime(1970, 1, 1, tzinfo=UTC)).days
    assert head.arrivals.events == 800
    assert [head.arrivals.before(today - days) for days in (11, 10, 1, 0)] == [0, 400, 400, 800]
    device.send(*(outcome(path=f"~/much/{place}/{number}") for place in range(5) for number in range(100)))
    for number in range(3):
        device.send(*(outcome(path=f"~/more/{number}/{place}") for place in range(500)))
    head, _, _ = read(ask(lab).content)
    assert head.arrivals is not None
    assert head.arrivals.events == 2_800
    assert len(head.arrivals.days) < 1_000
    assert head.arrivals.before(today) == pytest.approx(800, rel=0.02)
