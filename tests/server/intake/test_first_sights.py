"""POST /v1/first-sights: a machine that enrols anew gets back when its graces began, and nobody else's."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from aipolicy.core import wire
from aipolicy.core.first_sights import FIRST_SIGHTS_PATH, FirstSight, digest, machine_name
from aipolicy_server.clock import to_us
from aipolicy_server.removal_api import EraseRequest
from aipolicy_server.store import devices
from server_lab import HOST, START, Device, Lab, problem

HERE, COPY = machine_name("an installation"), machine_name("a copy of it")
ENTRY = "0123456789abcdef"
DAY = timedelta(days=1)


def sight(tool: str = "claude-code", **changes: Any) -> FirstSight:
    return msgspec.structs.replace(FirstSight(tool=tool, entry=ENTRY, at=START - DAY), **changes)


def as_before(lab: Lab, device: Device) -> tuple[FirstSight, ...]:
    """What the same machine gets back that has lost its state folder, a day later."""
    device.check_in()
    lab.flush()
    lab.clock.advance(days=1)
    return lab.enrol().tell_sights(machine=HERE)


def test_a_machine_that_enrols_anew_gets_back_when_its_graces_began(lab: Lab) -> None:
    device = lab.enrol()
    assert device.check_in(first_sights=digest([])).first_sights is True, "it is not known which one it is"
    assert device.tell_sights(sight(), sight("qoder"), machine=HERE) == (sight(), sight("qoder"))
    assert device.check_in(first_sights=digest([sight(), sight("qoder")])).first_sights is False
    assert device.check_in(first_sights=digest([sight()])).first_sights is True
    assert as_before(lab, device) == (sight(), sight("qoder"))


def test_whoever_looks_at_the_device_sees_them(sqlite_lab: Lab) -> None:
    lab = sqlite_lab
    device = lab.enrol()
    device.tell_sights(sight("qoder", at=START - 2 * DAY), sight(), machine=HERE)
    assert lab.get(f"/devices/{device.id}")["first_sights"] == [
        {"tool": "qoder", "entry": ENTRY, "at": "2026-02-27T12:00:00Z"},
        {"tool": "claude-code", "entry": ENTRY, "at": "2026-02-28T12:00:00Z"},
    ]
    lab.http.get(f"/?token={lab.admin_token}")
    page = lab.http.get(f"/devices/{device.id}").text
    assert "When graces began" in page
    assert "2026-02-27 12:00" in page
    assert "When graces began" not in lab.http.get(f"/devices/{lab.enrol().id}").text


def test_the_earliest_counts(lab: Lab) -> None:
    device = lab.enrol()
    device.tell_sights(sight(), sight("qoder", at=START - 2 * DAY), machine=HERE)
    device.tell_sights(sight(at=START - 3 * DAY), sight("qoder"), machine=HERE)
    device.check_in()
    lab.flush()
    lab.clock.advance(days=1)
    anew = lab.enrol()
    began = (sight(at=START - 3 * DAY), sight("qoder", at=START - 2 * DAY))
    assert anew.tell_sights(sight(at=START), sight("qoder", at=START), machine=HERE) == began
    assert anew.check_in(first_sights=digest(began)).first_sights is False
    assert as_before(lab, anew) == began, "and so it is the next time"


@pytest.mark.parametrize("machine", [COPY, ""])
def test_another_machine_gets_nothing(machine: str, lab: Lab) -> None:
    device = lab.enrol()
    device.tell_sights(sight(), machine=HERE)
    lab.clock.advance(days=1)
    assert lab.enrol().tell_sights(machine=machine) == ()


def test_machines_without_a_name_are_not_one_machine(lab: Lab) -> None:
    lab.enrol().tell_sights(sight(), machine="")
    lab.clock.advance(days=1)
    assert lab.enrol().tell_sights(machine="") == ()


def test_a_copy_with_the_same_name_gets_nothing_of_one_that_is_still_heard_of(lab: Lab) -> None:
    device = lab.enrol()
    lab.clock.advance(hours=1)
    copy = lab.enrol("copy")
    copy.tell_sights(machine=HERE)
    lab.clock.advance(hours=1)
    device.tell_sights(sight(at=START), machine=HERE)
    device.check_in()
    copy.check_in()
    lab.flush()
    assert copy.tell_sights(machine=HERE) == ()
    assert device.tell_sights(machine=HERE) == (sight(at=START),)


def test_erased_means_erased(lab: Lab) -> None:
    device = lab.enrol()
    device.tell_sights(sight(), machine=HERE)
    reply = lab.post("/erasures", EraseRequest(device=device.id, reason="sold"))
    assert reply.json()["removed"] == {"first_sights": 1, "devices": 1}
    lab.clock.advance(days=1)
    assert lab.enrol().tell_sights(machine=HERE) == ()


def test_one_that_took_its_leave_left_nothing_to_hand_back(lab: Lab) -> None:
    device = lab.enrol()
    device.tell_sights(sight(), machine=HERE)
    assert device.post(b"", wire.UNENROL_PATH).status_code == 200
    assert lab.count("first_sights") == 0
    lab.clock.advance(days=1)
    assert lab.enrol().tell_sights(machine=HERE) == ()


def test_one_that_it_revoked_is_still_the_same_machine(lab: Lab) -> None:
    device = lab.enrol()
    device.tell_sights(sight(), machine=HERE)
    assert lab.store.write_now(lambda connection: devices.revoke(connection, device.id, to_us(START)))
    lab.clock.advance(days=1)
    assert lab.enrol().tell_sights(machine=HERE) == (sight(),)


def test_one_erased_while_it_is_still_believed_is_refused(lab: Lab) -> None:
    device = lab.enrol()
    device.check_in()
    lab.post("/erasures", EraseRequest(device=device.id, reason="sold"))
    told = msgspec.json.encode({"machine": HERE, "sights": []})
    assert problem(device.post(told, FIRST_SIGHTS_PATH, **{"content-encoding": ""})) == (403, "unenrolled")
    assert lab.count("first_sights") == 0


def test_only_the_newest_are_kept(lab: Lab) -> None:
    device = lab.enrol()
    device.tell_sights(*(sight(f"old-{n}", at=START - 9 * DAY) for n in range(1_500)))
    device.tell_sights(*(sight(f"new-{n}") for n in range(1_500)))
    assert lab.count("first_sights") == 2_000
    with lab.store.reading() as connection:
        query = "SELECT count(*) FROM first_sights WHERE tool LIKE 'new-%%'"
        assert connection.exec_driver_sql(query).scalar_one() == 1_500


def test_what_is_to_come_is_left_out(lab: Lab) -> None:
    early = sight("qoder", at=START.replace(year=1999))
    assert lab.enrol().tell_sights(sight(at=START + DAY), sight(), early) == (sight(),)


@pytest.mark.parametrize(
    "body",
    [
        {"machine": "lab-1", "sights": []},
        {"machine": "", "sights": [{"tool": "", "entry": ENTRY, "at": "2026-01-01T00:00:00Z"}]},
        {"machine": "", "sights": [{"tool": "A b", "entry": ENTRY, "at": "2026-01-01T00:00:00Z"}]},
        {"machine": "", "sights": [{"tool": "x" * 201, "entry": ENTRY, "at": "2026-01-01T00:00:00Z"}]},
        {"machine": "", "sights": [{"tool": "a", "entry": "e", "at": "2026-01-01T00:00:00Z"}]},
        {"machine": "", "sights": [{"tool": "a", "entry": ENTRY, "at": "2026-01-01T00:00:00"}]},
        {"machine": "", "sights": [{"tool": "a", "entry": ENTRY, "at": "2026-01-01T00:00:00Z"}] * 2_001},
        {"machine": "", "sights": [], "schema": "other/1"},
        {"machine": ""},
    ],
    ids=["machine", "no tool", "tool", "long tool", "entry", "no zone", "too many", "schema", "no sights"],
)
def test_what_is_none_is_refused(body: dict[str, Any], sqlite_lab: Lab) -> None:
    device = sqlite_lab.enrol()
    told = msgspec.json.encode(body)
    status, _ = problem(device.post(told, FIRST_SIGHTS_PATH, **{"content-encoding": ""}))
    assert status == 422
    assert sqlite_lab.count("first_sights") == 0


def test_a_stranger_is_refused(sqlite_lab: Lab) -> None:
    told = msgspec.json.encode({"machine": HERE, "sights": []})
    assert sqlite_lab.http.post(FIRST_SIGHTS_PATH, content=told).status_code == 401


def test_an_agent_of_before_is_asked_for_nothing(lab: Lab) -> None:
    said = {
        "host": msgspec.to_builtins(HOST),
        "policy": "",
        "mode": "report",
        "catalog": "",
        "findings": "",
        "pending": 0,
        "process_events": "kernel",
    }
    reply = lab.enrol().post(msgspec.json.encode(said), wire.CHECK_IN_PATH, **{"content-encoding": ""})
    assert reply.status_code == 200
    assert reply.json()["first_sights"] is False


def test_the_name_of_a_machine_is_kept_as_a_hash(lab: Lab) -> None:
    lab.enrol().tell_sights(machine=HERE)
    with lab.store.reading() as connection:
        (kept,) = connection.exec_driver_sql("SELECT machine FROM devices").scalars().all()
    assert len(kept) == 64
    assert kept != HERE


def test_they_go_with_a_device_not_heard_of(lab: Lab) -> None:
    device, other = lab.enrol(), lab.enrol("other")
    device.tell_sights(sight(), machine=HERE)
    other.tell_sights(sight(), machine=COPY)
    lab.clock.advance(days=401)
    other.check_in()
    lab.flush()
    portal: Any = lab.http.portal
    app: Any = lab.http.app
    portal.call(app.state.retention.run_once)
    assert lab.count("first_sights") == 1
    assert {row["kind"] for row in lab.get("/removals")["rows"]} == {"first_sights", "devices"}
