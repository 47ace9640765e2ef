"""POST /v1/events: exactly once in effect, acknowledged after the commit, only in the sender's name."""

import gzip
from datetime import timedelta

import msgspec
import pytest
import sqlalchemy
from sqlalchemy.exc import OperationalError

from aipolicy.core import wire
from aipolicy.core.model import Done, Health, Ruling, State, Unseen
from server_lab import START, Lab, batch_body, event, gone, outcome, problem


def test_a_batch_is_stored_and_named_in_the_answer(lab: Lab) -> None:
    device = lab.enrol()
    ack = device.send(outcome(), Unseen(place="/root", reason="permission denied"))
    assert ack == wire.Ack(spool="spool-1", seq=1, stored=2)
    assert (lab.count("batches"), lab.count("events"), lab.count("findings")) == (1, 2, 1)


def test_the_same_batch_again_stores_nothing_and_is_acknowledged(lab: Lab) -> None:
    device = lab.enrol()
    batch = device.batch(outcome())
    assert [device.deliver(batch).stored for _ in range(3)] == [1, 0, 0]
    assert (lab.count("batches"), lab.count("events")) == (1, 1)


def test_the_same_batch_packed_differently_is_the_same_batch(lab: Lab) -> None:
    device = lab.enrol()
    batch = device.batch(outcome())
    device.deliver(batch)
    plain = msgspec.json.encode(batch)
    assert device.post(gzip.compress(plain, 1)).status_code == 200
    assert device.post(plain, **{"content-encoding": ""}).status_code == 200
    assert lab.count("events") == 1


def test_a_batch_number_used_for_other_content_is_refused_and_raises_an_alarm(lab: Lab) -> None:
    device = lab.enrol()
    device.deliver(device.batch(outcome(), seq=7))
    for _ in range(2):
        reply = device.post(batch_body(device.batch(outcome(tool="cursor"), seq=7)))
        assert problem(reply) == (409, "content-conflict")
    assert lab.count("events") == 1
    (alarm,) = lab.get("/overview")["alarms"]
    assert (alarm["device"], alarm["kind"], alarm["subject"], alarm["count"]) == (
        device.id,
        "content-conflict",
        "spool-1 7",
        2,
    )


def test_another_spool_starts_its_numbers_anew(lab: Lab) -> None:
    device = lab.enrol()
    device.deliver(device.batch(outcome(), seq=1))
    device.spool = "spool-2"
    assert device.deliver(device.batch(outcome(tool="cursor"), seq=1)).stored == 1


def test_the_batch_is_kept_as_it_came(lab: Lab) -> None:
    device = lab.enrol()
    body = batch_body(device.batch(outcome()))
    device.post(body)
    with lab.store.reading() as connection:
        assert bytes(connection.exec_driver_sql("SELECT body FROM batches").scalar_one()) == body


def test_an_event_that_came_in_another_batch_is_not_stored_again(lab: Lab) -> None:
    device = lab.enrol()
    first, second = event(outcome()), event(outcome(tool="cursor"))
    device.deliver(wire.Batch(device=device.id, spool="a", seq=1, events=(first,)))
    ack = device.deliver(wire.Batch(device=device.id, spool="b", seq=1, events=(first, second)))
    assert ack.stored == 1
    assert lab.count("events") == 2


def test_an_event_that_came_before_does_not_turn_the_findings_back(lab: Lab) -> None:
    device = lab.enrol()
    there = event(outcome())
    device.deliver(wire.Batch(device=device.id, spool="a", seq=1, events=(there,)))
    device.send(gone(outcome()))
    device.deliver(wire.Batch(device=device.id, spool="b", seq=1, events=(there, event(outcome(tool="x")))))
    assert [f["tool"] for f in lab.get(f"/devices/{device.id}")["findings"]] == ["x"]


def test_one_id_twice_in_a_batch_counts_once(lab: Lab) -> None:
    device = lab.enrol()
    same = event(outcome())
    ack = device.deliver(wire.Batch(device=device.id, spool="a", seq=1, events=(same, same)))
    assert ack.stored == 1
    assert lab.count("events") == 1


def test_two_devices_may_report_the_same_event_id(lab: Lab) -> None:
    same = event(outcome())
    for device in (lab.enrol(), lab.enrol()):
        ack = device.deliver(wire.Batch(device=device.id, spool="a", seq=1, events=(same,)))
        assert ack.stored == 1


def test_findings_follow_the_events_the_last_word_winning(lab: Lab) -> None:
    device = lab.enrol()
    device.send(outcome(version="1.0"), gone(outcome()), outcome(version="2.0"))
    device.send(outcome(tool="cursor", version="3"), gone(outcome(tool="cursor")))
    (finding,) = lab.get(f"/devices/{device.id}")["findings"]
    assert finding["version"] == "2.0"


