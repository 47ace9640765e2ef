"""Given a ban with a grace, then the guard lets the program start until it is over, and refuses it then."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aipolicy.core.policy import parse
from aipolicy.daemon.catalog_keeper import kept_catalog
from aipolicy.enforce.guard.table import load
from aipolicy.state.sights import Sights
from machine.guard.lab import GuardLab, refused
from machine_needs import NEEDS_LINUX, NEEDS_ROOT, until

pytestmark = [NEEDS_LINUX, NEEDS_ROOT]

GRACE = "mode: block\nbanned: [{tool: test-probe, grace: 1h}]\n"
HOUR = timedelta(hours=1)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[GuardLab]:
    with GuardLab(tmp_path) as lab:
        lab.policy(GRACE)
        yield lab


def seen(lab: GuardLab, at: datetime) -> None:
    """As the daemon notes it."""
    known = kept_catalog(str(lab.tools), lab.state).known
    Sights(lab.state).note("test-probe", parse(GRACE, "policy.yaml", known).banned[0].id, at)


def test_it_starts_until_its_grace_is_over(lab: GuardLab) -> None:
    lab.start()
    program = lab.put(lab.banned, "notes")
    assert not refused(program)
    ends = datetime.now(UTC) + timedelta(seconds=5)
    seen(lab, ends - HOUR)
    assert not refused(program) or datetime.now(UTC) >= ends
    until(lambda: refused(program) or None)
    assert refused(program)
    assert lab.refusal()["path"] == str(program)


def test_a_grace_that_was_over_before_the_guard_began(lab: GuardLab) -> None:
    seen(lab, datetime.now(UTC) - HOUR)
    lab.start()
    assert refused(lab.put(lab.banned, "notes"))


def test_what_was_refused_starts_again_where_its_first_sight_is_lost(lab: GuardLab) -> None:
    seen(lab, datetime.now(UTC) - HOUR)
    lab.start()
    program = lab.put(lab.banned, "notes")
    assert refused(program)
    (lab.state / "sights.json").unlink()
    until(lambda: not refused(program) or None)
    assert not refused(program)


def test_a_ban_that_ended_while_the_guard_was_away_refuses_nobody_at_its_start(lab: GuardLab) -> None:
    seen(lab, datetime.now(UTC) - HOUR)
    lab.start()
    program = lab.put(lab.banned, "notes")
    assert refused(program)
    lab.policy("mode: block\nbanned: [{tool: test-probe, until: 2999-01-01}]\n")
    until(
        lambda: (
            (table := json.loads((lab.state / "guard-table.json").read_text()))["until"] and table["refused"]
        )
    )
    lab.stop()
    table = json.loads((lab.state / "guard-table.json").read_text())
    assert load(str(lab.state / "guard-table.json"), table["until"] - 1)
    assert not load(str(lab.state / "guard-table.json"), table["until"])
