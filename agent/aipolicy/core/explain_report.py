"""What `aipolicy explain --format json` prints: one object, stable, checked against its schema in tests."""

from aipolicy.core.derive import Derivation, Strength
from aipolicy.core.model import Record
from aipolicy.core.rules import Rule
from aipolicy.core.scan_report import PolicyInUse, ReportedVerdict


class ExplainedVerdict(Record, frozen=True, kw_only=True):
    """A verdict and how it came about.

    derivation: how the finding did; null where a tool was asked for and nothing looked at.
    rules: every rule of the policy that is about the tool, strongest first: the first one decided.
    passed_over: the rules about it whose conditions do not hold.
    scopes: what each scope that was looked at made of machine and person.
    lowered_by: what made the action milder. told: what the person is told, empty where nothing is.
    """

    verdict: ReportedVerdict
    derivation: Derivation | None
    rules: tuple[Rule, ...]
    lowered_by: tuple[str, ...]
    told: str
    passed_over: tuple[Rule, ...] = ()
    scopes: tuple[str, ...] = ()


class Explanation(Record, frozen=True, kw_only=True):
    """about: what was asked. verdicts: one per tool found there, none where it is no AI tool.

    seen: what was looked at and found, in words. unseen: what could not be looked into.
    nothing: where no tool was found, what was sought and why nothing follows, in words.
    evidence: where a tool of the catalog was asked for, what gives it away, surest first.
    """

    schema: str = "aipolicy.explain/2"
    about: str
    policy: PolicyInUse
    verdicts: tuple[ExplainedVerdict, ...]
    seen: tuple[str, ...]
    unseen: tuple[str, ...]
    nothing: tuple[str, ...]
    evidence: tuple[Strength, ...]
