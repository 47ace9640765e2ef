"""What somebody should look at first, drawn from the overview: pure, so that each notice has a test."""

from collections.abc import Sequence
from typing import Final, Literal

from aipolicy.core.model import Done, Record
from aipolicy.core.plural import plural
from aipolicy.core.publishing import Step
from aipolicy_server.console.show import shown
from aipolicy_server.store.queries import SILENT_AFTER
from aipolicy_server.store.rows import DeviceRow, EventRow, Overview

_STUCK: Final = {Done.NOT_ENFORCEABLE: "could not be enforced", Done.FAILED: "was tried and failed"}
_NAMED: Final = 3
_SILENT_MINUTES: Final = int(SILENT_AFTER.total_seconds() // 60)


class Notice(Record, frozen=True, kw_only=True):
    """One thing to look at. text: what. more: which, or what to do. url: where to see it."""

    weight: Literal["grave", "mild", "good"]
    shape: str
    text: str
    more: str
    url: str


def notices(overview: Overview, stuck: Sequence[EventRow], silent: Sequence[DeviceRow]) -> tuple[Notice, ...]:
    """Gravest first. stuck: the latest events of bans not put into effect. silent: some of those devices."""
    found = [
        *_alarms(overview),
        *_banned(overview),
        *_stuck(stuck),
        *_in_safe_mode(overview),
        *_refusing(overview),
        *_held_policy(overview),
        *_silent(overview, silent),
        *_never_seen(overview),
        *_unscanned(overview),
        *_held(overview),
        *_policies(overview),
    ]
    if found:
        return tuple(found)
    return (
        Notice(
            weight="good",
            shape="check",
            text="Nothing needs attention.",
            more="No banned tool is on any device, and every device reports.",
            url="",
        ),
    )


def _alarms(overview: Overview) -> list[Notice]:
    said = {
        "content-conflict": "used one batch number for two different reports",
        "wrong-device": "sent a report in another device's name",
    }
    return [
        Notice(
            weight="grave",
            shape="alert",
            text=f"{shown(alarm.hostname, 60)} {said.get(alarm.kind, shown(alarm.kind, 60))}.",
            more="A copied state folder or a forged report: enrol that device again.",
            url=f"/devices/{alarm.device}",
        )
        for alarm in overview.alarms
    ]


def _banned(overview: Overview) -> list[Notice]:
    tools = [tool for tool in overview.tools if tool.banned]
    if not tools:
        return []
    where = plural(overview.with_banned, "device")
    return [
        Notice(
            weight="grave",
            shape="stop",
            text=f"{plural(len(tools), 'banned tool')} on {where}.",
            more=_some([shown(tool.name, 40) for tool in tools]),
            url="/devices?banned=1",
        )
    ]


def _stuck(events: Sequence[EventRow]) -> list[Notice]:
    found = []
    for done, said in _STUCK.items():
        mine = [event for event in events if event.done == done]
        if not mine:
            continue
        pairs = dict.fromkeys(f"{shown(e.name, 40)} on {shown(e.hostname, 40)}" for e in mine)
        devices = plural(len({e.device for e in mine}), "device")
        found.append(
            Notice(
                weight="grave",
                shape="alert",
                text=f"A ban {said} lately on {devices}.",
                more=_some(list(pairs)),
                url=f"/events?done={done}",
            )
        )
    return found


def _silent(overview: Overview, silent: Sequence[DeviceRow]) -> list[Notice]:
    if not overview.silent:
        return []
    devices = f"{plural(overview.silent, 'device')} {'has' if overview.silent == 1 else 'have'}"
    return [
        Notice(
            weight="mild",
            shape="silent",
            text=f"{devices} not been heard of for {_SILENT_MINUTES} minutes.",
            more=_some([shown(device.hostname, 40) for device in silent], overview.silent),
            url="/devices?silent=1",
        )
    ]


def _never_seen(overview: Overview) -> list[Notice]:
    if not overview.never_seen:
        return []
    return [
        Notice(
            weight="mild",
            shape="silent",
            text=f"{plural(overview.never_seen, 'device')} enrolled and never reported.",
            more="Look at its agent with: aipolicy doctor",
            url="/devices",
        )
    ]


def _unscanned(overview: Overview) -> list[Notice]:
    if not overview.unscanned:
        return []
    devices = f"{plural(overview.unscanned, 'device')} {'has' if overview.unscanned == 1 else 'have'}"
    return [
        Notice(
            weight="mild",
            shape="open",
            text=f"{devices} not ended the first scan.",
            more="What is installed there is not known yet: seconds on most, minutes where much is new.",
            url="/devices?unscanned=1",
        )
    ]


def _refusing(overview: Overview) -> list[Notice]:
    if not overview.rollout.refusing:
        return []
    devices = plural(overview.rollout.refusing, "device")
    return [
        Notice(
            weight="grave",
            shape="alert",
            text=f"{devices} {'refuses' if overview.rollout.refusing == 1 else 'refuse'} the policy.",
            more=f"Number {overview.current}, published last; the page of each device says why.",
            url="/devices?standing=refusing",
        )
    ]


def _held_policy(overview: Overview) -> list[Notice]:
    if overview.step is None or overview.step.step is not Step.HELD:
        return []
    return [
        Notice(
            weight="grave",
            shape="alert",
            text=f"Policy number {overview.current} is held: most devices keep the one before.",
            more=shown(overview.step.reason, 300),
            url="/policy",
        )
    ]


def _in_safe_mode(overview: Overview) -> list[Notice]:
    if not overview.safe:
        return []
    devices = plural(overview.safe, "device")
    return [
        Notice(
            weight="grave",
            shape="alert",
            text=f"{devices} in safe mode {'only reports' if overview.safe == 1 else 'only report'}.",
            more="The agent went wrong at start after start; the page of each device says what is set aside.",
            url="/devices?safe=1",
        )
    ]


def _held(overview: Overview) -> list[Notice]:
    if overview.held == overview.safe:
        return []
    devices = f"{plural(overview.held, 'device')} {'does' if overview.held == 1 else 'do'}"
    return [
        Notice(
            weight="mild",
            shape="open",
            text=f"{devices} less than the policy says.",
            more="A brake was pulled, for all or there; or an agent is in safe mode.",
            url="/devices?held=1",
        )
    ]


def _policies(overview: Overview) -> list[Notice]:
    versions = {policy.policy for policy in overview.policies if policy.policy}
    if len(versions) < 2:
        return []
    return [
        Notice(
            weight="mild",
            shape="open",
            text=f"{len(versions)} policy versions are in force at once.",
            more="Normal while a new policy is rolled out; otherwise some devices are behind.",
            url="/policy",
        )
    ]


def _some(names: Sequence[str], total: int | None = None) -> str:
    """The first few, and how many more there are."""
    total = len(names) if total is None else total
    rest = total - min(len(names), _NAMED)
    return ", ".join(names[:_NAMED]) + (f" and {rest:,} more" if rest > 0 else "")
