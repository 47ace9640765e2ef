"""What the store's queries answer with: typed rows for pages, API and export.

Times are aware UTC. Where a record of the wire says the same thing, its own type is used.
"""

from datetime import datetime

from aipolicy.core.first_sights import FirstSight
from aipolicy.core.model import Evidence, Record
from aipolicy.core.publishing import Rollout, RolloutStep


class DeviceRow(Record, frozen=True, kw_only=True):
    """One device, as the list shows it.

    id: the server's id of it. hostname, os, os_version, arch, agent_version: what it says of itself.
    enrolled: when. last_seen: last check-in or batch, null before the first.
    silent: not heard of for too long.
    revoked: when its credential was withdrawn, null while it is good.
    left: when it took its leave by itself, null where it did not.
    policy, mode, catalog: what it enforces, null before the first check-in.
    process_events: how it sees new processes (kernel or polling), null before the first check-in.
    pending: events that waited in its spool at the last check-in.
    published: the number of this server's policy that it enforces, 0 for one of its own, null before it says.
    refused, refused_why: the number of the policy that it was given and refuses, and why; null or 0 for none.
    ceiling: what keeps it below the policy's mode, in words; null or empty where nothing does.
    scanned: whether it has looked at everything since its start, null before it says.
    findings, banned: how many findings it has now, and how many of them are of banned tools.
    same_name: how many other devices, not revoked, carry the same hostname (enrolled again, or a clone).
    """

    id: str
    hostname: str
    os: str
    os_version: str
    arch: str
    agent_version: str
    enrolled: datetime
    last_seen: datetime | None
    silent: bool
    revoked: datetime | None
    left: datetime | None
    policy: str | None
    mode: str | None
    catalog: str | None
    process_events: str | None
    pending: int
    published: int | None
    refused: int | None
    refused_why: str | None
    ceiling: str | None
    scanned: bool | None
    findings: int
    banned: int
    same_name: int


class FindingRow(Record, frozen=True, kw_only=True):
    """One finding as the device last reported it, with the verdict and what was done.

    reason: the rule, as "policy.yaml:3". why: the policy's own words. message: what the person was told.
    first_seen: time of the first event about it on this device. changed: time of the latest.
    """

    device: str
    hostname: str
    tool: str
    name: str
    vendor: str
    category: str
    version: str | None
    state: str
    confidence: str
    because: tuple[Evidence, ...]
    owner: str
    uid: int
    path: str
    form: str
    pid: int | None
    ruling: str
    action: str
    done: str
    detail: str
    reason: str
    why: str
    message: str
    policy: str
    catalog: str
    first_seen: datetime
    changed: datetime


class EventRow(Record, frozen=True, kw_only=True):
    """One event of the log, flat. What a kind of event does not have is null.

    kind: outcome, gone, unseen or health. time: by the device's clock. received: by the server's.
    place: the path of a finding, the place not looked into, or the agent's part of a health event.
    reason: the policy's rule (outcome), why it could not look (unseen), the condition (health).
    count: records affected (health). because: the evidence, empty without any.
    """

    id: str
    device: str
    hostname: str
    time: datetime
    received: datetime
    kind: str
    tool: str | None = None
    name: str | None = None
    vendor: str | None = None
    version: str | None = None
    state: str | None = None
    confidence: str | None = None
    form: str | None = None
    owner: str | None = None
    ruling: str | None = None
    action: str | None = None
    done: str | None = None
    place: str | None = None
    reason: str | None = None
    why: str | None = None
    message: str | None = None
    detail: str | None = None
    policy: str | None = None
    catalog: str | None = None
    count: int | None = None
    because: tuple[Evidence, ...] = ()


class RulingCount(Record, frozen=True, kw_only=True):
    """How much of the fleet falls under one ruling. people: distinct login names."""

    ruling: str
    tools: int
    devices: int
    people: int
    findings: int


class ToolRow(Record, frozen=True, kw_only=True):
    """One tool over the fleet. banned, unlisted, approved, exempt: its findings by ruling."""

    tool: str
    name: str
    vendor: str
    category: str
    devices: int
    people: int
    findings: int
    running: int
    banned: int
    unlisted: int
    approved: int
    exempt: int


class PolicyCount(Record, frozen=True, kw_only=True):
    """How many devices enforce this policy version in this mode (both null: never checked in)."""

    policy: str | None
    mode: str | None
    devices: int


class AlarmRow(Record, frozen=True, kw_only=True):
    """Something a device sent that must not happen: a hint at a clone or a forgery.

    kind: "content-conflict" (a batch number used twice) or "wrong-device" (a batch in another's name).
    subject: which batch or device. first, last: when, by the server's clock. count: how often.
    """

    device: str
    hostname: str
    kind: str
    subject: str
    first: datetime
    last: datetime
    count: int


