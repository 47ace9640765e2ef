"""Runs the tests that a policy carries: the decision of every machine, on the one that a test describes."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from aipolicy.core.days import in_words
from aipolicy.core.decide import Explanation, explain, first_change
from aipolicy.core.model import (
    Action,
    Confidence,
    Context,
    Evidence,
    Finding,
    Owner,
    Record,
    State,
)
from aipolicy.core.policy import Policy
from aipolicy.core.policy_test import PolicyTest
from aipolicy.core.tools import Catalog

_LONG_AGO: Final = datetime(1999, 1, 1, tzinfo=UTC)
"""Before every day that a policy can name."""


class TestResult(Record, frozen=True, kw_only=True):
    """One test.

    rule: where it stands. about: what it asks, in words. expected, got: the actions; got is null where it
    depends on the day. ok: whether they agree. reason: the rule that decided. why: what made a failure.
    """

    __test__ = False  # pytest takes its name for a test class

    rule: str
    about: str
    expected: Action
    got: Action | None
    ok: bool
    reason: str
    why: str = ""


def run_tests(policy: Policy, catalog: Catalog) -> tuple[TestResult, ...]:
    """What came of each test, in their order."""
    return tuple(_run(test, policy, catalog) for test in policy.tests)


def _run(test: PolicyTest, policy: Policy, catalog: Catalog) -> TestResult:
    found, context = _finding(test, catalog), _context(test, policy)
    explained = explain(found, policy, context, "")
    action = explained.verdict.action
    if test.at is None and (change := first_change(found, policy, context)) is not None:
        at, later = change
        why = f"it depends on the day: {action} before {in_words(at)}, {later} from then on; state `at`"
        return _result(test, explained, None, why)
    return _result(test, explained, action, "" if action is test.expect else _why(explained))


def _result(test: PolicyTest, explained: Explanation, got: Action | None, why: str) -> TestResult:
    return TestResult(
        rule=test.rule,
        about="; ".join(_about(test)),
        expected=test.expect,
        got=got,
        ok=got is test.expect,
        reason=explained.verdict.reason,
        why=why,
    )


def _sights(test: PolicyTest, policy: Policy) -> dict[str, datetime]:
    if test.first_seen is None:
        return {}
    return {entry.id: test.first_seen for entry in policy.entries if entry.grace is not None}


def _context(test: PolicyTest, policy: Policy) -> Context:
    """On the day that the test states, else before every other."""
    return Context(
        now=test.at or test.first_seen or _LONG_AGO,
        device="",
        hostname=test.host,
        os=test.os,
        owner=test.user,
        groups=test.groups,
        tags=test.tags,
        rollout=None if test.rollout is None else float(test.rollout),
        first_seen=_sights(test, policy),
    )


def _finding(test: PolicyTest, catalog: Catalog) -> Finding:
    tool = catalog.by_id[test.tool]
    return Finding(
        tool=tool.id,
        name=tool.name,
        vendor=tool.vendor,
        category=tool.category,
        version=test.version,
        state=State.INSTALLED,
        confidence=Confidence.CERTAIN,
        because=(Evidence(kind="asked", value=test.rule),),
        owner=Owner(uid=-1, name=test.user),
        path="",
        form="in a test",
    )


def _about(test: PolicyTest) -> Iterator[str]:
    yield f"{test.tool}@{test.version}" if test.version else test.tool
    if test.user or test.groups:
        groups = f" in {', '.join(sorted(test.groups))}" if test.groups else ""
        yield f"of {test.user or 'somebody'}{groups}"
    if test.host or test.tags or test.os != "linux":
        tags = f" tagged {', '.join(sorted(test.tags))}" if test.tags else ""
        yield f"on {test.host or 'a machine'} ({test.os}){tags}"
    if test.rollout is not None:
        yield f"at {test.rollout} % of a roll-out"
    if test.at is not None:
        yield f"at {in_words(test.at)}"
    if test.first_seen is not None:
        yield f"first seen {in_words(test.first_seen)}"


def _why(explained: Explanation) -> str:
    rule = explained.rules[0]
    words = [f"by {rule.rule} ({rule.ruling} {rule.selector})", *rule.conditions, *explained.lowered_by]
    return "; ".join((*words, *explained.scopes))
