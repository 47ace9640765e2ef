"""The rules that the guard judges by: the last good policy, under the brakes in the same folder."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aipolicy.central.policy_source import LastGood, PolicyText
from aipolicy.core.model import Action
from aipolicy.core.published import Brake
from aipolicy.daemon.guard.rules import GuardRules
from aipolicy.state.brake import ServerBrake
from aipolicy.tools import load
from host import FakeMachine

ORDER = Brake(by="it", since=datetime(2026, 9, 1, tzinfo=UTC), reason="")


def keep(state: Path, text: str) -> None:
    content = text.encode()
    sha256 = hashlib.sha256(content).hexdigest()
    assert LastGood(state).keep(PolicyText(name="policy.yaml", content=content, sha256=sha256))


def mode(rules: GuardRules) -> Action | None:
    return None if rules.policy is None else rules.policy.mode


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    keep(tmp_path / "state", "mode: block\nbanned: [claude-code]\n")
    return tmp_path / "state"


@pytest.fixture
def rules(state: Path, tmp_path: Path) -> GuardRules:
    rules = GuardRules(state, load(), FakeMachine(tmp_path / "machine"), "h")
    assert rules.refresh()
    return rules


def test_a_brake_lowers_them_and_its_end_brings_them_back(rules: GuardRules, state: Path) -> None:
    assert mode(rules) is Action.BLOCK
    blocking = rules.number
    assert not rules.refresh()
    ServerBrake(state).order(ORDER)
    assert rules.refresh()
    assert (mode(rules), rules.number != blocking) == (Action.REPORT, True)
    assert not rules.refresh()
    ServerBrake(state).order(None)
    assert rules.refresh()
    assert (mode(rules), rules.number) == (Action.BLOCK, blocking)


def test_a_brake_that_changes_nothing_makes_no_other_rules(rules: GuardRules, state: Path) -> None:
    keep(state, "banned: [claude-code]\n")
    assert rules.refresh()
    ServerBrake(state).order(ORDER)
    assert not rules.refresh()


def test_a_lost_policy_stays_in_force_and_is_braked_all_the_same(rules: GuardRules, state: Path) -> None:
    (state / "policy.last-good.yaml").unlink()
    assert not rules.refresh()
    assert mode(rules) is Action.BLOCK
    ServerBrake(state).order(ORDER)
    assert rules.refresh()
    assert mode(rules) is Action.REPORT


def test_a_policy_of_another_version_of_ours_changes_nothing(rules: GuardRules, state: Path) -> None:
    keep(state, "mode: block\nbanned: [no-such-tool]\n")
    assert not rules.refresh()
    assert mode(rules) is Action.BLOCK
