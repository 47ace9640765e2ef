"""Publishing a policy: judged by the agents' own parser and the catalog that comes with this server.

Every refusal says what to do. What is published lies in store.policies.
"""

import difflib
import hashlib
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

import msgspec
from sqlalchemy import Connection

from aipolicy.core.plural import plural
from aipolicy.core.policy import Policy, PolicyErrors, parse
from aipolicy.core.problem import Problem
from aipolicy.core.publishing import Published, PublishedText, PublishRequest, RollbackRequest, Step
from aipolicy.core.run_tests import run_tests
from aipolicy.core.wire import printable
from aipolicy.core.yamlfile import YamlErrors
from aipolicy.tools import load
from aipolicy_server.clock import from_us
from aipolicy_server.refusals import Refusal
from aipolicy_server.store import policies, rollouts
from aipolicy_server.store.policies import Moved, NewPolicy
from aipolicy_server.store.store import Store

_MOST_LINES: Final = 5_000
"""Longer texts are not compared: it takes the square of their lines."""
_CONTEXT: Final = 3
MOST_EXEMPTED: Final = timedelta(days=180)
_MOST_SAID: Final = 100
_LONGEST_LINE: Final = 500


class Publishing:
    """Judges and publishes. tools: the folder with IT's own tool files, as the agents have it."""

    def __init__(self, store: Store, tools: str | None) -> None:
        self._store = store
        self._tools = tools

    def publish(self, asked: PublishRequest, expected: int, by: str, at_us: int) -> Published:
        """The policy under its new number. expected: the number now in force. Raises Refusal, Unavailable."""
        policy = self._judged(asked)
        _refuse_long_exemptions(policy, from_us(at_us))
        return self._put(asked, policy, expected, by, at_us)

    def roll_back(self, number: int, asked: RollbackRequest, expected: int, by: str, at_us: int) -> Published:
        """An earlier text under a new number. Raises Refusal, Unavailable."""
        with self._store.reading() as connection:
            old = policies.one(connection, number)
            if old is None:
                raise no_such_policy()
            content = policies.content(connection, number).decode("utf-8")
        again = PublishRequest(
            name=old.name,
            content=content,
            commit=old.commit,
            author=asked.author,
            approver=asked.approver,
        )
        policy = self._judged(again)  # the catalog may have changed since
        return self._put(again, policy, expected, by, at_us, copy_of=number)

    def release(self, number: int, reason: str, by: str, at_us: int) -> Published:
        """A policy that is in its canary wave, or held, goes to everybody. Raises Refusal, Unavailable."""

        def job(connection: Connection) -> Published | None:
            done = rollouts.go_on(connection, number, Step.EVERYBODY, reason, by, at_us)
            return policies.one(connection, number) if done else None

        released = self._store.write_now(job)
        if released is None:
            title = f"number {number} is in no canary wave: nothing was changed"
            raise Refusal(HTTPStatus.CONFLICT, "not-in-a-wave", title)
        return released

    def _put(
        self,
        asked: PublishRequest,
        policy: Policy,
        expected: int,
        by: str,
        at_us: int,
        copy_of: int | None = None,
    ) -> Published:
        content = asked.content.encode("utf-8")
        new = NewPolicy(
            sha256=hashlib.sha256(content).hexdigest(),
            name=asked.name,
            mode=policy.most,
            content=content,
            commit=asked.commit,
            author=asked.author,
            approver=asked.approver,
            by=by,
            at_us=at_us,
            copy_of=copy_of,
            retention_days=policy.privacy.retention_days,
        )

        def job(connection: Connection) -> Published | Moved:
            done = policies.publish(connection, new, expected)
            if isinstance(done, Moved) or asked.canary is None or done.number == expected:
                return done
            rollouts.begin(connection, done.number, policy.name, asked, by, at_us)
            return policies.one(connection, done.number) or done

        outcome = self._store.write_now(job)
        if isinstance(outcome, Moved):
            raise _moved(outcome.latest, expected)
        return outcome

    def _judged(self, asked: PublishRequest) -> Policy:
        try:
            catalog = load(self._tools)
        except YamlErrors as errors:
            title = (
                f"the server's own tool files are wrong, and no policy can be judged: {errors.problems[0]}"
            )
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "bad-tools", title) from errors
        try:
            policy = parse(asked.content.encode("utf-8"), asked.name, catalog.known)
        except PolicyErrors as errors:
            title = f"the policy is wrong ({plural(len(errors.problems), 'error')}): {errors.problems[0]}"
            raise Refusal(
                HTTPStatus.UNPROCESSABLE_ENTITY, "bad-policy", title, problems=_bounded(errors.problems)
            ) from errors
        failed = [result for result in run_tests(policy, catalog) if not result.ok]
        if failed:
            first = failed[0]
            title = f"{len(failed)} of its {len(policy.tests)} tests failed: {first.rule}: {first.about}: "
            title += f"expected {first.expected}, {first.why}"
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "failed-tests", title[:_LONGEST_LINE])
        return policy


def _bounded(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """The first of them; each repeats its line, which may be as long as the whole text."""
    return tuple(
        msgspec.structs.replace(one, source_line="") if len(one.source_line) > _LONGEST_LINE else one
        for one in problems[:_MOST_SAID]
    )


def _refuse_long_exemptions(policy: Policy, now: datetime) -> None:
    """Loading a policy never depends on the clock; publishing may."""
    for one in policy.exemptions:
        if one.ends > now + MOST_EXEMPTED:
            title = f"{one.rule}: the exemption of {printable(one.ticket)} ends {one.ends:%Y-%m-%d}, more"
            title += f" than {MOST_EXEMPTED.days} days ahead: give it a nearer `until`, and renew it then"
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "long-exemption", title)


def no_such_policy() -> Refusal:
    """For a number or a version that was never published here."""
    return Refusal(HTTPStatus.NOT_FOUND, "not-found", "no such policy was published here")


def _moved(latest: Published | None, expected: int) -> Refusal:
    if latest is None:
        title = f"no policy was published here yet, and number {expected} was expected"
    else:
        who = f" by {printable(latest.author or latest.by)[:100]}"
        title = f"number {expected} was expected, and number {latest.number} was published{who} meanwhile"
    return Refusal(HTTPStatus.PRECONDITION_FAILED, "published-meanwhile", title)


def with_text(connection: Connection, policy: Published) -> PublishedText:
    """One published policy with its text and what it changed."""
    before = policies.before(connection, policy.number)
    content = policies.content(connection, policy.number).decode("utf-8")
    old = policies.content(connection, before.number).decode("utf-8") if before else ""
    return PublishedText(
        policy=policy,
        content=content,
        before=before.number if before else None,
        diff=difference(old, content, f"{before.number if before else 0}", f"{policy.number}"),
    )


def difference(old: str, new: str, old_name: str, new_name: str) -> str | None:
    """Unified, empty where nothing differs; None where the texts are too long."""
    a, b = old.split("\n"), new.split("\n")
    if len(a) > _MOST_LINES or len(b) > _MOST_LINES:
        return None
    return "\n".join(difflib.unified_diff(a, b, old_name, new_name, n=_CONTEXT, lineterm=""))
