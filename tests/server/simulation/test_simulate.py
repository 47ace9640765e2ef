"""Given a seed, then the same made-up fleet, put in as agents report; real devices are safe."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from aipolicy.core.decide import decide
from aipolicy.core.model import Context, Outcome
from aipolicy.core.policy import parse
from aipolicy.tools import load
from aipolicy_server.app import open_store
from aipolicy_server.cli import server
from aipolicy_server.settings import Settings
from aipolicy_server.store import policies, queries
from aipolicy_server.store.rows import DeviceFilter, EventFilter
from server_lab import Lab

AT = datetime(2026, 11, 29, 12, tzinfo=UTC)


def simulate(data: Path, *options: str, database: str | None = None) -> Result:
    where = ("--database", database) if database else ()
    return CliRunner().invoke(
        server, ["simulate", "--data", str(data), "--at", "2026-11-29T12:00:00Z", *where, *options]
    )


def rows(data: Path, question: str) -> list[tuple[Any, ...]]:
    store = open_store(Settings(data=str(data)))
    with store.reading() as connection:
        found = [tuple(row) for row in connection.exec_driver_sql(question)]
    store.close()
    return found


DEVICES = "SELECT id, hostname, os, os_version, enrolled, secret FROM devices ORDER BY n"
FINDINGS = "SELECT device, key, outcome, first_seen FROM findings ORDER BY device, key"
EVENTS = "SELECT id, device, time, about FROM events ORDER BY n"


def test_the_same_seed_makes_the_same_fleet_and_another_one_another(data: Path, tmp_path: Path) -> None:
    second, other = tmp_path / "second", tmp_path / "other"
    for folder, seed in ((data, "7"), (second, "7"), (other, "8")):
        assert simulate(folder, "--devices", "40", "--seed", seed).exit_code == 0
    for question in (DEVICES, FINDINGS, EVENTS):
        assert rows(data, question) == rows(second, question)
        assert rows(data, question) != rows(other, question)
    groups = [folder / f"simulated-{seed}" / "groups.csv" for folder, seed in ((data, 7), (second, 7))]
    assert groups[0].read_text() == groups[1].read_text()


def test_on_each_database_pages_show_a_believable_fleet(data: Path, database: str | None) -> None:
    done = simulate(data, "--devices", "300", database=database)
    assert done.exit_code == 0, done.output
    with Lab.open(data, database) as lab, lab.store.reading() as connection:
        overview = queries.overview(connection, now=AT)
        today = queries.events(connection, EventFilter(since=AT - timedelta(days=1)), limit=1000)
        devices = queries.devices(connection, DeviceFilter(), now=AT, limit=1000).rows
        history = policies.history(connection)
    assert overview.devices == 300
    assert 0 < overview.silent < 50
    assert 0 < overview.with_banned < 200
    found = sum(count.findings for count in overview.rulings)
    assert 4 < found / 300 < 7
    assert f"{found:,} findings" in done.output
    by_devices = sorted((tool.devices for tool in overview.tools), reverse=True)
    assert by_devices[0] > 10 * by_devices[len(by_devices) // 2]  # few tools are on most machines
    assert len({event.kind for event in today.rows}) >= 2
    assert {device.os for device in devices} == {"linux", "macos", "windows"}
    assert [row.author for row in history.rows] == ["it@example.com"] * 2
    assert history.rollout.current > 5 * history.rollout.older > 0


def test_every_verdict_is_the_one_that_the_policy_in_force_makes(data: Path) -> None:
    assert simulate(data, "--devices", "60").exit_code == 0
    catalog = load()
    with Lab.open(data) as lab, lab.store.reading() as connection:
        texts = {
            row.version: policies.content(connection, row.number) for row in policies.history(connection).rows
        }
    known = {version: parse(text, "policy.yaml", catalog.known) for version, text in texts.items()}
    folder = data / "simulated-1"
    assert {p.read_bytes() for p in folder.glob("*.yaml")} == set(texts.values())
    outcomes = [
        msgspec.json.decode(text, type=Outcome) for (text,) in rows(data, "SELECT outcome FROM findings")
    ]
    assert len(outcomes) > 100
    for outcome in outcomes:
        said = outcome.verdict
        context = Context(now=AT, device="", hostname="", os="", owner=said.finding.owner.name)
        assert decide(said.finding, known[said.policy], context, catalog.version) == said


def test_people_of_the_fleet_are_in_the_file_of_groups(data: Path) -> None:
    assert simulate(data, "--devices", "30").exit_code == 0
    with (data / "simulated-1" / "groups.csv").open() as file:
        members = {row["user"]: row["group"] for row in csv.DictReader(file)}
    owners = {owner for (owner,) in rows(data, "SELECT DISTINCT owner FROM findings")}
    assert owners
    assert owners <= members.keys()


def test_a_database_with_devices_is_left_alone_unless_told(data: Path) -> None:
    with Lab.open(data) as lab:
        lab.enrol("real")
    refused = simulate(data, "--devices", "5")
    assert refused.exit_code == 2
    assert "1 of them real" in refused.output
    assert len(rows(data, DEVICES)) == 1
    assert simulate(data, "--devices", "5", "--add").exit_code == 0
    assert len(rows(data, DEVICES)) == 6
    again = simulate(data, "--devices", "5", "--add")
    assert again.exit_code == 2
    assert "seed 1 is in there already" in again.output


def test_a_policy_that_was_published_stays_in_force(data: Path) -> None:
    first = simulate(data, "--devices", "3")
    assert first.exit_code == 0
    assert simulate(data, "--devices", "3", "--seed", "2", "--add").exit_code == 0
    assert len(rows(data, "SELECT number FROM policies")) == 2


@pytest.mark.parametrize("form", ["token", "secret"])
def test_nobody_can_speak_for_a_made_up_machine(data: Path, form: str) -> None:
    assert simulate(data, "--devices", "3").exit_code == 0
    with Lab.open(data) as lab:
        if form == "secret":
            assert lab.ask_to_enrol("aips_" + "x" * 43).status_code == 401
            (state,) = rows(data, "SELECT revoked FROM secrets WHERE name = 'simulated-1'")
            assert state[0] is not None
        else:
            hashes = [row[0] for row in rows(data, "SELECT token_hash FROM devices")]
            reply = lab.http.post("/v1/checkin", headers={"authorization": f"Bearer {hashes[0]}"})
            assert reply.status_code == 401
