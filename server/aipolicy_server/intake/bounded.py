"""The wire's records with the bounds the server sets: what passes fits into every database we know.

Each is its record of the wire, so the rest of the server sees that. The bounds stand in the types because the
decoder then checks them in C, at no cost that can be measured.
"""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from aipolicy.core.first_sights import ENTRY, LONGEST_TOOL, MOST_TOLD, TOOL, FirstSight, FirstSights
from aipolicy.core.model import Event, Evidence, Finding, Gone, Health, Outcome, Owner, Unseen, Verdict
from aipolicy.core.wire import MAX_BATCH_EVENTS, MAX_TAG, MAX_TAGS, Batch, CheckIn, EnrolRequest, HostInfo

Name = Annotated[str, Meta(max_length=256)]
"""Ids, names, versions: what is indexed, or shown in a column."""

Id = Annotated[str, Meta(min_length=1, max_length=200)]
"""What other rows are grouped by."""

Prose = Annotated[str, Meta(max_length=8192)]
"""Paths, messages, evidence."""

Uuid7 = Annotated[
    str, Meta(pattern="^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\\Z")
]
SpoolId = Annotated[str, Meta(pattern="^[A-Za-z0-9_.:-]{1,64}\\Z")]
Moment = Annotated[datetime, Meta(tz=True)]
Count = Annotated[int, Meta(ge=0, lt=2**53)]
Uid = Annotated[int, Meta(ge=-1, lt=2**53)]
Seq = Annotated[int, Meta(ge=1, lt=2**53)]


class BoundedOwner(Owner, frozen=True, kw_only=True):
    uid: Uid
    name: Name


class BoundedEvidence(Evidence, frozen=True, kw_only=True):
    kind: Name
    value: Prose


class BoundedFinding(Finding, frozen=True, kw_only=True):
    tool: Id
    name: Name
    vendor: Name
    category: Name
    version: Name | None
    because: tuple[BoundedEvidence, ...]
    owner: BoundedOwner
    path: Prose
    form: Name
    pid: Count | None = None


class BoundedVerdict(Verdict, frozen=True, kw_only=True):
    finding: BoundedFinding
    reason: Prose
    why: Prose
    message: Prose
    policy: Name
    catalog: Name


class BoundedOutcome(Outcome, frozen=True, kw_only=True):
    verdict: BoundedVerdict
    detail: Prose = ""


class BoundedGone(Gone, frozen=True, kw_only=True):
    tool: Id
    owner: BoundedOwner
    path: Prose


class BoundedUnseen(Unseen, frozen=True, kw_only=True):
    place: Prose
    reason: Prose


class BoundedHealth(Health, frozen=True, kw_only=True):
    part: Name
    condition: Name
    detail: Prose = ""
    count: Count = 0


class BoundedEvent(Event, frozen=True, kw_only=True):
    id: Uuid7
    time: Moment
    about: BoundedOutcome | BoundedGone | BoundedUnseen | BoundedHealth


class BoundedBatch(Batch, frozen=True, kw_only=True):
    spool: SpoolId
    seq: Seq
    events: Annotated[tuple[BoundedEvent, ...], Meta(max_length=MAX_BATCH_EVENTS)]


class BoundedHost(HostInfo, frozen=True, kw_only=True):
    hostname: Name
    os: Name
    os_version: Name
    arch: Name
    agent_version: Name


class BoundedEnrolRequest(EnrolRequest, frozen=True, kw_only=True):
    secret: Name
    host: BoundedHost


class BoundedCheckIn(CheckIn, frozen=True, kw_only=True):
    host: BoundedHost
    policy: Name
    mode: Name
    catalog: Name
    findings: Name
    pending: Count
    process_events: Name
    published: Count = 0
    refused: Count = 0
    refused_why: Prose = ""
    ceiling: Prose = ""
    tags: (
        Annotated[tuple[Annotated[str, Meta(max_length=MAX_TAG)], ...], Meta(max_length=MAX_TAGS)] | None
    ) = None
    first_sights: Name | None = None


class BoundedFirstSight(FirstSight, frozen=True, kw_only=True):
    tool: Annotated[str, Meta(pattern=TOOL, max_length=LONGEST_TOOL)]
    entry: Annotated[str, Meta(pattern=ENTRY)]
    at: Moment


class BoundedFirstSights(FirstSights, frozen=True, kw_only=True):
    machine: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?\Z")]
    sights: Annotated[tuple[BoundedFirstSight, ...], Meta(max_length=MOST_TOLD)]