class Overview(Record, frozen=True, kw_only=True):
    """The first page. devices: not revoked. with_banned: devices that have a banned tool now.

    unscanned: devices whose first scan has not ended.

    held: devices that something keeps below the policy's mode. safe: of these, in safe mode. current: number
    of the policy published last, 0 for none. rollout: where devices stand next to it. step: how far it may
    come, null for everybody.

    rulings: banned, unlisted, approved, exempt, in this order, zeros included.
    tools: by banned findings, then by devices.
    enforcement: the latest events where the agent acted or failed to.
    """

    devices: int
    silent: int
    never_seen: int
    unscanned: int
    with_banned: int
    rulings: tuple[RulingCount, ...]
    tools: tuple[ToolRow, ...]
    policies: tuple[PolicyCount, ...]
    enforcement: tuple[EventRow, ...]
    alarms: tuple[AlarmRow, ...]
    held: int
    safe: int
    current: int
    rollout: Rollout
    step: RolloutStep | None = None


class DevicePage(Record, frozen=True, kw_only=True):
    """A page of devices. next: hand it in as `after` for the following page, null on the last."""

    rows: tuple[DeviceRow, ...]
    next: str | None


class FindingPage(Record, frozen=True, kw_only=True):
    """A page of findings. next: hand it in as `after` for the following page, null on the last."""

    rows: tuple[FindingRow, ...]
    next: str | None


class EventPage(Record, frozen=True, kw_only=True):
    """A page of events, newest first. next: hand it in as `after` for the older page, null on the last."""

    rows: tuple[EventRow, ...]
    next: str | None


class DeviceDetail(Record, frozen=True, kw_only=True):
    """One device: itself, findings (banned first), latest events, alarms, and when graces began on it."""

    device: DeviceRow
    findings: tuple[FindingRow, ...]
    events: EventPage
    alarms: tuple[AlarmRow, ...]
    first_sights: tuple[FirstSight, ...]


class VersionCount(Record, frozen=True, kw_only=True):
    """version: null where it could not be read."""

    version: str | None
    devices: int
    findings: int


class OwnerCount(Record, frozen=True, kw_only=True):
    """owner: a login name."""

    owner: str
    devices: int
    findings: int


class DoneCount(Record, frozen=True, kw_only=True):
    """How many events say the agent did this. latest: the time of the last one."""

    done: str
    events: int
    latest: datetime


class ToolDetail(Record, frozen=True, kw_only=True):
    """One tool over the fleet.

    done: over all events in which an agent acted or could not. findings: the first page of them.
    """

    tool: ToolRow
    versions: tuple[VersionCount, ...]
    owners: tuple[OwnerCount, ...]
    done: tuple[DoneCount, ...]
    findings: FindingPage


class Choices(Record, frozen=True, kw_only=True):
    """What the event log's filters can be set to: (id, name) of tools that were ever reported."""

    tools: tuple[tuple[str, str], ...]


class DeviceFilter(Record, frozen=True, kw_only=True):
    """Which devices. text: part of hostname or id. tool: has a finding of it. silent, banned: only those.

    standing: next to the policy published last; see store.policies.standing. held: only those that something
    keeps below the policy's mode. safe: only those in safe mode. unscanned: only those whose first
    scan has not ended.
    """

    text: str = ""
    tool: str = ""
    policy: str = ""
    standing: str = ""
    held: bool = False
    safe: bool = False
    unscanned: bool = False
    silent: bool = False
    banned: bool = False


class EventFilter(Record, frozen=True, kw_only=True):
    """Which events; an empty field does not filter.

    device: an id. since: from this moment on. until: before this moment.
    text: part of tool, version, owner, place, detail or hostname, in either case.
    """

    tool: str = ""
    device: str = ""
    owner: str = ""
    ruling: str = ""
    done: str = ""
    kind: str = ""
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""


class RemovalRow(Record, frozen=True, kw_only=True):
    """What was removed for good of one kind, by one act.

    cause: retention, or person or device where one was erased. kind: events, batches, alarms, findings,
    devices; names for authors of policies and the like that were blanked. rows: how many.
    before: retention removed what was older than this, null for what was erased.
    began, ended: when, by the server's clock. by, reason: who asked and why, empty for retention.
    subject: a keyed hash of the person or device, null for retention: the record itself names nobody.
    """

    cause: str
    kind: str
    rows: int
    before: datetime | None
    began: datetime
    ended: datetime
    by: str
    reason: str
    subject: str | None


class RemovalPage(Record, frozen=True, kw_only=True):
    """One page of what was removed, the newest first. next: to get the following page, or null."""

    rows: tuple[RemovalRow, ...]
    next: str | None
