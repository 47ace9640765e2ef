"""Retention: what is too old goes, what is not stays, and what went is on record; on both databases."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from aipolicy.core.model import Unseen
from aipolicy.core.publishing import ReleaseRequest
from aipolicy_server import tokens
from aipolicy_server.cli import server
from aipolicy_server.clock import to_us
from aipolicy_server.keep_options import read_keep
from aipolicy_server.manage import Failure
from aipolicy_server.retention import STEPS, Retention
from aipolicy_server.settings import Keep
from aipolicy_server.store import accept, devices
from server_lab import HOST, Lab, outcome

DEFAULTS = {f"keep_{name}": f"{getattr(Keep(), name)}d" for name in STEPS}


def removed(lab: Lab) -> dict[str, int]:
    """Rows by kind, of all that was ever removed."""
    counts: dict[str, int] = {}
    for row in lab.get("/removals")["rows"]:
        counts[row["kind"]] = counts.get(row["kind"], 0) + row["rows"]
    return counts


def run_once(lab: Lab, retention: Retention | None = None) -> bool:
    portal: Any = lab.http.portal
    app: Any = lab.http.app
    done: bool = portal.call((retention or app.state.retention).run_once)
    return done


def test_every_kind_has_a_setting_an_option_and_a_step() -> None:
    assert set(STEPS) == set(Keep.__struct_fields__)
    assert read_keep(DEFAULTS) == Keep()


def test_events_go_when_they_are_too_old_and_not_before(lab: Lab) -> None:
    device = lab.enrol()
    device.send(outcome(), outcome("qoder", path="~/q"))
    lab.clock.advance(days=399)
    device.send(outcome("aider", path="~/a"))
    device.check_in()
    lab.flush()
    run_once(lab)
    assert lab.count("events") == 3
    lab.clock.advance(days=2)
    run_once(lab)
    assert [row["tool"] for row in lab.get("/events")["rows"]] == ["aider"]
    assert removed(lab) == {"events": 2, "batches": 1}
    assert lab.count("findings") == 3, "what a device has now is not a matter of its age"


def test_the_record_says_what_went_how_many_and_until_when(lab: Lab) -> None:
    device = lab.enrol()
    device.send(outcome())
    lab.clock.advance(days=401)
    device.check_in()
    lab.flush()
    run_once(lab)
    said = lab.get("/removals")
    assert said["keep"] == {"events": 400, "batches": 90, "alarms": 400, "findings": 90, "devices": 400}
    rows = {row["kind"]: row for row in said["rows"]}
    assert set(rows) == {"events", "batches"}
    assert (rows["events"]["cause"], rows["events"]["rows"]) == ("retention", 1)
    assert rows["events"]["before"] == "2026-03-02T12:00:00Z"
    assert rows["events"]["subject"] is None
    run_once(lab)
    assert lab.get("/removals")["rows"] == said["rows"], "a round that finds nothing writes nothing"


def test_a_resent_batch_whose_copy_went_is_not_stored_twice(lab: Lab) -> None:
    device = lab.enrol()
    batch = device.batch(outcome())
    assert device.deliver(batch).stored == 1
    lab.clock.advance(days=91)
    device.check_in()
    lab.flush()
    run_once(lab)
    with lab.store.reading() as connection:
        bodies = connection.exec_driver_sql("SELECT body FROM batches").scalars().all()
    assert [bytes(body) for body in bodies] == [b""], "the last one keeps its number"
    device.send(outcome("qoder"))
    run_once(lab)
    assert lab.count("batches") == 1
    assert device.deliver(batch).stored == 0
    assert lab.count("events") == 2


def test_findings_of_a_silent_device_go_and_come_back_with_it(lab: Lab) -> None:
    here, away = lab.enrol("here"), lab.enrol("away")
    for device in (here, away):
        device.send(outcome())
        device.check_in()
    lab.flush()
    lab.clock.advance(days=91)
    here.check_in()
    lab.flush()
    run_once(lab)
    assert removed(lab)["findings"] == 1
    assert lab.get("/devices/" + away.id)["findings"] == []
    assert len(lab.get("/devices/" + here.id)["findings"]) == 1
    assert away.check_in(findings="0" * 64).resend is True


def test_a_device_not_heard_of_goes_with_all_that_is_of_it(lab: Lab) -> None:
    here, away = lab.enrol("here"), lab.enrol("away")
    away.send(outcome(), Unseen(place="/x", reason="permission denied"))
    lab.store.write_now(lambda c: accept.raise_alarm(c, away.id, "content-conflict", "s 1", 0))
    lab.clock.advance(days=401)
    here.check_in()
    lab.flush()
    run_once(lab)
    assert [row["id"] for row in lab.get("/devices")["rows"]] == [here.id]
    assert [lab.count(table) for table in ("events", "batches", "alarms", "findings")] == [0, 0, 0, 0]
    assert removed(lab)["devices"] == 1
    with lab.store.reading() as connection:
        known = devices.by_token_hash(connection, tokens.hashed(away.token))
    assert known is None, "it enrols again, as a new device does"


def test_many_rows_go_in_small_steps_that_make_one_record(lab: Lab) -> None:
    device = lab.enrol()
    for _ in range(4):
        device.send(*(outcome(path=f"~/{number}") for number in range(400)))
    lab.clock.advance(days=401)
    device.check_in()
    lab.flush()
    run_once(lab)
    assert lab.count("events") == 0
    assert [row["rows"] for row in lab.get("/removals")["rows"] if row["kind"] == "events"] == [1600]


def test_only_one_node_is_at_it(lab: Lab) -> None:
    lab.enrol().send(outcome())
    lab.clock.advance(days=401)
    other = Retention(lab.store, Keep(), lab.clock)
    assert run_once(lab) is True
    assert run_once(lab, other) is False
    lab.clock.advance(minutes=11)
    assert run_once(lab, other) is True, "one that died holds nobody up"


def test_of_nodes_that_begin_at_once_one_is_at_it(lab: Lab) -> None:
    device = lab.enrol()
    for _ in range(3):
        device.send(*(outcome(path=f"~/{number}") for number in range(400)))
    lab.clock.advance(days=401)
    device.check_in()
    lab.flush()
    nodes = [Retention(lab.store, Keep(), lab.clock) for _ in range(4)]

    async def at_once() -> list[bool]:
        return await asyncio.gather(*(node.run_once() for node in nodes))

    portal: Any = lab.http.portal
    assert sorted(portal.call(at_once)) == [False, False, False, True]
    assert (lab.count("events"), removed(lab)["events"]) == (0, 1200)


def test_it_runs_by_itself_soon_after_the_start_and_then_every_hour(lab: Lab) -> None:
    lab = lab
    lab.enrol().send(outcome())
    lab.clock.advance(days=401)
    pauses: list[float] = []

    async def two_rounds() -> None:
        hour_over = asyncio.Event()

        async def pause(seconds: float) -> None:
            if seconds > 30:
                pauses.append(seconds)
            if len(pauses) == 2:
                hour_over.set()
                await asyncio.Event().wait()

        job = asyncio.create_task(Retention(lab.store, Keep(), lab.clock, pause=pause).run())
        await hour_over.wait()
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)

    portal: Any = lab.http.portal
    portal.call(two_rounds)
    assert lab.count("events") == 0
    assert 60 < pauses[0] < 400
    assert pauses[1] == 3600


def test_what_is_kept_for_ever_stays(lab: Lab) -> None:
    lab.enrol().send(outcome())
    lab.clock.advance(days=30_000)
    assert run_once(lab, Retention(lab.store, Keep(**dict.fromkeys(STEPS)), lab.clock))
    assert (lab.count("events"), lab.count("devices")) == (1, 1)


def test_intake_goes_on_while_it_removes(lab: Lab) -> None:
    device = lab.enrol()
    for _ in range(3):
        device.send(*(outcome(path=f"~/{number}") for number in range(500)))
    lab.clock.advance(days=401)
    device.check_in(hostname=HOST.hostname)
    lab.flush()
    stored: list[int] = []

    async def in_between(_seconds: float) -> None:
        batch = accept.Received(
            device=device.id,
            spool="s2",
            seq=len(stored) + 1,
            digest=b"d",
            body=b"b",
            received_us=to_us(lab.clock()),
            events=(),
        )
        await lab.store.write(lambda connection: accept.accept(connection, batch))
        stored.append(1)

    run_once(lab, Retention(lab.store, Keep(), lab.clock, pause=in_between))
    assert len(stored) > 3
    assert lab.count("batches") == len(stored), "none of them was lost, and what is old went"


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("--keep-events", "0d"),
        ("--keep-events", "a year"),
        ("--keep-alarms", "-1d"),
        ("--keep-batches", "٣d"),
    ],
)
def test_a_wrong_time_is_explained(tmp_path: Path, option: str, text: str) -> None:
    result = CliRunner().invoke(server, ["run", "--data", str(tmp_path), option, text])
    assert result.exit_code == 2
    assert option in result.output
    assert "400d" in result.output


def test_a_device_cannot_go_before_its_events() -> None:
    with pytest.raises(Failure, match="keep-devices"):
        read_keep({**DEFAULTS, "keep_events": "forever"})
    assert read_keep({**DEFAULTS, "keep_events": "forever", "keep_devices": "forever"}).events is None


def test_the_page_shows_what_is_kept_and_what_went(lab: Lab) -> None:
    lab.enrol().send(outcome())
    lab.clock.advance(days=401)
    run_once(lab)
    reply = lab.http.post(
        "/sign-in", data={"token": lab.admin_token}, headers={"sec-fetch-site": "same-origin"}
    )
    assert reply.status_code in (302, 303), reply.text
    page = lab.http.get("/kept").text
    assert "retention" in page
    assert "400" in page


# --- what the policy shortens ------------------------------------------------------------------------------

POLICY = "banned: [claude-code]\nprivacy: {{retention: {}d}}\n"


def after(lab: Lab, days: int, retention: Retention | None = None) -> list[str]:
    """The tools of the events that are left when the job runs then: one came at the start, one in between."""
    device = lab.enrol()
    device.send(outcome())
    lab.clock.advance(days=days - 1)
    device.send(outcome("qoder", path="~/q"))
    lab.clock.advance(days=1)
    device.check_in()
    lab.flush()
    run_once(lab, retention)
    return [row["tool"] for row in lab.get("/events")["rows"]]


def test_the_policys_retention_shortens_the_servers_own(lab: Lab) -> None:
    lab.publish(POLICY.format(30))
    assert after(lab, 31) == ["qoder"]
    assert lab.count("batches") == 1
    assert lab.count("findings") == 2, "what a device has now is no event"
    said = lab.get("/removals")
    assert said["keep"]["events"] == 400
    assert said["policy"] == {"number": 1, "days": 30}
    assert {name: said["in_force"][name] for name in STEPS} == {
        "events": 30,
        "batches": 30,
        "alarms": 400,
        "findings": 30,
        "devices": 400,
    }
    assert {(row["kind"], row["reason"]) for row in said["rows"]} == {
        ("events", "retention of policy number 1"),
        ("batches", "retention of policy number 1"),
    }


def test_on_the_day_itself_nothing_goes(lab: Lab) -> None:
    lab.publish(POLICY.format(30))
    assert after(lab, 30) == ["qoder", "claude-code"]


def test_it_never_lengthens_what_the_server_keeps(lab: Lab) -> None:
    lab.publish(POLICY.format(3650))
    assert after(lab, 401) == ["qoder"]
    assert lab.get("/removals")["in_force"] == lab.get("/removals")["keep"]
    assert {row["reason"] for row in lab.get("/removals")["rows"]} == {""}


def test_it_shortens_what_would_be_kept_for_ever(lab: Lab) -> None:
    lab.publish(POLICY.format(30))
    assert after(lab, 31, Retention(lab.store, Keep(**dict.fromkeys(STEPS)), lab.clock)) == ["qoder"]


def test_the_policy_in_force_counts_and_not_one_before(lab: Lab) -> None:
    lab.publish(POLICY.format(7))
    lab.publish("banned: [claude-code]\n", expected=1)
    assert after(lab, 31) == ["qoder", "claude-code"]


def test_in_its_canary_wave_it_removes_nothing_yet(lab: Lab) -> None:
    lab.publish(POLICY.format(90))
    lab.publish(POLICY.format(7), expected=1, canary=100.0)
    assert after(lab, 31) == ["qoder", "claude-code"]
    assert lab.get("/removals")["policy"] == {"number": 1, "days": 90}
    lab.post("/policies/2/release", ReleaseRequest())
    run_once(lab)
    assert [row["tool"] for row in lab.get("/events")["rows"]] == ["qoder"]


def test_of_a_device_not_heard_of_the_findings_go_with_the_events(lab: Lab) -> None:
    lab.publish(POLICY.format(30))
    lab.enrol().send(outcome())
    lab.clock.advance(days=31)
    run_once(lab)
    assert removed(lab) == {"events": 1, "batches": 1, "findings": 1}
    assert lab.count("devices") == 1


def test_the_pages_say_by_whom_it_is_shortened(sqlite_lab: Lab) -> None:
    lab = sqlite_lab
    lab.publish(POLICY.format(1))
    assert lab.http.get(f"/?token={lab.admin_token}").status_code == 303
    assert "for 1 day at most" in lab.http.get("/policy/1").text
    kept = lab.http.get("/kept").text
    assert kept.count("policy number 1</a>; the server's own setting is") == 3
    lab.publish("banned: []\n", expected=1)
    assert "the server's own setting says" in lab.http.get("/policy/2").text
    assert "policy number" not in lab.http.get("/kept").text
