"""What a new policy would newly stop is what runs, once for each program and person."""

from datetime import UTC, datetime

from msgspec import structs

from aipolicy.core import policy as policies
from aipolicy.core.model import Finding, State
from aipolicy.daemon.judge import Judge, Surroundings
from aipolicy.daemon.reach import in_words, newly_stopped
from aipolicy.tools import load
from sightings import outcome

CATALOG = load()
NOW = datetime(2026, 9, 1, tzinfo=UTC)


def judge(text: str) -> Judge:
    return Judge(
        catalog=CATALOG,
        policy=policies.parse(text, "policy.yaml", CATALOG.known),
        surroundings=Surroundings(device="d", hostname="h", os="linux"),
    )


def running(tool: str, path: str, pid: int) -> Finding:
    found = outcome(tool, state=State.RUNNING, pid=pid).verdict.finding
    return structs.replace(found, path=path)


def test_only_what_runs_and_was_not_stopped_before_counts() -> None:
    before, after = judge("mode: block\nbanned: [codex]\n"), judge('mode: block\nbanned: ["*"]\n')
    installed = outcome("claude-code", state=State.INSTALLED).verdict.finding
    found = [
        running("claude-code", "/a", 1),
        running("claude-code", "/a", 2),
        running("claude-code", "/b", 3),
        running("codex", "/c", 4),
        installed,
    ]
    stopped = newly_stopped(found, before, after, NOW)
    assert [finding.path for finding in stopped] == ["/a", "/b"]
    assert in_words(stopped) == "2 programs that run here (claude-code 2)"
    assert newly_stopped(found, after, before, NOW) == ()
