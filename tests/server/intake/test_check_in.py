"""POST /v1/checkin: last-seen times are collected, and findings that drifted apart come together again."""

from datetime import timedelta

import msgspec

from aipolicy.core import wire
from aipolicy.core.model import Health, Outcome, Ruling
from aipolicy.state.changes import everything_again
from aipolicy.state.records import Ledger
from aipolicy_server.store.drift import TOLD_AGAIN
from server_lab import START, Device, Lab, gone, outcome, problem

AGAIN = Health(part=TOLD_AGAIN[0], condition=TOLD_AGAIN[1])


def shown(lab: Lab, device: Device) -> dict[str, object]:
    row: dict[str, object] = lab.get(f"/devices/{device.id}")["device"]
    return row


def digest(*outcomes: Outcome) -> str:
    return wire.findings_digest(outcomes)


def test_a_check_in_says_what_the_device_enforces_and_when_it_was_seen(lab: Lab) -> None:
    device = lab.enrol()
    lab.clock.advance(minutes=5)
    device.check_in(policy="cafe00000001", mode="block", hostname="renamed", pending=0)
    lab.flush()
    row = shown(lab, device)
    assert (row["policy"], row["mode"], row["hostname"]) == ("cafe00000001", "block", "renamed")
    assert (row["last_seen"], row["process_events"]) == ("2026-03-01T12:05:00Z", "kernel")


def test_check_ins_cost_no_write_of_their_own(lab: Lab) -> None:
    device = lab.enrol()
    for _ in range(20):
        device.check_in()
    assert shown(lab, device)["last_seen"] is None
    lab.flush()
    assert shown(lab, device)["last_seen"] == "2026-03-01T12:00:00Z"


def test_a_batch_after_the_check_in_does_not_wipe_what_it_said(lab: Lab) -> None:
    device = lab.enrol()
    device.check_in(policy="cafe00000001")
    lab.clock.advance(seconds=5)
    device.send(outcome())
    lab.flush()
    lab.clock.advance(seconds=5)
    device.send(outcome())
    lab.flush()
    row = shown(lab, device)
    assert (row["policy"], row["last_seen"]) == ("cafe00000001", "2026-03-01T12:00:10Z")


def test_a_device_is_silent_after_three_missed_check_ins(lab: Lab) -> None:
    device = lab.enrol()
    lab.clock.advance(minutes=44)
    assert shown(lab, device)["silent"] is False
    lab.clock.advance(minutes=2)
    assert shown(lab, device)["silent"] is True
    assert lab.get("/overview")["silent"] == 1
    assert [d["id"] for d in lab.get("/devices", silent="true")["rows"]] == [device.id]
    device.check_in()
    lab.flush()
    assert shown(lab, device)["silent"] is False


def test_the_next_check_in_is_spread_around_the_interval(sqlite_lab: Lab) -> None:
    device = sqlite_lab.enrol()
    times = {device.check_in().next_s for _ in range(40)}
    assert all(810 <= t <= 990 for t in times)
    assert len(times) > 5


def test_equal_findings_ask_for_nothing(lab: Lab) -> None:
    device = lab.enrol()
    mine = (outcome(), outcome(tool="cursor", ruling=Ruling.UNLISTED, version=None))
    device.send(*mine)
    assert device.check_in(digest(*mine)).resend is False
    assert device.check_in(digest(*reversed(mine))).resend is False
    assert lab.enrol().check_in(digest()).resend is False


def test_a_finding_that_is_missing_here_is_sent_again(lab: Lab) -> None:
    device = lab.enrol()
    mine = (outcome(), outcome(tool="cursor"))
    device.send(mine[0])
    assert device.check_in(digest(*mine)).resend is True
    lab.clock.advance(minutes=1)
    device.send(AGAIN, *mine)
    assert device.check_in(digest(*mine)).resend is False


def test_a_finding_that_is_only_here_is_dropped_once_all_was_sent_again(lab: Lab) -> None:
    device = lab.enrol()
    stays, stale = outcome(), outcome(tool="cursor")
    device.send(stays, stale)
    lab.clock.advance(minutes=1)
    assert device.check_in(digest(stays)).resend is True
    assert lab.count("findings") == 2  # nothing is dropped before the device had its say
    lab.clock.advance(minutes=1)
    device.send(AGAIN)
    device.send(stays)
    lab.clock.advance(minutes=14)
    assert device.check_in(digest(stays)).resend is False
    assert [f["tool"] for f in lab.get(f"/devices/{device.id}")["findings"]] == ["claude-code"]


def test_nothing_is_dropped_while_the_device_has_not_told_all_again(lab: Lab) -> None:
    device = lab.enrol()
    one, two = outcome(), outcome(tool="cursor")
    device.send(one)
    for _ in range(3):  # a device takes its time when it is asked often
        lab.clock.advance(minutes=15)
        assert device.check_in(digest(one, two)).resend is True
    device.send(two)  # it came by itself, and `one` was not sent again
    assert device.check_in(digest(one, two)).resend is False
    assert device.check_in(digest(one, two, outcome(tool="x"))).resend is True
    assert lab.count("findings") == 2


def test_the_agent_opens_what_it_tells_again_as_the_server_expects() -> None:
    (head,) = everything_again(Ledger(known={}, unseen={})).tell
    assert isinstance(head.about, Health)
    assert (head.about.part, head.about.condition) == TOLD_AGAIN


def test_what_still_waits_in_the_spool_is_not_taken_for_drift(lab: Lab) -> None:
    device = lab.enrol()
    assert device.check_in(digest(outcome()), pending=1).resend is False
    assert device.check_in("", pending=0).resend is False


def test_the_digest_is_the_wires_own_for_whatever_was_reported(lab: Lab) -> None:
    device = lab.enrol()
    mine = tuple(
        outcome(path=path, version=version, uid=uid, ruling=ruling)
        for path, version, uid, ruling in [
            ("~/a", None, 0, Ruling.APPROVED),
            ("~/\u00e9\U0001f600", "1", 1, Ruling.EXEMPT),
            ("~/b\\xff", "", 4294967294, Ruling.UNLISTED),
        ]
    )
    device.send(*mine, outcome(path="~/c"), gone(outcome(path="~/c")), at=START + timedelta(days=1))
    assert device.check_in(digest(*mine)).resend is False


def test_a_bad_check_in_is_refused(sqlite_lab: Lab) -> None:
    device = sqlite_lab.enrol()
    plain = {"content-encoding": ""}
    assert problem(device.post(b"{}", wire.CHECK_IN_PATH, **plain)) == (422, "bad-request")
    said = {"host": {}, "policy": "", "mode": "", "catalog": "", "findings": "", "pending": 0}
    assert problem(device.post(msgspec.json.encode(said), wire.CHECK_IN_PATH, **plain)) == (
        422,
        "bad-request",
    )
    assert problem(device.post(b" " * 70_000, wire.CHECK_IN_PATH, **plain)) == (413, "too-large")
