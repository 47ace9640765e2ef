"""What a check-in orders is done, and what is not done is said."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.central.test_published_policy import policy
from aipolicy.central.published_policy import PublishedPolicy, Refused, Unfetched
from aipolicy.core.model import Health
from aipolicy.core.published import Brake, PolicyAnswer, PolicyTag
from aipolicy.core.wire import CheckInReply
from aipolicy.daemon.health import Conditions
from aipolicy.daemon.orders import STALE_AFTER, Orders
from aipolicy.state.brake import ServerBrake

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
BRAKE = Brake(by="it", since=NOON, reason="a wrong ban")
Found = PolicyAnswer | Refused | Unfetched | None


class Bench:
    def __init__(self, folder: Path, *, takes_policy: bool = True) -> None:
        self.told: list[Health] = []
        self.conditions = Conditions(self.told.append)
        self.now = NOON
        self.changes = 0
        self.asked: list[PolicyTag | None] = []
        self.brake = ServerBrake(folder)
        self.orders = Orders(
            published=PublishedPolicy(folder),
            brake=self.brake,
            takes_policy=takes_policy,
            conditions=self.conditions,
            now=lambda: self.now,
            changed=self._changed,
        )

    def _changed(self) -> None:
        self.changes += 1

    def obey(self, found: Found = None, tag: PolicyTag | None = None, brake: Brake | None = None) -> str:
        return self.orders.obey(CheckInReply(next_s=900, policy=tag, brake=brake), self._follow(found))

    def _follow(self, found: Found) -> Callable[[PolicyTag | None], Found]:
        def follow(told: PolicyTag | None) -> Found:
            self.asked.append(told)
            return found

        return follow

    def problems(self) -> list[str]:
        return [f"{p.part} {p.condition}" for p in self.conditions.problems()]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_the_brake_is_pulled_and_lifted(bench: Bench) -> None:
    bench.obey(brake=BRAKE)
    assert bench.brake.ceiling()
    bench.obey()
    assert bench.brake.ceiling() is None


def test_a_new_policy_is_taken_and_the_loop_woken(bench: Bench) -> None:
    assert bench.obey(policy(3)) == ""
    assert bench.changes == 1
    kept = bench.orders.published.read()
    assert kept is not None
    assert kept.number == 3
    assert bench.problems() == []


def test_a_refused_one_is_said_until_a_right_one_comes(bench: Bench) -> None:
    refused = Refused(number=2, why="number 2 is older than number 3")
    assert bench.obey(refused) == ""
    assert bench.orders.refused == refused
    assert bench.problems() == ["published policy refused"]
    assert bench.changes == 0
    bench.obey(policy(4))
    assert bench.orders.refused is None
    assert bench.problems() == []
    assert [(h.part, h.condition) for h in bench.told] == [
        ("published policy", "refused"),
        ("published policy", "followed"),
    ]


def test_one_that_could_not_be_had_makes_the_check_in_a_failed_one(bench: Bench) -> None:
    assert bench.obey(Unfetched(why="it did not answer"), brake=BRAKE) == "it did not answer"
    assert bench.brake.ceiling(), "the brake does not wait for it"


def test_an_agent_with_a_file_of_its_own_obeys_the_brake_alone(tmp_path: Path) -> None:
    bench = Bench(tmp_path, takes_policy=False)
    assert bench.obey(policy(3), tag=PolicyTag(number=3, sha256="a"), brake=BRAKE) == ""
    assert (bench.asked, bench.changes) == ([], 0)
    assert bench.brake.ceiling()


def test_indefinite_freeze_is_said_and_ends_no_enforcement(bench: Bench) -> None:
    """Somebody keeps the server's word from us: TUF calls it so."""
    tag = PolicyTag(number=3, sha256=policy(3).sha256)
    bench.obey(policy(3))
    bench.obey(tag=tag)
    bench.now = NOON + STALE_AFTER
    bench.orders.look()
    assert bench.problems() == []
    bench.now += timedelta(seconds=1)
    bench.orders.look()
    assert bench.problems() == ["published policy stale"]
    assert bench.orders.published.read() is not None
    bench.obey(tag=tag)
    bench.orders.look()
    assert bench.problems() == []
