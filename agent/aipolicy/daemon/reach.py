"""How much of what runs here a new policy would stop that the one in force does not."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from aipolicy.core.model import Action, Finding, State
from aipolicy.daemon.judge import Judge


def newly_stopped(
    findings: Iterable[Finding], before: Judge, after: Judge, now: datetime
) -> tuple[Finding, ...]:
    """Running tools that would be stopped now: one of each program and person."""
    found: dict[tuple[str, int, str], Finding] = {}
    for finding in findings:
        if finding.state is not State.RUNNING or before.verdict(finding, now).action is Action.BLOCK:
            continue
        if after.verdict(finding, now).action is Action.BLOCK:
            found.setdefault((finding.tool, finding.owner.uid, finding.path), finding)
    return tuple(found.values())


def in_words(stopped: Iterable[Finding]) -> str:
    """How many of which tool, for a message."""
    counts = Counter(finding.tool for finding in stopped)
    tools = ", ".join(f"{tool} {count}" for tool, count in counts.most_common(5))
    return f"{counts.total()} programs that run here ({tools}{', ...' if len(counts) > 5 else ''})"
