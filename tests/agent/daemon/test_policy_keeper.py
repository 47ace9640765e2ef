"""The policy in force is never replaced by a worse one, and a wrong one is said with its line."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aipolicy.central.policy_source import (
    ACCEPTED,
    LastGood,
    NoPolicy,
    NotedVersion,
    PolicyText,
    ProvenPolicies,
)
from aipolicy.central.published_policy import UNTIL_PUBLISHED
from aipolicy.core.ceiling import Ceiling
from aipolicy.core.model import Action, Health
from aipolicy.core.policy import KnownTools, Policy
from aipolicy.daemon.health import Conditions
from aipolicy.daemon.policy_keeper import NoGoodPolicy, PolicyKeeper

KNOWN = KnownTools(
    ids=frozenset({"claude-code", "qoder"}),
    aliases={},
    vendors=frozenset({"anthropic"}),
    categories=frozenset({"cli"}),
)


class Bench:
    def __init__(self, folder: Path) -> None:
        self.file = folder / "policy.yaml"
        self.state = folder / "state"
        self.state.mkdir(mode=0o700)
        self.told: list[Health] = []
        self.tried: list[str] = []
        self.conditions = Conditions(self.told.append)

    def keeper(
        self, too_much: Callable[[Policy], str | None] = lambda _policy: None, **how: Any
    ) -> PolicyKeeper:
        return PolicyKeeper(
            path=str(self.file),
            known=KNOWN,
            state_dir=self.state,
            conditions=self.conditions,
            now=lambda: datetime(2026, 9, 1, tzinfo=UTC),
            too_much=too_much,
            trying=self.tried.append,
            **how,
        )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_an_edited_policy_is_taken(bench: Bench) -> None:
    bench.file.write_text("banned: [claude-code]\n")
    keeper = bench.keeper()
    bench.file.write_text("mode: block\nbanned: [claude-code]\n")
    assert keeper.refresh()
    assert keeper.current.mode is Action.BLOCK
    assert not keeper.refresh()


@pytest.mark.parametrize(
    "broken", ["", "banned: [claude-cod]\n", "mode: [", "\0", "banned: []\n---\nbanned: []\n"]
)
def test_a_wrong_policy_changes_nothing_and_is_said_with_file_and_line(bench: Bench, broken: str) -> None:
    bench.file.write_text("mode: block\nbanned: [claude-code]\n")
    keeper = bench.keeper()
    before = keeper.current
    bench.file.write_text(broken)
    assert not keeper.refresh()
    assert keeper.current == before
    [problem] = bench.conditions.problems()
    assert "policy.yaml:" in problem.detail
    assert before.version in problem.detail
    bench.file.write_text("mode: block\nbanned: [claude-code]\n")
    keeper.refresh()
    assert bench.conditions.problems() == ()


def test_a_deleted_policy_changes_nothing(bench: Bench) -> None:
    bench.file.write_text("mode: block\nbanned: [claude-code]\n")
    keeper = bench.keeper()
    bench.file.unlink()
    assert not keeper.refresh()
    assert keeper.current.mode is Action.BLOCK
    assert [p.condition for p in bench.conditions.problems()] == ["unreadable"]


def test_a_start_beside_a_broken_policy_goes_on_with_the_last_good_one(bench: Bench) -> None:
    bench.file.write_text("mode: block\nbanned: [claude-code]\n")
    good = bench.keeper().current
    bench.file.write_text("banned: {")
    assert bench.keeper().current == good
    assert [p.condition for p in bench.conditions.problems()] == ["rejected"]


def test_a_first_start_with_a_broken_policy_says_what_is_wrong(bench: Bench) -> None:
    bench.file.write_text("banned: [claud-code]\n")
    with pytest.raises(NoGoodPolicy, match=r"policy\.yaml:1:10"):
        bench.keeper()


def test_a_policy_that_would_stop_very_much_is_held_until_it_is_accepted(bench: Bench) -> None:
    bench.file.write_text("mode: block\nbanned: [qoder]\n")
    keeper = bench.keeper(lambda policy: "30 programs" if "claude" in str(policy.banned) else None)
    before = keeper.current
    bench.file.write_text("mode: block\nbanned: [claude-code]\n")
    assert not keeper.refresh()
    assert keeper.current == before
    assert not keeper.released
    (problem,) = bench.conditions.problems()
    assert problem.condition == "held"
    version = problem.detail.rpartition(" ")[2]
    assert f"version {version} would stop 30 programs" in problem.detail

    restarted = bench.keeper()
    assert restarted.current == before, "a restart is no way around it"

    NotedVersion(bench.state, ACCEPTED).note(version)
    assert keeper.released
    assert keeper.refresh()
    assert keeper.current.version == version
    assert not keeper.released
    assert bench.keeper().current.version == version


def test_another_policy_than_the_held_one_is_taken(bench: Bench) -> None:
    bench.file.write_text("mode: block\nbanned: [qoder]\n")
    keeper = bench.keeper(lambda policy: "30 programs" if "claude" in str(policy.banned) else None)
    bench.file.write_text("mode: block\nbanned: [claude-code]\n")
    assert not keeper.refresh()
    bench.file.write_text("mode: report\nbanned: [qoder]\n")
    assert keeper.refresh()
    assert not bench.conditions.problems()


# --- what the server published ---------------------------------------------------------------------------


class Server:
    """A source that gives what the test says."""

    def __init__(self) -> None:
        self.found: PolicyText | NoPolicy = NoPolicy(reason="no file")

    def publish(self, number: int, text: str) -> None:
        content = text.encode()
        sha256 = hashlib.sha256(content).hexdigest()
        self.found = PolicyText(name="policy.yaml", content=content, sha256=sha256, number=number)

    def read(self) -> PolicyText | NoPolicy:
        return self.found


def test_a_published_policy_is_taken_with_its_number(bench: Bench) -> None:
    server = Server()
    server.publish(3, "banned: [claude-code]\n")
    keeper = bench.keeper(source=server)
    assert keeper.number == 3
    server.publish(4, "mode: block\nbanned: [claude-code]\n")
    assert keeper.refresh()
    assert (keeper.number, keeper.current.mode) == (4, Action.BLOCK)
    assert bench.keeper(source=Server()).number == 4, "the last good one knows it, too"


def test_a_wrong_one_is_refused_by_our_own_parser_and_named(bench: Bench) -> None:
    server = Server()
    server.publish(3, "mode: block\nbanned: [claude-code]\n")
    keeper = bench.keeper(source=server)
    server.publish(4, "banned: [a-tool-of-a-newer-catalog]\n")
    assert not keeper.refresh()
    assert (keeper.number, keeper.current.mode) == (3, Action.BLOCK)
    assert keeper.refused is not None
    assert keeper.refused.number == 4
    assert "policy.yaml:1:10" in keeper.refused.why
    restarted = bench.keeper(source=server)
    assert (restarted.number, restarted.current.mode) == (3, Action.BLOCK)
    assert restarted.refused is not None
    server.publish(5, "banned: [claude-code]\n")
    assert restarted.refresh()
    assert (restarted.number, restarted.refused) == (5, None)


def test_the_same_text_under_a_new_number_changes_the_number_alone(bench: Bench) -> None:
    server = Server()
    server.publish(3, "banned: [claude-code]\n")
    keeper = bench.keeper(source=server)
    server.publish(9, "banned: [claude-code]\n")
    assert not keeper.refresh()
    assert keeper.number == 9
    assert bench.keeper(source=Server()).number == 9


def test_one_that_would_stop_very_much_is_refused_until_it_is_accepted(bench: Bench) -> None:
    server = Server()
    server.publish(3, "banned: [qoder]\n")
    keeper = bench.keeper(
        lambda policy: "30 programs" if policy.mode is Action.BLOCK else None, source=server
    )
    server.publish(4, "mode: block\nbanned: [qoder]\n")
    assert not keeper.refresh()
    assert keeper.refused is not None
    assert (keeper.refused.number, "30 programs" in keeper.refused.why) == (4, True)


def test_without_a_file_all_is_reported_until_the_server_has_a_policy(bench: Bench) -> None:
    server = Server()
    keeper = bench.keeper(source=server, otherwise=UNTIL_PUBLISHED, file_counts=False)
    assert (keeper.current.mode, keeper.current.banned, keeper.number) == (Action.REPORT, (), 0)
    assert [p.condition for p in bench.conditions.problems()] == ["none"]
    server.publish(1, "mode: block\nbanned: [claude-code]\n")
    assert keeper.refresh()
    assert keeper.current.mode is Action.BLOCK
    assert bench.conditions.problems() == ()
    restarted = bench.keeper(source=Server(), otherwise=UNTIL_PUBLISHED, file_counts=False)
    assert restarted.current.mode is Action.BLOCK, "the last good one is above the start's"


def test_a_file_that_somebody_named_is_not_gone_without(bench: Bench) -> None:
    with pytest.raises(NoGoodPolicy, match="no file"):
        bench.keeper(source=Server(), otherwise=UNTIL_PUBLISHED)


def test_an_agent_whose_catalog_knows_none_of_its_policies_starts_and_waits_for_another(bench: Bench) -> None:
    """One that did not start would never fetch the mended policy."""
    server = Server()
    server.publish(3, "mode: block\nbanned: [a-tool-that-left-the-catalog]\n")
    assert isinstance(server.found, PolicyText)
    assert LastGood(bench.state).keep(server.found)
    keeper = bench.keeper(source=server, otherwise=UNTIL_PUBLISHED)
    assert (keeper.current.mode, keeper.number) == (Action.REPORT, 0)
    assert keeper.refused is not None
    assert keeper.refused.number == 3
    (problem,) = bench.conditions.problems()
    assert "nothing is banned until there is a policy" in problem.detail
    server.publish(4, "mode: block\nbanned: [claude-code]\n")
    assert keeper.refresh()
    assert keeper.current.mode is Action.BLOCK


def test_one_that_is_set_aside_in_safe_mode_is_told_to_the_server(bench: Bench) -> None:
    server = Server()
    server.publish(3, "mode: block\nbanned: [claude-code]\n")
    assert isinstance(server.found, PolicyText)
    keeper = bench.keeper(source=server, aside=server.found.sha256)
    assert keeper.refused is not None
    assert (keeper.refused.number, keeper.number) == (3, 0)
    keeper.end_safe_mode()
    assert keeper.refresh()
    assert (keeper.refused, keeper.number) == (None, 3)


def test_a_ceiling_lowers_what_is_in_force_and_not_what_is_written(bench: Bench) -> None:
    ceilings: list[Ceiling] = []
    bench.file.write_text("mode: block\nbanned: [claude-code]\n")
    keeper = bench.keeper(ceilings=lambda: tuple(ceilings))
    ceilings.append(Ceiling(part="local brake", mode=Action.REPORT, reason=""))
    assert (keeper.current.mode, keeper.written.mode) == (Action.REPORT, Action.BLOCK)
    assert keeper.current.version == keeper.written.version


# --- safe mode, number 28 of the faults ------------------------------------------------------------------


def sha256(policy: str) -> str:
    return hashlib.sha256(policy.encode()).hexdigest()


def proven(bench: Bench, policy: str) -> None:
    """An agent has run well with it."""
    bench.file.write_text(policy)
    assert bench.keeper().prove() == sha256(policy)


BLOCK = "mode: block\nbanned: [claude-code]\n"
EARLIER = "mode: block\nbanned: [qoder]\n"
NEWER = "mode: warn\nbanned: [claude-code, qoder]\n"


def test_28_a_policy_is_told_of_before_it_is_read(bench: Bench) -> None:
    bench.file.write_text(BLOCK)
    keeper = bench.keeper()
    bench.file.write_text("banned: {")
    keeper.refresh()
    assert bench.tried == [sha256("banned: {")]


def test_28_the_newest_policy_that_is_proven_is_in_force_while_one_is_set_aside(bench: Bench) -> None:
    proven(bench, EARLIER)
    proven(bench, BLOCK)
    bench.file.write_text(NEWER)
    assert bench.keeper(aside=sha256(NEWER)).current.version == sha256(BLOCK)[:12]
    bench.file.write_text(BLOCK)
    keeper = bench.keeper(aside=sha256(BLOCK))
    assert keeper.current.version == sha256(EARLIER)[:12]
    assert not keeper.refresh()
    (problem,) = bench.conditions.problems()
    assert (problem.part, problem.condition) == ("policy", "set aside")
    assert sha256(BLOCK)[:12] in problem.detail
    assert sha256(EARLIER)[:12] in problem.detail
    keeper.end_safe_mode()
    assert keeper.refresh()
    assert keeper.current.version == sha256(BLOCK)[:12]


@pytest.mark.parametrize("broken", ["banned: {", None], ids=["broken", "gone"])
def test_28_a_broken_file_does_not_bring_back_what_is_set_aside(bench: Bench, broken: str | None) -> None:
    bench.file.write_text(BLOCK)
    bench.keeper()
    if broken is None:
        bench.file.unlink()
    else:
        bench.file.write_text(broken)
    keeper = bench.keeper(aside=sha256(BLOCK))
    assert keeper.current.name == "none"
    assert not keeper.refresh()
    assert (keeper.current.name, keeper.taken) == ("none", "")
    bench.file.write_text(EARLIER)
    assert keeper.refresh()
    assert keeper.taken == sha256(EARLIER)


def test_28_without_any_policy_everything_is_reported(bench: Bench) -> None:
    keeper = bench.keeper(aside="")
    assert (keeper.current.name, keeper.current.banned) == ("none", ())
    (problem,) = bench.conditions.problems()
    assert str(bench.file) in problem.detail
    bench.file.write_text(BLOCK)
    assert keeper.refresh()
    assert keeper.taken == sha256(BLOCK)


def test_28_a_proven_policy_of_an_earlier_catalog_is_passed_over(bench: Bench) -> None:
    bench.file.write_text(BLOCK)
    for text in ("banned: [a-tool-that-left]\n", "banned: ["):
        content = text.encode()
        kept = PolicyText(name="policy.yaml", content=content, sha256=sha256(text))
        ProvenPolicies(bench.state).keep(kept)
    assert bench.keeper(aside=sha256(BLOCK)).current.name == "none"


def test_28_what_the_disk_does_not_keep_is_not_proven(bench: Bench) -> None:
    bench.file.write_text(BLOCK)
    keeper = bench.keeper()
    (bench.state / "policy.last-good.yaml").write_text("damaged")
    assert keeper.prove() == ""
