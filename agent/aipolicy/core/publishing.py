"""What whoever publishes a policy and the server say to each other: requests, the history, refusals."""

from datetime import datetime
from enum import StrEnum

from aipolicy.core.model import Action, Record
from aipolicy.core.problem import Problem
from aipolicy.core.published import Brake

POLICIES_PATH = "/api/v1/policies"


class Step(StrEnum):
    """How far a policy may come: to the canary wave only, no further (held), to everybody."""

    CANARY = "canary"
    HELD = "held"
    EVERYBODY = "everybody"


class PublishRequest(Record, frozen=True, kw_only=True):
    """Body of POST /api/v1/policies. commit, author, approver: as CI names them, or empty.

    canary: the percentage of all devices that gets it first, by the place that `percent` in a policy goes
    by, too; null for everybody at once. forecast_machines, forecast_devices: what a plan foresaw: of so many
    devices, so many machines have something that it blocks; null where none did.
    """

    schema: str = "aipolicy.publish/1"
    name: str
    content: str
    commit: str = ""
    author: str = ""
    approver: str = ""
    canary: float | None = None
    forecast_machines: int | None = None
    forecast_devices: int | None = None


class ReleaseRequest(Record, frozen=True, kw_only=True):
    """Body of POST /api/v1/policies/NUMBER/release: it goes to everybody. reason: why, or empty."""

    schema: str = "aipolicy.release/1"
    reason: str = ""


class RollbackRequest(Record, frozen=True, kw_only=True):
    """Body of POST /api/v1/policies/NUMBER/rollback."""

    schema: str = "aipolicy.rollback/1"
    author: str = ""
    approver: str = ""


class BrakeRequest(Record, frozen=True, kw_only=True):
    """Body of POST /api/v1/brake. pulled: false lifts it."""

    schema: str = "aipolicy.brake-request/1"
    pulled: bool
    reason: str = ""


class RolloutStep(Record, frozen=True, kw_only=True):
    """The last step of a policy that did not go to everybody at once.

    percent: of the canary wave. reason: why it is held or went on. by: who; "the server" where it held it.
    """

    step: Step
    percent: float
    reason: str
    by: str
    at: datetime


class Published(Record, frozen=True, kw_only=True):
    """One published policy.

    number: grows with each publication. version: the first 12 hex digits of sha256, as verdicts name it.
    sha256: of its text. name: the file's name. mode: the most that it lets agents do.
    commit, author, approver: as CI named them, or empty. by: whose token published it. at: when.
    copy_of: the number whose text was published again by a rollback, else null.
    step: how far it may come, null where it went to everybody at once.
    retention_days: its `privacy.retention`, null where it has none.
    """

    number: int
    version: str
    sha256: str
    name: str
    mode: Action
    commit: str
    author: str
    approver: str
    by: str
    at: datetime
    copy_of: int | None
    step: RolloutStep | None = None
    retention_days: int | None = None


class Rollout(Record, frozen=True, kw_only=True):
    """How many devices that are not revoked stand where, next to the policy published last.

    current: enforce it. older: enforce one published before. refusing: were given it and refuse it.
    own: enforce a policy of their own, a file. unknown: never checked in.
    """

    current: int
    older: int
    refusing: int
    own: int
    unknown: int


class History(Record, frozen=True, kw_only=True):
    """Published policies, the newest first. next: hand it in as `after` for the older page, null on the last.

    current: the number that is to be in force, 0 where none was published.
    """

    current: int
    rollout: Rollout
    rows: tuple[Published, ...]
    next: str | None


class PublishedText(Record, frozen=True, kw_only=True):
    """One published policy with its text, and what it changed.

    before: the number that was in force before it, null for the first. diff: unified, against that one;
    null where the texts are too long to compare.
    """

    policy: Published
    content: str
    before: int | None
    diff: str | None


class BrakeState(Record, frozen=True, kw_only=True):
    """brake: the server's emergency brake, null where it is not pulled."""

    brake: Brake | None


class BadPolicy(Record, frozen=True, kw_only=True):
    """Body of the refusal of a wrong policy: a wire.Problem with all that is wrong in the text."""

    schema: str = "aipolicy.problem/1"
    status: int
    code: str
    title: str
    problems: tuple[Problem, ...] = ()
