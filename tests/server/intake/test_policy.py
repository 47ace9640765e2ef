"""GET /v1/policy and what check-ins are told: the policy that is to be in force, and the brake."""

import hashlib

import msgspec

from aipolicy.core.published import PolicyAnswer
from aipolicy.core.publishing import BrakeRequest
from server_lab import Device, Lab, problem

FIRST = "mode: block\nbanned: [claude-code]\n"
SECOND = "banned: [qoder]\nname: größer\n"


def answer(device: Device, etag: str = "") -> PolicyAnswer:
    reply = device.policy(etag)
    assert reply.status_code == 200, reply.text
    return msgspec.json.decode(reply.content, type=PolicyAnswer)


def test_before_the_first_there_is_none(lab: Lab) -> None:
    device = lab.enrol()
    assert device.check_in().policy is None
    assert problem(device.policy()) == (404, "no-policy")


def test_a_device_is_told_of_each_and_gets_it_whole(lab: Lab) -> None:
    device = lab.enrol()
    for number, text in enumerate((FIRST, SECOND), start=1):
        lab.publish(text, expected=number - 1)
        told, got = device.check_in().policy, answer(device)
        assert told is not None
        assert (got.number, got.content, got.name) == (number, text, "policy.yaml")
        assert got.sha256 == told.sha256 == hashlib.sha256(text.encode()).hexdigest()
        assert told.number == number


def test_what_a_device_has_is_not_sent_again(lab: Lab) -> None:
    device = lab.enrol()
    lab.publish(FIRST)
    etag = device.policy().headers["etag"]
    again = device.policy(etag)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    lab.publish(SECOND, expected=1)
    assert device.policy(etag).status_code == 200


def test_a_device_that_was_withdrawn_gets_none(lab: Lab) -> None:
    from aipolicy_server.clock import to_us
    from aipolicy_server.store import devices

    device = lab.enrol()
    lab.publish(FIRST)
    lab.store.write_now(lambda c: devices.revoke(c, device.id, to_us(lab.clock())))
    assert problem(device.policy()) == (403, "revoked")


def test_every_check_in_says_whether_the_brake_is_pulled(lab: Lab) -> None:
    device = lab.enrol()
    assert device.check_in().brake is None
    lab.post("/brake", BrakeRequest(pulled=True, reason="a wrong ban"))
    told = device.check_in().brake
    assert told is not None
    assert (told.reason, told.since) == ("a wrong ban", lab.clock.now)
    lab.post("/brake", BrakeRequest(pulled=False))
    assert device.check_in().brake is None


def test_it_is_known_who_has_which(lab: Lab) -> None:
    lab.publish(FIRST)
    lab.publish(SECOND, expected=1)
    new, old, refusing, own, never = (lab.enrol(name) for name in ("new", "old", "refusing", "own", "never"))
    new.check_in(published=2, hostname="new")
    old.check_in(published=1, hostname="old")
    wrong = "policy.yaml:1:10: unknown tool 'acme'"
    refusing.check_in(published=1, refused=2, refused_why=wrong, hostname="refusing")
    own.check_in(ceiling="local brake: an audit", hostname="own")
    lab.flush()
    assert lab.get("/policies")["rollout"] == {
        "current": 1,
        "older": 1,
        "refusing": 1,
        "own": 1,
        "unknown": 1,
    }
    for standing, who in (
        ("current", "new"),
        ("older", "old"),
        ("refusing", "refusing"),
        ("own", "own"),
        ("unknown", "never"),
    ):
        assert [d["hostname"] for d in lab.get("/devices", standing=standing)["rows"]] == [who]
    assert [d["hostname"] for d in lab.get("/devices", held="true")["rows"]] == ["own"]
    row = lab.get(f"/devices/{refusing.id}")["device"]
    assert (row["published"], row["refused"]) == (1, 2)
    assert "unknown tool 'acme'" in row["refused_why"]
    assert lab.get("/overview")["held"] == 1
    assert never.id


def test_what_is_over_is_said_no_longer(lab: Lab) -> None:
    lab.publish(FIRST)
    device = lab.enrol()
    device.check_in(published=0, refused=1, refused_why="wrong", ceiling="local brake: x")
    lab.flush()
    device.check_in(published=1)
    lab.flush()
    row = lab.get(f"/devices/{device.id}")["device"]
    assert (row["published"], row["refused"], row["refused_why"], row["ceiling"]) == (1, 0, "", "")
