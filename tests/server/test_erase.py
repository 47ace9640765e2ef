"""Erasing a person or a device: then nothing of them is in the database's files, but that it was done."""

import shutil
import subprocess
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from aipolicy.core.model import Health, Unseen
from aipolicy_server.cli import server
from aipolicy_server.removal_api import EraseRequest
from aipolicy_server.store import schema
from server_lab import Lab, batch_body, outcome, problem

NAME = "xiomara-quint"


def anywhere(lab: Lab, word: str) -> list[str]:
    """The files, or the dump, in which the word stands."""
    if lab.settings.database is None:
        files = Path(lab.settings.data).glob("server.db*")
        return [file.name for file in files if word.encode() in file.read_bytes()]
    dump = shutil.which("pg_dump")
    assert dump is not None
    text = subprocess.run([dump, lab.settings.database], check=True, capture_output=True, timeout=60).stdout
    return ["dump"] if word.encode() in text else []


def erase(lab: Lab, person: str = "", device: str = "") -> dict[str, int]:
    reply = lab.post("/erasures", EraseRequest(person=person, device=device, reason="DSR-17"))
    assert reply.status_code == 200, reply.text
    removed: dict[str, int] = reply.json()["removed"]
    return removed


def test_a_person_is_nowhere_and_everybody_else_stays(lab: Lab) -> None:
    device, other = lab.enrol("pc-1"), lab.enrol("pc-2")
    for number in range(30):
        device.send(
            outcome(owner=NAME, path=f"~/{number}", detail="x" * 200),
            outcome("qoder", owner="bob", path=f"~/q{number}"),
            Unseen(place="/srv", reason="permission denied"),
            Health(part="agent", condition="started", detail="", count=0),
        )
    other.send(outcome(owner="root", uid=0, path="/opt/claude"))
    lab.publish("banned: [claude-code]\n", author=NAME, approver="bob")
    assert anywhere(lab, NAME) or lab.settings.database is None
    assert erase(lab, NAME) == {"events": 30, "findings": 30, "batches": 30, "names": 1}
    assert anywhere(lab, NAME) == []
    assert lab.count("events") == 91
    assert {row["owner"] for row in lab.get("/events", kind="outcome", limit=100)["rows"]} == {"bob", "root"}
    assert lab.get("/policies")["rows"][0]["author"] == "(erased)"


def test_that_it_was_done_is_on_record_without_the_name(lab: Lab) -> None:
    lab.enrol().send(outcome(owner=NAME))
    erase(lab, NAME)
    rows = lab.get("/removals")["rows"]
    assert {(row["cause"], row["kind"], row["rows"], row["reason"]) for row in rows} == {
        ("person", "events", 1, "DSR-17"),
        ("person", "findings", 1, "DSR-17"),
        ("person", "batches", 1, "DSR-17"),
    }
    assert all(row["by"] for row in rows)
    (subject,) = {row["subject"] for row in rows}
    erase(lab, NAME)
    again = lab.get("/removals", subject=subject)["rows"]
    assert next(row["kind"] for row in again) == "nothing", "that somebody asked again is on record, too"
    assert len(again) == 4


def test_a_batch_that_comes_again_does_not_bring_the_person_back(lab: Lab) -> None:
    device = lab.enrol()
    batch = device.batch(outcome(owner=NAME))
    device.deliver(batch)
    erase(lab, NAME)
    assert device.deliver(batch).stored == 0
    assert lab.count("events") == 0


def test_a_person_who_is_still_there_is_told_of_again(lab: Lab) -> None:
    device = lab.enrol()
    device.send(outcome(owner=NAME))
    erase(lab, NAME)
    assert device.check_in(findings="0" * 64).resend is True


def test_the_same_login_name_on_another_machine_may_be_somebody_else(lab: Lab) -> None:
    mine, other = lab.enrol("pc-1"), lab.enrol("pc-2")
    for device in (mine, other):
        device.send(outcome(owner=NAME))
    assert erase(lab, NAME, mine.id) == {"events": 1, "findings": 1, "batches": 1}
    assert [row["device"] for row in lab.get("/events")["rows"]] == [other.id]


