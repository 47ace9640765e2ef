"""What is wrong is said once, with its beginning, and so is its end."""

from datetime import UTC, datetime, timedelta

import pytest

from aipolicy.core.model import Health
from aipolicy.daemon.health import Conditions

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)


def test_a_problem_said_twice_keeps_its_beginning_and_is_told_once() -> None:
    told: list[Health] = []
    conditions = Conditions(told.append)
    conditions.wrong("spool", "disk", "full", NOON)
    conditions.wrong("spool", "disk", "still full", NOON + timedelta(hours=1))
    [problem] = conditions.problems()
    assert (problem.since, problem.detail) == (NOON, "still full")
    assert len(told) == 1
    conditions.well("spool", "writable")
    conditions.well("spool", "writable")
    assert conditions.problems() == ()
    assert [h.condition for h in told] == ["disk", "writable"]


def test_a_lost_server_is_shown_but_not_told_to_it() -> None:
    told: list[Health] = []
    conditions = Conditions(told.append)
    conditions.wrong("server", "unreachable", "refused", NOON)
    assert len(conditions.problems()) == 1
    conditions.well("server", "reached")
    assert told == []


def test_after_a_restart_the_same_is_not_told_again() -> None:
    before: list[Health] = []
    Conditions(before.append).wrong("policy", "rejected", "line 3", NOON)
    told: list[Health] = []
    conditions = Conditions(told.append, before)
    conditions.wrong("policy", "rejected", "line 3", NOON)
    assert len(conditions.problems()) == 1
    assert told == []


def test_after_a_restart_the_end_of_what_was_wrong_is_told() -> None:
    told: list[Health] = []
    conditions = Conditions(told.append, [Health(part="policy", condition="rejected")])
    conditions.well("policy", "in force")
    assert [h.condition for h in told] == ["in force"]


def test_events_that_the_spool_lost_are_no_condition_of_its_disk() -> None:
    told: list[Health] = []
    conditions = Conditions(told.append, [Health(part="spool", condition="overflow", count=7)])
    conditions.well("spool", "writable")
    assert told == []


@pytest.mark.parametrize("how", ["damaged", "set aside"])
def test_after_what_was_told_is_lost_all_that_is_well_is_told_once(how: str) -> None:
    told = [Health(part="spool", condition=how)]
    Conditions(told.append, tuple(told)).well("policy", "in force")
    Conditions(told.append, tuple(told)).well("policy", "in force")
    assert [(h.part, h.condition) for h in told] == [("spool", how), ("policy", "in force")]
