"""A fleet that never was, brought into a store through the server's own intake: what the pages are tested on.

Times are counted back from `NOW`, which is also the application's clock in these tests.
"""

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from aipolicy.core.model import (
    Action,
    Confidence,
    Done,
    Event,
    Evidence,
    Finding,
    Gone,
    Health,
    Outcome,
    Owner,
    Ruling,
    State,
    Unseen,
    Verdict,
)
from aipolicy.core.wire import HostInfo
from aipolicy_server import tokens
from aipolicy_server.clock import to_us, uuid7
from aipolicy_server.store import admins, devices
from aipolicy_server.store.accept import Received, accept
from aipolicy_server.store.store import Store

NOW = datetime(2026, 11, 24, 16, 35, 4, tzinfo=UTC)
POLICY = "3f0c9a1b7d42"
CATALOG = "8e21c0ffee91"
ADMIN_TOKEN = "aipa_" + "A" * 43
SECRET = "aips_" + "S" * 43

CLAUDE = ("claude-code", "Claude Code", "anthropic", "cli")
QODER = ("qoder", "Qoder", "alibaba", "editor")
AIDER = ("aider", "Aider", "aider-ai", "cli")
CURSOR = ("cursor", "Cursor", "anysphere", "editor")
COPILOT = ("github-copilot", "GitHub Copilot", "github", "extension")

_counter = itertools.count(1)


def event_id(time: datetime) -> str:
    """A UUIDv7 of that time; the random part counts up, so that ids differ and runs agree."""
    return uuid7(time, next(_counter).to_bytes(10, "big"))


def outcome(
    tool: tuple[str, str, str, str] = CLAUDE,
    *,
    version: str | None = "2.0.14",
    state: State = State.INSTALLED,
    confidence: Confidence = Confidence.CERTAIN,
    owner: str = "mara",
    path: str = "~/.local/share/claude/versions/2.0.14",
    form: str = "native",
    pid: int | None = None,
    ruling: Ruling = Ruling.BANNED,
    action: Action = Action.BLOCK,
    done: Done = Done.REPORTED,
    detail: str = "",
    reason: str = "policy.yaml:3",
    why: str = "Source code may not leave the company.",
    message: str = "",
    because: tuple[Evidence, ...] = (
        Evidence(kind="content", value="claude-code:@anthropic-ai/claude-code"),
        Evidence(kind="path", value="~/.local/share/claude/versions/*"),
    ),
) -> Outcome:
    finding = Finding(
        tool=tool[0],
        name=tool[1],
        vendor=tool[2],
        category=tool[3],
        version=version,
        state=state,
        confidence=confidence,
        because=because,
        owner=Owner(uid=1000 + len(owner), name=owner),
        path=path,
        form=form,
        pid=pid,
    )
    verdict = Verdict(
        finding=finding,
        ruling=ruling,
        action=action,
        reason=reason,
        why=why,
        message=message,
        policy=POLICY,
        catalog=CATALOG,
    )
    return Outcome(verdict=verdict, done=done, detail=detail)


class Fleet:
    """Enrols devices and reports events, each batch as a device would number it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._seq: dict[str, int] = {}
        store.write_now(
            lambda c: admins.set_admin(
                c, "admin", tokens.hashed(ADMIN_TOKEN), to_us(NOW - timedelta(days=90))
            )
        )
        store.write_now(
            lambda c: admins.add_secret(c, "first", tokens.hashed(SECRET), to_us(NOW - timedelta(days=90)))
        )

    @classmethod
    def in_folder(cls, folder: Path) -> "Fleet":
        return cls(Store.open(f"sqlite:///{folder / 'server.db'}", b"k" * 32))

    def enrol(
        self,
        hostname: str,
        *,
        seen: timedelta | None = timedelta(seconds=40),
        os_version: str = "Debian GNU/Linux 12",
        policy: str = POLICY,
        mode: str = "block",
        age: timedelta = timedelta(days=20),
    ) -> str:
        """The id of the new device. seen: how long ago it was last heard of, None for never."""
        number = len(self._seq) + 1
        device = uuid7(NOW - age, number.to_bytes(10, "big"))
        self._seq[device] = 0
        host = HostInfo(
            hostname=hostname, os="linux", os_version=os_version, arch="x86_64", agent_version="0.1.0"
        )
        new = devices.NewDevice(id=device, token_hash=f"{number:064x}", host=host)
        assert self.store.write_now(lambda c: devices.enrol(c, SECRET, new, to_us(NOW - age)))
        if seen is not None:
            sign = devices.Seen(
                last_seen=to_us(NOW - seen),
                host=host,
                policy=policy,
                mode=mode,
                catalog=CATALOG,
                process_events="kernel",
                pending=0,
            )
            self.store.write_now(lambda c: devices.note_seen(c, [(device, sign)]))
        return device

    def report(
        self, device: str, abouts: Iterable[tuple[timedelta, Outcome | Gone | Unseen | Health]]
    ) -> None:
        """One batch: what happened how long ago."""
        events = tuple(
            Event(id=event_id(NOW - age), device=device, time=NOW - age, about=about) for age, about in abouts
        )
        self._seq[device] += 1
        body = msgspec.json.encode(events)
        batch = Received(
            device=device,
            spool="spool-1",
            seq=self._seq[device],
            digest=hashlib.sha256(body).digest(),
            body=body,
            received_us=to_us(max(e.time for e in events)) + 400_000,
            events=events,
        )
        self.store.write_now(lambda c: accept(c, batch))


def hours(value: float) -> timedelta:
    return timedelta(hours=value)


def fill(fleet: Fleet) -> dict[str, str]:
    """A small company. Device ids by hostname."""
    ids: dict[str, str] = {}
    for number, (hostname, os_version) in enumerate(_HOSTS):
        ids[hostname] = fleet.enrol(hostname, os_version=os_version, seen=timedelta(seconds=7 + 61 * number))
    ids["lab-kiosk-2"] = fleet.enrol(
        "lab-kiosk-2", seen=timedelta(days=3), policy="9d77aa02e6c1", mode="report"
    )
    ids["new-laptop"] = fleet.enrol("new-laptop", seen=None, age=timedelta(minutes=4))
    for number, hostname in enumerate(ids):
        if hostname != "new-laptop":
            fleet.report(ids[hostname], _usual(number, _PEOPLE[number % len(_PEOPLE)]))
    fleet.report(ids["ci-runner-04"], _unenforceable())
    return ids


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
