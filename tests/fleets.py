"""Small fleets for the tests of plans: devices with findings, as an inventory."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from aipolicy.core.inventory import (
    Arrivals,
    DeviceInventory,
    Head,
    InForce,
    KindOfFinding,
    Writer,
    read_head,
    read_lines,
)
from aipolicy.core.model import Action, Confidence, Ruling, State
from policy_samples import CATEGORIES, NAMES, VENDORS

NOW = datetime(2026, 9, 1, tzinfo=UTC)

Had = tuple[str, KindOfFinding, int]
"""Whose it is, what it is, the day from which on the agent blocks it."""


def kind(
    tool: str = "claude-code",
    *,
    version: str | None = "2.0.1",
    state: State = State.INSTALLED,
    confidence: Confidence = Confidence.CERTAIN,
    ruling: Ruling = Ruling.UNLISTED,
    action: Action = Action.REPORT,
    rule: str = "old.yaml: not listed",
    because: tuple[tuple[str, str], ...] | None = None,
) -> KindOfFinding:
    """A finding that nobody has ruled on, but for what the test says."""
    return KindOfFinding(
        tool,
        NAMES.get(tool, tool),
        VENDORS.get(tool, "nobody"),
        CATEGORIES.get(tool, "cli"),
        version,
        state,
        confidence,
        because if because is not None else (("npm", tool),),
        ruling,
        action,
        rule,
    )


def had(owner: str, what: KindOfFinding, blocks: int = 0) -> Had:
    """One finding of a person's."""
    return owner, what, blocks


def lines(
    devices: Iterable[Iterable[Had]],
    policy: str | None = None,
    name: str = "old.yaml",
    tags: tuple[str, ...] | None = None,
    arrivals: Arrivals | None = None,
) -> Iterator[bytes]:
    """The inventory of these devices; `policy` is the one that the server published."""
    writer = Writer()
    in_force = InForce(number=7, name=name, content=policy) if policy is not None else None
    yield writer.head(Head(taken_at=NOW, policy=in_force, arrivals=arrivals))
    for number, findings in enumerate(devices, start=1):
        numbered = []
        for owner, what, blocks in findings:
            place, line = writer.kind(what)
            numbered.append((owner, place, blocks))
            if line:
                yield line
        yield writer.device(
            id=f"id-{number}", hostname=f"pc-{number}", os="linux", tags=tags, findings=numbered
        )
    yield writer.end()


def fleet(
    *devices: Iterable[Had], tags: tuple[str, ...] | None = None
) -> list[KindOfFinding | DeviceInventory]:
    """The same, read again."""
    whole = lines(devices, tags=tags)
    read_head(next(whole))
    return list(read_lines(whole))
