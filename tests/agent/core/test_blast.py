"""Given a limit and what would be stopped, then whether it is too much."""

import pytest

from aipolicy.core.blast import BadLimit, held, read_limits
from aipolicy.core.plan_report import Hit

STOPPED = Hit(machines=10, people=8, findings=20, running=3, running_machines=2)


@pytest.mark.parametrize(
    ("text", "exceeded"),
    [
        ("people=8", [False]),
        ("people=7", [True]),
        ("machines=5%", [False]),  # of 200
        ("machines=4.9%", [True]),
        ("running=0", [True]),
        ("people=0,machines=100%", [True, False]),
        (" people=50 , machines=5% ", [False, False]),
    ],
)
def test_a_limit_is_the_most_that_is_allowed(text: str, exceeded: list[bool]) -> None:
    found = held(read_limits(text), STOPPED, machines=200, people=150, findings=1000)
    assert [limit.exceeded for limit in found] == exceeded


@pytest.mark.parametrize(
    "text",
    [
        "",
        "people",
        "people=",
        "people=-1",
        "persons=5",
        "people=5;machines=4",
        "people=1.5",
        "people=5%%",
        "people=٣",
    ],
)
def test_what_is_no_limit_is_said(text: str) -> None:
    with pytest.raises(BadLimit):
        read_limits(text)
