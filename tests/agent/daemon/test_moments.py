"""A day or a grace that ends is noticed once, by the policy and the first sights of that moment."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from aipolicy.core.policy import Policy, parse
from aipolicy.daemon.judge import Judge, Surroundings
from aipolicy.daemon.moments import Moments
from aipolicy.state.sights import Sights
from aipolicy.tools import load
from policy_samples import KNOWN, finding

OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def policy(text: str) -> Policy:
    return parse(text, "policy.yaml", KNOWN)


def test_each_is_noticed_once(tmp_path: Path) -> None:
    held = policy("banned: [{tool: cursor, from: 2026-10-01, until: 2026-10-01}]")
    moments = Moments(lambda: held, Sights(tmp_path))
    times = (OCTOBER - HOUR, OCTOBER, OCTOBER + HOUR, OCTOBER + 24 * HOUR, OCTOBER + 25 * HOUR)
    assert [moments.one_passed(now) for now in times] == [False, True, False, True, False]


def test_a_clock_put_back_counts_as_well(tmp_path: Path) -> None:
    held = policy("banned: [{tool: cursor, from: 2026-10-01}]")
    moments = Moments(lambda: held, Sights(tmp_path))
    assert [moments.one_passed(now) for now in (OCTOBER, OCTOBER - HOUR)] == [False, True]


def test_another_policy_is_no_moment(tmp_path: Path) -> None:
    held = [policy("banned: [cursor]")]
    moments = Moments(lambda: held[0], Sights(tmp_path))
    assert not moments.one_passed(OCTOBER)
    held[0] = policy("banned: [{tool: cursor, from: 2026-09-01}]")
    assert not moments.one_passed(OCTOBER)  # who took it has judged by it


def test_a_grace_that_begins_meanwhile_ends_in_time(tmp_path: Path) -> None:
    sights = Sights(tmp_path)
    held = policy("mode: block\nbanned: [{tool: cursor, grace: 48h}]")
    moments = Moments(lambda: held, sights)
    assert not moments.one_passed(OCTOBER)
    judge = Judge(
        catalog=load(),
        policy=held,
        surroundings=Surroundings(
            device="d", hostname="h", os="linux", first_seen=sights.of, note=sights.note
        ),
    )
    assert judge.verdict(finding("cursor"), OCTOBER).blocks_from == OCTOBER + 48 * HOUR
    assert sights.all() == {}  # nothing was there: it was only asked
    seen = judge.verdict_on_seen(finding("cursor"), OCTOBER + HOUR)
    assert (seen.action, seen.blocks_from) == ("warn", OCTOBER + 49 * HOUR)
    assert judge.verdict_on_seen(finding("cursor"), OCTOBER + 2 * HOUR) == seen
    assert not moments.one_passed(OCTOBER + 48 * HOUR)
    assert moments.one_passed(OCTOBER + 49 * HOUR)
    assert judge.verdict(finding("cursor"), OCTOBER + 49 * HOUR).action == "block"