def test_a_finding_keeps_when_it_was_first_seen(lab: Lab) -> None:
    device = lab.enrol()
    device.send(outcome(), at=START)
    device.send(outcome(done=Done.ENDED, version="2.1"), at=START + timedelta(hours=2))
    (finding,) = lab.get(f"/devices/{device.id}")["findings"]
    assert (finding["first_seen"], finding["changed"]) == ("2026-03-01T12:00:00Z", "2026-03-01T14:00:00Z")
    assert (finding["done"], finding["version"]) == ("ended", "2.1")


def test_findings_are_told_apart_by_tool_state_owner_and_place(lab: Lab) -> None:
    device = lab.enrol()
    device.send(
        outcome(),
        outcome(path="~/other"),
        outcome(uid=1001),
        outcome(state=State.RUNNING),
        outcome(tool="cursor"),
        outcome(ruling=Ruling.APPROVED),  # the first one again, ruled otherwise
    )
    assert len(lab.get(f"/devices/{device.id}")["findings"]) == 5


def test_gone_of_another_devices_finding_changes_nothing_there(lab: Lab) -> None:
    one, other = lab.enrol(), lab.enrol()
    one.send(outcome())
    other.send(gone(outcome()))
    assert len(lab.get(f"/devices/{one.id}")["findings"]) == 1


def test_a_batch_in_another_devices_name_is_refused_and_raises_an_alarm(lab: Lab) -> None:
    one, other = lab.enrol(), lab.enrol()
    reply = one.post(batch_body(other.batch(outcome())))
    assert problem(reply) == (403, "wrong-device")
    assert lab.count("events") == 0
    (alarm,) = lab.get(f"/devices/{one.id}")["alarms"]
    assert (alarm["kind"], alarm["subject"]) == ("wrong-device", other.id)


def test_events_are_the_credentials_whatever_device_they_name(lab: Lab) -> None:
    one, other = lab.enrol(), lab.enrol()
    forged = wire.Batch(device=one.id, spool="a", seq=1, events=(event(outcome(), device=other.id),))
    one.deliver(forged)
    assert [e["device"] for e in lab.get("/events")["rows"]] == [one.id]


def test_an_empty_batch_is_a_batch(lab: Lab) -> None:
    device = lab.enrol()
    assert device.send().stored == 0
    assert lab.count("batches") == 1


def test_the_largest_batch_allowed_is_taken(lab: Lab) -> None:
    device = lab.enrol()
    many = [outcome(path=f"~/bin/{n}") for n in range(wire.MAX_BATCH_EVENTS)]
    assert device.send(*many).stored == wire.MAX_BATCH_EVENTS
    assert lab.count("findings") == wire.MAX_BATCH_EVENTS
    assert problem(device.post(batch_body(device.batch(*many, outcome())))) == (422, "bad-batch")


def test_a_very_long_path_is_stored(lab: Lab) -> None:
    device = lab.enrol()
    device.send(outcome(path="~/" + "é" * 8000), gone(outcome(path="~/" + "ü" * 8000)))
    assert lab.count("findings") == 1


@pytest.mark.parametrize(
    "owner", ["x'); DROP TABLE events; --", "<script>alert(1)</script>", "=cmd()", "日本"]
)
def test_hostile_names_are_only_names(lab: Lab, owner: str) -> None:
    device = lab.enrol()
    device.send(outcome(owner=owner))
    (row,) = lab.get("/events", owner=owner)["rows"]
    assert row["owner"] == owner


def test_a_sign_of_life_is_noted_with_the_batch(lab: Lab) -> None:
    device = lab.enrol()
    device.send(Health(part="agent", condition="started"))
    lab.flush()
    assert lab.get(f"/devices/{device.id}")["device"]["last_seen"] == "2026-03-01T12:00:00Z"


def test_nothing_is_acknowledged_before_the_commit(lab: Lab) -> None:
    """The commit fails, as on a full disk: the batch is not acknowledged, not stored, and taken next time."""
    device = lab.enrol()
    batch = device.batch(outcome())

    def fail(_connection: object) -> None:
        raise OperationalError("COMMIT", None, OSError("no space left"))

    sqlalchemy.event.listen(lab.store.engine, "commit", fail)
    reply = device.post(batch_body(batch))
    sqlalchemy.event.remove(lab.store.engine, "commit", fail)
    assert problem(reply) == (503, "busy")
    assert int(reply.headers["retry-after"]) >= 1
    assert lab.count("events") == 0
    assert device.deliver(batch).stored == 1
