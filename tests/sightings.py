"""Findings and verdicts for the tests of state and central: plain, valid, and told apart by a number."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aipolicy.core.model import (
    Action,
    Confidence,
    Done,
    Evidence,
    Finding,
    Health,
    Outcome,
    Owner,
    Ruling,
    State,
    Verdict,
)
from aipolicy.state.identity import Identity
from aipolicy.state.records import Sighting, sighting
from aipolicy.state.store import Store

NOON = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)
BOB = Owner(uid=1000, name="bob")
HOMES = {"/home/bob": 1000, "/home/ann": 1001}


def outcome(
    tool: str = "claude-code",
    *,
    version: str | None = "1.0.100",
    state: State = State.INSTALLED,
    confidence: Confidence = Confidence.CERTAIN,
    owner: Owner = BOB,
    path: str = "/home/bob/.npm/bin/claude",
    pid: int | None = None,
    ruling: Ruling = Ruling.BANNED,
    action: Action = Action.REPORT,
    reason: str = "policy.yaml:1",
    policy: str = "0123456789ab",
    done: Done = Done.REPORTED,
    form: str = "npm global",
) -> Outcome:
    """One outcome; its paths are as on the machine."""
    finding = Finding(
        tool=tool,
        name=tool,
        vendor="vendor",
        category="cli",
        version=version,
        state=state,
        confidence=confidence,
        because=(Evidence(kind="npm", value="@anthropic-ai/claude-code"),),
        owner=owner,
        path=path,
        form=form,
        pid=pid,
    )
    verdict = Verdict(
        finding=finding,
        ruling=ruling,
        action=action,
        reason=reason,
        why="",
        message="",
        policy=policy,
        catalog="ba9876543210",
    )
    return Outcome(verdict=verdict, done=done)


def seen(tool: str = "claude-code", **fields: Any) -> Sighting:
    """A sighting of `outcome(tool, **fields)`."""
    return sighting(outcome(tool, **fields), HOMES)


def running(pid: int, **fields: Any) -> Sighting:
    """A sighting of a running tool."""
    return seen(state=State.RUNNING, pid=pid, **fields)


def numbered(number: int) -> Health:
    """A thing to tell that is told apart by its number."""
    return Health(part="test", condition=f"number {number}")


def open_store(folder: Path, **bounds: Any) -> Store:
    """A store in `folder` whose clock stands at noon."""
    return Store.open(str(folder), now=lambda: NOON, **bounds)


def enrolled_store(folder: Path, **bounds: Any) -> Store:
    """A store that may send."""
    store = open_store(folder, **bounds)
    if store.identity().token is None:
        store.save_identity(Identity(device="device-1", token="token-1"))
    return store


def tell_numbers(store: Store, numbers: Iterable[int]) -> list[bool]:
    """Tell each number in a transaction of its own; which were on disk at once."""
    return [store.tell(numbered(n)) for n in numbers]