def test_where_a_name_stands_among_other_words_is_said(lab: Lab) -> None:
    lab.enrol(f"{NAME}-laptop").send(outcome(owner="root", uid=0, path=f"/srv/{NAME}/claude"))
    lab.publish(f"# asked for by {NAME}\nbanned: [claude-code]\n", author=f"{NAME}@example.org")
    reply = lab.post("/erasures", EraseRequest(person=NAME, reason="DSR-17"))
    assert reply.json()["mentions"] == {
        "names of machines": 1,
        "events about others": 1,
        "findings of others": 1,
        "texts of policies": 1,
        "names of who did something": 1,
    }


def test_a_device_is_nowhere_and_is_told_so(lab: Lab) -> None:
    device, other = lab.enrol(NAME), lab.enrol("pc-2")
    for number in range(30):
        device.send(*(outcome(path=f"~/{number}/{place}") for place in range(30)))
    other.send(outcome())
    other.post(b"")
    removed = erase(lab, device=device.id)
    assert removed == {"events": 900, "batches": 30, "findings": 900, "devices": 1}
    assert anywhere(lab, NAME) == []
    assert anywhere(lab, device.id) == []
    assert [row["id"] for row in lab.get("/devices")["rows"]] == [other.id]


def test_a_device_that_was_erased_does_not_enrol_anew_by_itself(lab: Lab) -> None:
    device = lab.enrol()
    erase(lab, device=device.id)
    status, code = problem(device.post(b"", "/v1/checkin"))
    assert (status, code) == (403, "unenrolled"), "a 401 would make the agent enrol again"


def test_a_batch_of_a_device_that_was_believed_until_now_is_refused(lab: Lab) -> None:
    device, other = lab.enrol("pc-1"), lab.enrol("pc-2")
    device.send(outcome())
    erase(lab, device=device.id)
    assert problem(device.post(batch_body(device.batch(outcome())))) == (403, "unenrolled")
    assert other.send(outcome()).stored == 1


def test_what_is_not_there_is_said(lab: Lab) -> None:
    assert lab.post("/erasures", EraseRequest(device="nobody", reason="x")).status_code == 404
    assert lab.post("/erasures", EraseRequest(person="a", device="nobody", reason="x")).status_code == 404
    assert lab.post("/erasures", EraseRequest(reason="x")).status_code == 422
    assert erase(lab, "nobody") == {}


def test_every_column_with_a_persons_name_is_known() -> None:
    from aipolicy_server.store import erasure

    told = {str(column) for column in erasure.NAMES} | {str(column) for _, column in erasure.MENTIONS}
    held = {
        str(column)
        for table in schema.METADATA.tables.values()
        for column in table.columns
        if isinstance(column.type, sa.Text) or column.name in {"content", "body"}
    }
    others = {
        # of events and findings that go, or repeat what `about` and `outcome` hold
        "events.tool",
        "events.version",
        "events.owner",
        "events.place",
        "events.detail",
        "batches.body",
        "findings.tool",
        "findings.name",
        "findings.vendor",
        "findings.category",
        "findings.version",
        "findings.owner",
        "findings.outcome",
        # of the catalog
        "first_sights.tool",
        # what machines say of themselves
        "devices.os",
        "devices.os_version",
        "devices.arch",
        "devices.agent_version",
        "presence.policy",
        "presence.mode",
        "presence.catalog",
        "presence.process_events",
        "presence.refused_why",
        "presence.ceiling",
        "presence.tags",
        # policies
        "policies.name",
        "rollouts.name",
        "rollouts.percent",
    }
    assert held - told - others == set()


@pytest.fixture
def filled(data: Path) -> Path:
    with Lab.open(data) as lab:
        lab.enrol("pc").send(outcome(owner=NAME))
    return data


def run(*arguments: str | Path, answer: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(server, [str(a) for a in arguments], input=answer)
    return result.exit_code, result.output


def test_the_command_asks_erases_and_says_what(filled: Path) -> None:
    command = ("erase", "--data", filled, "--person", NAME, "--reason", "DSR-17")
    assert run(*command, answer="n\n")[0] == 1
    code, output = run(*command, answer="y\n")
    assert code == 0, output
    assert "erased: events 1, findings 1, batches 1" in output
    assert run(*command, "--yes")[1].startswith("erased: nothing was there")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--reason", "x"], "--person"),
        (["--device", "nobody", "--reason", "x"], "device list"),
        (["--person", "a", "--reason", ""], "--reason"),
        (["--person", "a"], "--reason"),
    ],
)
def test_what_cannot_be_erased_is_explained(filled: Path, options: list[str], says: str) -> None:
    code, output = run("erase", "--data", filled, "--yes", *options)
    assert code == 2
    assert says in output
