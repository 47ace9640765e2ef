"""The JSON API: every answer is what its OpenAPI description says, on each kind of database."""

import json
from datetime import timedelta
from typing import Any

import jsonschema
import pytest

from aipolicy.core.model import Done, Health, Ruling, State, Unseen
from server_lab import START, Device, Lab, gone, outcome, problem


@pytest.fixture
def fleet(lab: Lab) -> dict[str, Device]:
    """Two laptops with a few tools each."""
    alice, bob = lab.enrol("alice-pc"), lab.enrol("bob-pc")
    alice.send(
        outcome(),
        outcome(state=State.RUNNING, done=Done.ENDED, detail="ended in 0.2 s"),
        outcome(tool="qoder", ruling=Ruling.APPROVED, done=Done.ALLOWED, path="~/.qoder"),
        Unseen(place="/home/carol", reason="permission denied"),
        at=START,
    )
    bob.send(
        outcome(owner="bob", uid=1001, version="1.9.0"),
        outcome(tool="aider", owner="bob", uid=1001, ruling=Ruling.UNLISTED, version=None),
        Health(part="process events", condition="polling", detail="no permission", count=3),
        at=START + timedelta(minutes=1),
    )
    bob.send(gone(outcome(tool="aider", owner="bob", uid=1001)), at=START + timedelta(minutes=2))
    return {"alice": alice, "bob": bob}


def test_every_answer_is_as_described(lab: Lab, fleet: dict[str, Device]) -> None:
    description = lab.get("/openapi.json")
    event_id = lab.get("/events")["rows"][0]["id"]
    policy = lab.publish("banned: [claude-code]\n")
    known = {"device_id": fleet["alice"].id, "tool_id": "claude-code", "event_id": event_id}
    known |= {"number": str(policy.number), "version": policy.version}
    answered = 0
    for path, methods in description["paths"].items():
        if "get" not in methods:
            continue
        content = methods["get"]["responses"]["200"]["content"]
        if "application/json" not in content:
            continue
        answer = lab.get(path.removeprefix("/api/v1").format(**known))
        schema = {**content["application/json"]["schema"], "components": description["components"]}
        jsonschema.validate(answer, schema, jsonschema.Draft202012Validator)
        assert answer["schema"].startswith("aipolicy.")
        answered += 1
    assert answered >= 8


def test_the_overview_counts(lab: Lab, fleet: dict[str, Device]) -> None:
    seen = lab.get("/overview")
    assert (seen["devices"], seen["never_seen"], seen["with_banned"]) == (2, 2, 2)
    assert seen["rulings"] == [
        {"ruling": "banned", "tools": 1, "devices": 2, "people": 2, "findings": 3},
        {"ruling": "unlisted", "tools": 0, "devices": 0, "people": 0, "findings": 0},
        {"ruling": "approved", "tools": 1, "devices": 1, "people": 1, "findings": 1},
        {"ruling": "exempt", "tools": 0, "devices": 0, "people": 0, "findings": 0},
    ]
    (claude, qoder) = seen["tools"]
    assert (claude["tool"], claude["findings"], claude["running"], claude["banned"]) == (
        "claude-code",
        3,
        1,
        3,
    )
    assert (qoder["tool"], qoder["approved"]) == ("qoder", 1)
    assert [e["done"] for e in seen["enforcement"]] == ["ended"]
    assert seen["policies"] == [{"policy": None, "mode": None, "devices": 2}]


def test_one_tool_has_versions_owners_and_what_was_done(lab: Lab, fleet: dict[str, Device]) -> None:
    tool = lab.get("/tools/claude-code")
    assert [(v["version"], v["findings"]) for v in tool["versions"]] == [("1.9.0", 1), ("2.0.1", 2)]
    assert [(o["owner"], o["findings"]) for o in tool["owners"]] == [("alice", 2), ("bob", 1)]
    assert tool["done"] == [{"done": "ended", "events": 1, "latest": "2026-03-01T12:00:00Z"}]
    assert [f["hostname"] for f in tool["findings"]["rows"]] == ["alice-pc", "alice-pc", "bob-pc"]


