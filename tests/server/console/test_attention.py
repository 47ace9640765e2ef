"""Each notice of the overview, from the facts that call for it."""

from datetime import UTC, datetime

import msgspec

from aipolicy.core.publishing import Rollout
from aipolicy_server.console.attention import notices
from aipolicy_server.store.rows import AlarmRow, EventRow, Overview, PolicyCount, ToolRow

NOW = datetime(2026, 11, 24, tzinfo=UTC)
CALM = Overview(
    devices=3,
    silent=0,
    never_seen=0,
    unscanned=0,
    with_banned=0,
    rulings=(),
    tools=(),
    policies=(PolicyCount(policy="a", mode="block", devices=3),),
    enforcement=(),
    alarms=(),
    held=0,
    safe=0,
    current=0,
    rollout=Rollout(current=0, older=0, refusing=0, own=3, unknown=0),
)


def tool(name: str, banned: int) -> ToolRow:
    return ToolRow(
        tool=name,
        name=name,
        vendor="v",
        category="cli",
        devices=1,
        people=1,
        findings=banned,
        running=0,
        banned=banned,
        unlisted=0,
        approved=0,
        exempt=0,
    )


def stuck(done: str, tool: str, hostname: str) -> EventRow:
    return EventRow(
        id="e", device="d", hostname=hostname, time=NOW, received=NOW, kind="outcome", name=tool, done=done
    )


def texts(overview: Overview, events: tuple[EventRow, ...] = ()) -> list[str]:
    return [f"{notice.text} {notice.more}" for notice in notices(overview, events, ())]


def test_calm() -> None:
    (notice,) = notices(CALM, (), ())
    assert notice.weight == "good"


def test_banned_tools_are_named_the_first_three() -> None:
    many = tuple(tool(f"t{n}", 1) for n in range(5))
    found = texts(msgspec.structs.replace(CALM, with_banned=2, tools=(*many, tool("fine", 0))))
    assert found == ["5 banned tools on 2 devices. t0, t1, t2 and 2 more"]


def test_a_ban_that_could_not_be_enforced_is_told_apart_from_one_that_failed() -> None:
    events = (
        stuck("not_enforceable", "Copilot", "a"),
        stuck("not_enforceable", "Copilot", "a"),
        stuck("failed", "Claude", "b"),
    )
    assert texts(CALM, events) == [
        "A ban could not be enforced lately on 1 device. Copilot on a",
        "A ban was tried and failed lately on 1 device. Claude on b",
    ]


def test_forgery_comes_first() -> None:
    alarm = AlarmRow(
        device="d", hostname="evil", kind="wrong-device", subject="x", first=NOW, last=NOW, count=2
    )
    overview = msgspec.structs.replace(CALM, alarms=(alarm,), with_banned=1, tools=(tool("t", 1),), silent=1)
    found = notices(overview, (), ())
    assert found[0].text == "evil sent a report in another device's name."
    assert [notice.weight for notice in found] == ["grave", "grave", "mild"]


def test_policy_versions_side_by_side() -> None:
    one = PolicyCount(policy="b", mode="block", devices=1)
    never = PolicyCount(policy=None, mode=None, devices=1)
    assert texts(msgspec.structs.replace(CALM, policies=(*CALM.policies, never)))[0].startswith("Nothing")
    assert texts(msgspec.structs.replace(CALM, policies=(*CALM.policies, one)))[0].startswith("2 policy")


def test_devices_that_have_not_ended_their_first_scan_are_not_passed_over() -> None:
    assert texts(msgspec.structs.replace(CALM, unscanned=1)) == [
        "1 device has not ended the first scan. "
        "What is installed there is not known yet: seconds on most, minutes where much is new."
    ]


def test_safe_mode_is_said_by_itself_and_not_twice() -> None:
    assert texts(msgspec.structs.replace(CALM, held=2, safe=2)) == [
        "2 devices in safe mode only report. "
        "The agent went wrong at start after start; the page of each device says what is set aside."
    ]
    both = texts(msgspec.structs.replace(CALM, held=2, safe=1))
    assert both[0].startswith("1 device in safe mode only reports.")
    assert both[1].startswith("2 devices do less than the policy says.")
    assert texts(msgspec.structs.replace(CALM, held=1))[0].startswith("1 device does less")
