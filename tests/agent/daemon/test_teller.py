"""Given a tool that goes on being used, then its person is told once an hour, and of each stage at once."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec import structs

from aipolicy.core.model import Action, Done, Verdict
from aipolicy.daemon.teller import Teller
from aipolicy.enforce.desktop import Desktop
from ptys import Pty
from sightings import outcome

pytestmark = pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs pseudo terminals")
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


class Bench:
    """A terminal, and time that passes when a test says so."""

    def __init__(self, pty: Pty, folder: Path) -> None:
        self._pty = pty
        self.passed = timedelta()
        self._teller = Teller(Desktop(buses=str(folder)), lambda: NOON + self.passed)

    def tell(self, done: Done = Done.WARNED, blocks_after: timedelta | None = None, **how: object) -> str:
        """What appears. blocks_after: counted from noon."""
        judged: Verdict = outcome(action=Action.WARN).verdict
        if blocks_after is not None:
            judged = structs.replace(judged, blocks_from=NOON + blocks_after)
        assert self._teller.tell(judged, self._pty.terminal, done, self.passed.total_seconds())
        return self._pty.read()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Pty() as pty:
        yield Bench(pty, tmp_path)


def test_a_grace_is_told_at_the_start_once_an_hour_and_once_more_in_its_last_hour(bench: Bench) -> None:
    told = []
    while bench.passed < timedelta(hours=3, minutes=30):
        shown = bench.tell(blocks_after=timedelta(hours=3, minutes=30))
        told += [(bench.passed, line) for line in shown.splitlines() if "will be blocked" in line]
        bench.passed += timedelta(minutes=10)
    assert [(at, line.partition("(")[2]) for at, line in told] == [
        (timedelta(), "in 3 hours)."),
        (timedelta(hours=1), "in 2 hours)."),
        (timedelta(hours=2), "in 90 minutes)."),
        (timedelta(hours=2, minutes=40), "in 50 minutes)."),
    ]


def test_who_was_warned_is_told_at_once_when_it_is_stopped(bench: Bench) -> None:
    assert "is against" in bench.tell()
    assert bench.tell() == ""
    assert "was ended" in bench.tell(Done.ENDED)
    assert bench.tell(Done.DENIED) == ""
    assert bench.tell() == ""
