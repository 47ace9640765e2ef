"""A scan is quick as long as it is short, and takes a quarter of a core where it is long."""

import pytest

from aipolicy.daemon.pace import AT_ONCE_S, REST, Pace


class Work:
    """CPU that a scan used, and how long it rested."""

    def __init__(self) -> None:
        self.cpu_s = 100.0
        self.rested_s = 0.0

    def rest(self, seconds: float) -> None:
        self.rested_s += seconds


@pytest.mark.parametrize("step_s", [0.0001, 0.01, 0.3])
def test_beyond_the_first_second_it_rests_three_times_as_long_as_it_works(step_s: float) -> None:
    work = Work()
    pace = Pace(lambda: work.cpu_s, work.rest)
    while work.cpu_s < 100.0 + AT_ONCE_S - step_s:
        work.cpu_s += step_s
        pace.step()
    assert work.rested_s == 0.0
    while work.cpu_s < 100.0 + AT_ONCE_S + 4.0:
        work.cpu_s += step_s
        pace.step()
    assert work.rested_s == pytest.approx(REST * (work.cpu_s - 100.0 - AT_ONCE_S), abs=0.1)