def test_a_tool_that_is_gone_is_still_known(lab: Lab, fleet: dict[str, Device]) -> None:
    tool = lab.get("/tools/aider")
    assert (tool["tool"]["name"], tool["tool"]["devices"], tool["findings"]["rows"]) == ("Aider", 0, [])


@pytest.mark.parametrize("path", ["/devices/none", "/tools/none", "/events/none", "/tools/a/b", "/devices/é"])
def test_what_is_not_there_is_not_found(lab: Lab, path: str) -> None:
    headers = {"authorization": f"Bearer {lab.admin_token}"}
    assert problem(lab.http.get(f"/api/v1{path}", headers=headers)) == (404, "not-found")


@pytest.mark.parametrize(
    ("params", "places"),
    [
        ({}, ["~/.local/bin/claude"] * 2 + ["process events"] + ["~/.local/bin/claude"] * 3),
        ({"kind": "unseen"}, ["/home/carol"]),
        ({"kind": "health"}, ["process events"]),
        ({"kind": "gone"}, ["~/.local/bin/claude"]),
        ({"tool": "qoder"}, ["~/.qoder"]),
        ({"ruling": "approved"}, ["~/.qoder"]),
        ({"done": "ended", "owner": "alice"}, ["~/.local/bin/claude"]),
        ({"owner": "nobody"}, []),
        ({"q": "QODER"}, ["~/.qoder"]),
        ({"q": "permission"}, ["/home/carol"]),
        ({"q": "ALICE-PC", "kind": "unseen"}, ["/home/carol"]),
        ({"q": "%"}, []),
        ({"q": "_"}, []),
        ({"q": "\\"}, []),
        ({"q": "'; --"}, []),
        ({"from": "2026-03-01T12:02:00Z"}, ["~/.local/bin/claude"]),
        ({"from": "2026-03-01T14:02:00+02:00", "to": "2026-03-02"}, ["~/.local/bin/claude"]),
        ({"to": "2026-03-01T12:00:00"}, []),
        ({"from": "2026-03-01T12:02:00Z", "to": "2026-03-01"}, ["~/.local/bin/claude"]),
    ],
)
def test_the_log_is_filtered(
    lab: Lab, fleet: dict[str, Device], params: dict[str, str], places: list[str]
) -> None:
    found = lab.get("/events", **params)["rows"]
    if params:
        assert sorted(e["place"] for e in found) == sorted(places)
    else:
        assert len(found) == 8
        assert [e["time"] for e in found] == sorted((e["time"] for e in found), reverse=True)


def pages(lab: Lab, path: str, key: str | None = None, **params: str | int) -> list[list[dict[str, Any]]]:
    found, after = [], None
    while True:
        answer = lab.get(path, **params, **({"after": after} if after else {}))
        page = answer[key] if key else answer
        found.append(page["rows"])
        after = page["next"]
        if after is None:
            return found


def test_the_log_is_paged_without_gap_or_repeat_while_it_grows(lab: Lab) -> None:
    device = lab.enrol()
    same_moment = [outcome(path=f"~/{n}") for n in range(25)]
    device.send(*same_moment)
    first = lab.get("/events", limit=10)
    device.send(*(outcome(path=f"~/new/{n}") for n in range(5)), at=START + timedelta(hours=1))
    rest = pages(lab, "/events", limit=10, to="2026-03-01T12:30:00Z")
    seen = [e["place"] for page in rest for e in page]
    assert sorted(seen) == sorted(f"~/{n}" for n in range(25))
    second = lab.get("/events", limit=10, after=first["next"])
    assert [e["place"] for e in [*first["rows"], *second["rows"]]] == seen[:20]


