"""What keeps the agent below its policy's mode is told when it begins and when it ends, once."""

from datetime import UTC, datetime
from pathlib import Path

from aipolicy.core.ceiling import Ceiling
from aipolicy.core.model import Action, Health
from aipolicy.core.published import Brake
from aipolicy.daemon.ceilings import Ceilings, sources
from aipolicy.daemon.health import Conditions
from aipolicy.state.brake import ServerBrake

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)


class Doubt:
    """A source that says what the test says."""

    part = "doubt"

    def __init__(self) -> None:
        self.said: Ceiling | None = None

    def ceiling(self) -> Ceiling | None:
        return self.said


def test_a_beginning_and_an_end_are_told_once() -> None:
    told: list[Health] = []
    conditions, doubt = Conditions(told.append), Doubt()
    ceilings = Ceilings([doubt], conditions, lambda: NOON)
    assert (ceilings.current, told, conditions.problems()) == ((), [], ())
    assert not ceilings.look()
    doubt.said = Ceiling(part="doubt", mode=Action.REPORT, reason="it crashed three times")
    assert ceilings.look()
    assert not ceilings.look()
    assert ceilings.current == (doubt.said,)
    (problem,) = conditions.problems()
    assert problem.detail == "Enforcement is lowered to report: it crashed three times"
    doubt.said = None
    assert ceilings.look()
    assert [(h.part, h.condition) for h in told] == [("doubt", "on"), ("doubt", "off")]
    assert conditions.problems() == ()


def test_what_ended_while_no_agent_ran_is_told_at_the_next_start() -> None:
    told: list[Health] = []
    before = [Health(part="doubt", condition="on")]
    Ceilings([Doubt()], Conditions(told.append, before), lambda: NOON)
    assert [(h.part, h.condition) for h in told] == [("doubt", "off")]


def test_the_brakes_in_the_state_folder_are_sources(tmp_path: Path) -> None:
    assert {source.part for source in sources(tmp_path)} >= {"local brake", "server brake"}
    ServerBrake(tmp_path).order(Brake(by="it", since=NOON, reason=""))
    assert [one for source in sources(tmp_path) if (one := source.ceiling())]
