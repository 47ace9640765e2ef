"""A small company: devices whose agents warned, ended, could not enforce, fell silent or never reported."""

from collections.abc import Iterator
from datetime import timedelta

from aipolicy.core.model import (
    Action,
    Confidence,
    Done,
    Evidence,
    Gone,
    Health,
    Outcome,
    Ruling,
    State,
    Unseen,
)
from server.console.synthetic import AIDER, COPILOT, POLICY, QODER, Fleet, hours, outcome


def fill(fleet: Fleet) -> dict[str, str]:
    """A small company. Device ids by hostname."""
    fleet.publish(FIRST, POLICY, timedelta(days=9), 0, author="mara@example.com", commit="5d1f0c2e9ab4")
    fleet.publish(
        SECOND, "c0ffee123456", timedelta(hours=2), 1, author="jonas@example.com", approver="aiko@example.com"
    )
    ids: dict[str, str] = {}
    for number, (hostname, os_version) in enumerate(_HOSTS):
        said = {"refused": 2, "refused_why": WHY} if hostname == "dev-aiko" else {}
        ids[hostname] = fleet.enrol(
            hostname, os_version=os_version, seen=timedelta(seconds=7 + 61 * number), published=1, **said
        )
    ids["lab-kiosk-2"] = fleet.enrol(
        "lab-kiosk-2",
        seen=timedelta(days=3),
        policy="9d77aa02e6c1",
        mode="report",
        ceiling="local brake: pulled by kiosk: a demonstration",
    )
    ids["new-laptop"] = fleet.enrol("new-laptop", seen=None, age=timedelta(minutes=4))
    for number, hostname in enumerate(ids):
        if hostname != "new-laptop":
            fleet.report(ids[hostname], _usual(number, _PEOPLE[number % len(_PEOPLE)]))
    fleet.report(ids["ci-runner-04"], _unenforceable())
    return ids


FIRST = """# Approved tools of the company
mode: block
banned: [claude-code]  # source code may not leave
approved: [qoder]
"""
SECOND = FIRST.replace("[claude-code]", "[claude-code, windsurf]")
WHY = "policy.yaml:3:24: unknown tool 'windsurf'; the last good policy, version 3f0c9a1b7d42, stays in force"

_HOSTS = (
    ("dev-mara", "Debian GNU/Linux 12"),
    ("dev-jonas", "Ubuntu 24.04.1 LTS"),
    ("dev-aiko", "Fedora Linux 41"),
    ("build-01", "Debian GNU/Linux 12"),
    ("ci-runner-04", "Ubuntu 22.04.5 LTS"),
)
_PEOPLE = ("mara", "jonas", "aiko", "svc-build", "runner", "kiosk")


def _usual(number: int, owner: str) -> Iterator[tuple[timedelta, Outcome | Gone | Unseen | Health]]:
    yield (
        hours(300 - number),
        Health(part="agent", condition="started", detail="version 0.1.0, policy in force"),
    )
    yield (
        hours(299 - number),
        outcome(
            QODER,
            version="0.2.21",
            owner=owner,
            path="~/.qoder/bin/qodercli",
            reason="policy.yaml:7",
            because=(Evidence(kind="npm", value="@qoder-ai/qodercli"),),
            form="npm global",
            ruling=Ruling.APPROVED,
            action=Action.ALLOW,
            done=Done.ALLOWED,
            why="",
        ),
    )
    if number % 2 == 0:
        yield hours(50 + number), outcome(owner=owner, version=f"2.0.{14 - number}")
        running = outcome(
            owner=owner,
            version=f"2.0.{14 - number}",
            state=State.RUNNING,
            pid=41_200 + number,
            form="process",
            done=Done.ENDED,
            detail="ended 0.2 s after it started",
            message="Claude Code is not allowed: source code may not leave the company. Use Qoder instead.",
        )
        yield hours(2.2 + number), running
        yield (
            hours(2.199 + number),
            Gone(
                tool="claude-code",
                state=State.RUNNING,
                owner=running.verdict.finding.owner,
                path=running.verdict.finding.path,
            ),
        )
    if number % 3 == 1:
        yield (
            hours(26 + number),
            outcome(
                AIDER,
                version="0.86.1",
                owner=owner,
                path="~/.local/share/uv/tools/aider-chat",
                form="uv tool",
                ruling=Ruling.UNLISTED,
                action=Action.REPORT,
                reason="policy.yaml:9",
                why="",
                because=(Evidence(kind="pypi", value="aider-chat"),),
            ),
        )
        yield (
            hours(1.5 + number),
            outcome(
                AIDER,
                version=None,
                state=State.RUNNING,
                confidence=Confidence.LIKELY,
                owner=owner,
                pid=9_001,
                path="/usr/bin/python3.12",
                form="process",
                ruling=Ruling.UNLISTED,
                action=Action.WARN,
                done=Done.WARNED,
                reason="policy.yaml:9",
                why="",
                message="Aider is not on the list of approved tools. Ask it@example.com.",
                because=(Evidence(kind="title", value="aider"), Evidence(kind="pypi", value="aider-chat")),
            ),
        )
    if number % 3 == 2:
        yield hours(70), Unseen(place="/home/old-account", reason="permission denied")


def _unenforceable() -> Iterator[tuple[timedelta, Outcome]]:
    yield (
        hours(0.4),
        outcome(
            COPILOT,
            version="1.250.0",
            owner="runner",
            path="~/.vscode-server/extensions/github.copilot-1.250.0",
            form="extension in vscode",
            done=Done.NOT_ENFORCEABLE,
            reason="policy.yaml:4",
            why="Not reviewed yet.",
            detail="An editor is not ended because of its extension; set AllowedExtensions.",
            because=(Evidence(kind="vscode-extension", value="github.copilot"),),
        ),
    )