def test_devices_and_findings_are_paged(lab: Lab) -> None:
    fleet = [lab.enrol(f"pc-{n % 3}") for n in range(7)]
    for device in fleet:
        device.send(outcome(), outcome(path="~/2"))
    listed = pages(lab, "/devices", limit=2)
    assert [len(page) for page in listed] == [2, 2, 2, 1]
    assert [d["hostname"] for page in listed for d in page] == ["pc-0"] * 3 + ["pc-1"] * 2 + ["pc-2"] * 2
    found = pages(lab, "/tools/claude-code/findings", limit=5)
    assert [len(page) for page in found] == [5, 5, 4]
    assert len({(f["device"], f["path"]) for page in found for f in page}) == 14


def test_devices_are_filtered(lab: Lab, fleet: dict[str, Device]) -> None:
    def names(**params: str) -> list[str]:
        return [d["hostname"] for d in lab.get("/devices", **params)["rows"]]

    assert names(q="ALICE") == ["alice-pc"]
    assert names(q=fleet["bob"].id[-6:]) == ["bob-pc"]
    assert names(tool="qoder") == ["alice-pc"]
    assert names(banned="true") == ["alice-pc", "bob-pc"]
    assert names(silent="true") == []
    assert names(policy="none") == []


@pytest.mark.parametrize(
    "after", ["x", "W10", "WzEsMiwzXQ", "é", "W" * 4000, "WyJcdTAwMDAiLCIiXQ", "=", "AAAA"]
)
def test_a_made_up_place_in_the_order_is_refused(lab: Lab, after: str) -> None:
    headers = {"authorization": f"Bearer {lab.admin_token}"}
    for path in ("/events", "/devices"):
        reply = lab.http.get(f"/api/v1{path}", params={"after": after}, headers=headers)
        assert problem(reply) == (400, "bad-cursor")


@pytest.mark.parametrize(
    "params",
    [
        {"limit": "0"},
        {"limit": "1001"},
        {"limit": "x"},
        {"ruling": "nice"},
        {"done": "eaten"},
        {"kind": "poem"},
        {"from": "yesterday"},
        {"tool": "\0"},
        {"q": "x" * 201},
        {"owner": "a\0b"},
    ],
)
def test_a_bad_parameter_is_named(lab: Lab, params: dict[str, str]) -> None:
    headers = {"authorization": f"Bearer {lab.admin_token}"}
    reply = lab.http.get("/api/v1/events", params=params, headers=headers)
    assert problem(reply) == (422, "bad-parameter")
    assert next(iter(params)) in reply.json()["title"]


def test_the_export_holds_every_event_of_the_filter(lab: Lab) -> None:
    device = lab.enrol()
    for n in range(5):
        device.send(*(outcome(path=f"~/{n}/{m}") for m in range(300)), at=START + timedelta(minutes=n))
    device.send(outcome(path="=cmd|' /C calc'!A0", owner="@evil"))
    reply = lab.http.get("/api/v1/events.csv", headers={"authorization": f"Bearer {lab.admin_token}"})
    lines = reply.text.splitlines()
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    assert len(lines) == 1 + 1501
    assert ",'@evil," in reply.text
    assert ',"=cmd' not in reply.text
    assert ",=cmd" not in reply.text
    few = lab.http.get(
        "/api/v1/events.csv", params={"q": "evil"}, headers={"authorization": f"Bearer {lab.admin_token}"}
    )
    assert len(few.text.splitlines()) == 2


def test_what_a_revoked_device_has_is_not_counted(lab: Lab, fleet: dict[str, Device]) -> None:
    from aipolicy_server.clock import to_us
    from aipolicy_server.store import devices

    lab.store.write_now(lambda connection: devices.revoke(connection, fleet["bob"].id, to_us(START)))
    seen = lab.get("/overview")
    assert (seen["devices"], seen["with_banned"], seen["rulings"][0]["findings"]) == (1, 1, 2)
    assert lab.get("/devices", q="bob")["rows"][0]["revoked"] == "2026-03-01T12:00:00Z"


def test_the_description_names_only_this_server(lab: Lab) -> None:
    assert "http" not in json.dumps(lab.get("/openapi.json")["paths"])
    page = lab.http.get("/api/v1/docs", headers={"authorization": f"Bearer {lab.admin_token}"})
    assert page.status_code == 200
    assert "/api/v1/events" in page.text
    assert "cdn" not in page.text
