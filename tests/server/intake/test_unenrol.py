"""A device takes its leave: refused from there on, shown as left, not counted any more."""

from aipolicy.core import wire
from server_lab import Lab, outcome, problem


def leave(lab: Lab, token: str) -> int:
    reply = lab.http.post(wire.UNENROL_PATH, headers={"authorization": f"Bearer {token}"})
    return int(reply.status_code)


def test_it_is_refused_from_there_on_and_shown_as_left(lab: Lab) -> None:
    device, other = lab.enrol("pc-1"), lab.enrol("pc-2")
    for one in (device, other):
        one.send(outcome())
    assert leave(lab, device.token) == 200
    assert problem(device.post(b"x")) == (403, "unenrolled")
    assert leave(lab, device.token) == 403, "a second time it is told so"
    rows = {row["hostname"]: row for row in lab.get("/devices")["rows"]}
    assert rows["pc-1"]["left"] == rows["pc-1"]["revoked"] == "2026-03-01T12:00:00Z"
    assert rows["pc-2"]["left"] is None
    assert lab.get("/overview")["devices"] == 1
    assert len(lab.get("/events")["rows"]) == 2, "what it reported stays, for as long as that is kept"
    other.send(outcome("qoder"))


def test_nobody_else_can_take_its_leave(lab: Lab) -> None:
    lab.enrol()
    for token in ("", "aipd_" + "A" * 43, lab.admin_token, lab.secret):
        assert leave(lab, token) == 401
    assert lab.get("/overview")["devices"] == 1
