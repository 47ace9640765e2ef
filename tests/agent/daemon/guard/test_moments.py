"""The guard's rules have another number whenever a day or a grace makes another verdict possible."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aipolicy.central.policy_source import LastGood, PolicyText
from aipolicy.core.model import Action, Confidence, Finding, Owner, State
from aipolicy.daemon.directory import GOOD_FOR_S
from aipolicy.daemon.guard.rules import GuardRules
from aipolicy.state import tags
from aipolicy.state.sights import SIGHTS_FILE, Sights
from aipolicy.tools import load
from host import FakeMachine

CATALOG = load()
OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
CURSOR = Finding(
    tool="cursor",
    name="Cursor",
    vendor="anysphere",
    category="editor",
    version="1.7.2",
    state=State.RUNNING,
    confidence=Confidence.CERTAIN,
    because=(),
    owner=Owner(uid=1000, name="bob"),
    path="/home/bob/cursor",
    form="native",
)


class Bench:
    """A state folder, rules that read it, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.state.mkdir()
        self.now = OCTOBER - HOUR
        self.rules = GuardRules(
            self.state, CATALOG, FakeMachine(folder / "machine"), "h", now=lambda: self.now
        )

    def policy(self, text: str) -> None:
        content = text.encode()
        digest = hashlib.sha256(content).hexdigest()
        assert LastGood(self.state).keep(PolicyText(name="policy.yaml", content=content, sha256=digest))

    def action(self) -> Action:
        judge = self.rules.judge()
        assert judge is not None
        return judge.verdict(CURSOR, self.now).action


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_day_that_begins_and_one_that_ends_make_other_rules(bench: Bench) -> None:
    bench.policy("mode: block\nbanned: [{tool: cursor, from: 2026-10-01, until: 2026-10-01}]\n")
    assert bench.rules.refresh()
    numbers = {bench.rules.number}
    for now, action in ((OCTOBER, Action.BLOCK), (OCTOBER + 24 * HOUR, Action.REPORT)):
        assert not bench.rules.refresh()
        bench.now = now
        assert bench.rules.refresh()
        assert bench.action() is action
        numbers.add(bench.rules.number)
    assert len(numbers) == 3
    bench.now = OCTOBER - HOUR  # the clock is put back
    assert bench.rules.refresh()
    assert bench.rules.number in numbers
    assert bench.action() is Action.WARN


def test_a_grace_ends_by_what_the_daemon_kept(bench: Bench) -> None:
    bench.policy("mode: block\nbanned: [{tool: cursor, grace: 48h}]\n")
    assert bench.rules.refresh()
    assert bench.action() is Action.WARN
    assert bench.rules.policy is not None
    Sights(bench.state).note("cursor", bench.rules.policy.banned[0].id, bench.now)
    assert not bench.rules.refresh()  # a grace that begins changes no verdict: what is known stays known
    bench.now += 47 * HOUR
    assert not bench.rules.refresh()
    assert bench.action() is Action.WARN
    bench.now += HOUR
    assert bench.rules.refresh()
    assert bench.action() is Action.BLOCK


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"sights": {"cursor": {"x": 1}}}'])
def test_where_the_first_sights_are_lost_nothing_is_refused_that_has_a_grace(
    content: bytes | None, bench: Bench
) -> None:
    bench.policy("mode: block\nbanned: [{tool: cursor, grace: 48h}]\n")
    assert bench.rules.refresh()
    assert bench.rules.policy is not None
    Sights(bench.state).note("cursor", bench.rules.policy.banned[0].id, bench.now - 99 * HOUR)
    assert bench.rules.refresh()
    assert bench.action() is Action.BLOCK
    if content is None:
        (bench.state / SIGHTS_FILE).unlink()
    else:
        (bench.state / SIGHTS_FILE).write_bytes(content)
    assert bench.rules.refresh()
    assert bench.action() is Action.WARN


def test_a_machine_whose_tags_are_not_known_is_judged_with_care(bench: Bench) -> None:
    bench.policy("mode: block\nbanned: [cursor]\nscopes: [{name: it, tags: [it], mode: report}]\n")
    assert bench.rules.refresh()
    assert bench.action() is Action.WARN
    tags.keep(bench.state, ["ci"])
    assert bench.rules.refresh()
    assert bench.action() is Action.BLOCK
    tags.keep(bench.state, ["ci", "it"])
    assert bench.rules.refresh()
    assert bench.action() is Action.REPORT
    tags.keep(bench.state, ["it", "ci"])
    assert not bench.rules.refresh()


def test_people_are_judged_by_their_groups_and_asked_about_again(bench: Bench) -> None:
    bench.policy("mode: block\nbanned: [cursor]\nscopes: [{name: it, groups: [it], mode: report}]\n")
    assert bench.rules.refresh()
    assert bench.action() is Action.WARN  # the directory knows nobody of that name
    assert not bench.rules.refresh()
    bench.now += timedelta(seconds=GOOD_FOR_S)
    assert bench.rules.refresh()


def test_two_lines_of_the_classifier_agree_on_the_number(bench: Bench, tmp_path: Path) -> None:
    bench.policy("mode: block\nbanned: [{tool: cursor, from: 2026-10-01}]\n")
    other = GuardRules(bench.state, CATALOG, FakeMachine(tmp_path / "m2"), "h", now=lambda: bench.now)
    for now in (OCTOBER - HOUR, OCTOBER):
        bench.now = now
        bench.rules.refresh()
        other.refresh()
        assert bench.rules.number == other.number
