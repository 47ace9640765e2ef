"""Whatever arrives, the intake refuses or acknowledges it: never is there a fault of its own."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aipolicy.core import wire
from aipolicy.core.first_sights import FIRST_SIGHTS_PATH, FirstSight, FirstSights
from aipolicy.core.model import Health, State, Unseen
from server_lab import START, Device, Lab, gone, outcome

BOUNDED = settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=40)
    | st.sampled_from(["\0", "installed", "outcome", "9999-12-31T23:59:59Z", "\ufeff", "\u202e", "x" * 9000])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)


moments = st.sampled_from(
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1999-12-31T23:59:59Z", "2026-02-30T00:00:00Z"]
)


@pytest.fixture
def device(lab: Lab) -> Device:
    return lab.enrol()


def answered(status: int) -> bool:
    return status in {200, 400, 403, 409, 413, 415, 422}


@BOUNDED
@given(body=st.binary(max_size=300))
def test_bytes(device: Device, body: bytes) -> None:
    for path in (wire.EVENTS_PATH, wire.CHECK_IN_PATH, FIRST_SIGHTS_PATH):
        assert answered(device.post(gzip.compress(body), path).status_code)
        assert answered(device.post(body, path).status_code)


@BOUNDED
@given(value=values)
def test_any_json(device: Device, value: Any) -> None:
    body = gzip.compress(msgspec.json.encode(value))
    for path in (wire.EVENTS_PATH, wire.CHECK_IN_PATH, FIRST_SIGHTS_PATH):
        assert answered(device.post(body, path).status_code)


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from places(inner, (*path, number))


def changed(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    if not path:
        return new
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(copy[path[0]], path[1:], new)
    return copy


@BOUNDED
@given(data=st.data())
def test_a_good_batch_with_one_value_changed(device: Device, data: st.DataObject) -> None:
    batch = device.batch(
        outcome(),
        outcome(state=State.RUNNING),
        gone(outcome()),
        Unseen(place="/x", reason="denied"),
        Health(part="agent", condition="started"),
    )
    whole = msgspec.to_builtins(batch)
    place = data.draw(st.sampled_from(sorted(places(whole), key=str)))
    body = msgspec.json.encode(changed(whole, place, data.draw(values)))
    reply = device.post(gzip.compress(body))
    assert answered(reply.status_code)
    if reply.status_code == 200:
        assert msgspec.json.decode(reply.content, type=wire.Ack).seq == batch.seq or place == ("seq",)


@BOUNDED
@given(data=st.data())
def test_good_first_sights_with_one_value_changed(device: Device, data: st.DataObject) -> None:
    sight = FirstSight(tool="claude-code", entry="0123456789abcdef", at=START)
    whole = msgspec.to_builtins(FirstSights(machine="ab" * 32, sights=(sight, sight)))
    place = data.draw(st.sampled_from(sorted(places(whole), key=str)))
    body = msgspec.json.encode(changed(whole, place, data.draw(values | moments)))
    assert answered(device.post(gzip.compress(body), FIRST_SIGHTS_PATH).status_code)


@pytest.mark.parametrize("field", ["device", "spool"])
def test_a_nul_in_what_names_a_batch(device: Device, field: str) -> None:
    batch = msgspec.structs.replace(device.batch(outcome()), **{field: "a\0b"})
    reply = device.post(gzip.compress(msgspec.json.encode(batch)))
    assert (reply.status_code, reply.json()["code"]) == (422, "bad-batch")


def test_what_was_taken_can_be_shown(lab: Lab, tmp_path: Path) -> None:
    """Whatever passes the intake must not break a page: every text at the edge of what is allowed."""
    device = lab.enrol()
    for text in (
        "\x01",
        "\ufeff",
        "\u202e",
        "\uffff",
        "\U0010ffff",
        "\\",
        '"',
        "%",
        "_",
        "a" * 200,
        "İ",
        "\x7f",
    ):
        device.send(
            outcome(tool=text, owner=text, path=text, version=text, name=text, message=text, detail=text),
            Unseen(place=text, reason=text),
            Health(part=text, condition=text, detail=text),
        )
        assert lab.get("/events", q=text)["rows"]
        assert lab.get("/events", tool=text)["rows"]
    assert len(lab.get("/tools")["rows"]) == 12
    assert lab.get(f"/devices/{device.id}")["findings"]
