"""What `aipolicy policy plan --format json` prints: one object, stable, with a schema."""

from datetime import datetime
from enum import StrEnum

from aipolicy.core.model import Action, Record, Ruling
from aipolicy.core.scan_report import PolicyInUse


class Effect(StrEnum):
    """What a change does to a finding, the gravest first.

    blocked: it is stopped now. later: it will be stopped, from a day on that is known. warned: people are
    warned now. eased: it was stopped and is only warned of. freed: it was stopped or warned of and is neither
    any more. renamed: nobody notices, but reports say something else.
    """

    BLOCKED = "blocked"
    LATER = "blocked later"
    WARNED = "warned"
    EASED = "eased"
    FREED = "freed"
    RENAMED = "reported otherwise"


class Said(Record, frozen=True, kw_only=True):
    """What a policy says of a finding. rule: file and line."""

    ruling: Ruling
    action: Action
    rule: str


class Hit(Record, frozen=True, kw_only=True):
    """How much something hits. people: login names. running: what of it runs now, running_machines: where."""

    machines: int
    people: int
    findings: int
    running: int
    running_machines: int


class Change(Record, frozen=True, kw_only=True):
    """What becomes of one tool under one rule.

    after: null where the new catalog does not recognise it any more. day: when it will be blocked, else null.
    """

    effect: Effect
    tool: str
    name: str
    before: Said
    after: Said | None
    day: str | None
    hit: Hit


class Total(Record, frozen=True, kw_only=True):
    """All changes with one effect: somebody with two tools counts once."""

    effect: Effect
    hit: Hit


class Moment(Record, frozen=True, kw_only=True):
    """A moment ahead at which the new policy says something else by itself. changes: what it changes then."""

    at: datetime
    totals: tuple[Total, ...]
    changes: tuple[Change, ...]


class Wave(Record, frozen=True, kw_only=True):
    """What is newly blocked, now or later, once scopes with `percent` are for this part of the machines."""

    percent: str
    hit: Hit


class Limit(Record, frozen=True, kw_only=True):
    """The most that may be newly blocked, now or later. text: as it was given."""

    of: str
    text: str
    most: int
    found: int
    exceeded: bool


class InventoryInUse(Record, frozen=True, kw_only=True):
    """What the plan was made from. people: those who have an AI tool."""

    taken_at: datetime
    devices: int
    people: int
    findings: int


class PlanReport(Record, frozen=True, kw_only=True):
    """The plan.

    against: the policy before; null where it is what the agents reported last.
    catalog: the version of the new catalog where the plan is about one, else null.
    totals, changes: the gravest first. blocked: all that the new policy blocks now, newly or not: what
    `policy publish --plan` hands to the server as the forecast. waves: empty where no scope has `percent`;
    the first is as written.
    ahead: moments within `ahead_days`, the next first.
    notes: what the plan could not tell, in sentences.
    """

    schema: str = "aipolicy.plan/1"
    made_at: datetime
    policy: PolicyInUse
    against: PolicyInUse | None
    catalog: str | None
    inventory: InventoryInUse
    totals: tuple[Total, ...]
    blocked: Hit
    changes: tuple[Change, ...]
    waves: tuple[Wave, ...]
    ahead_days: int
    ahead: tuple[Moment, ...]
    limits: tuple[Limit, ...]
    notes: tuple[str, ...]
