"""A fleet that never was, brought into a store through the server's own intake: what the pages are tested on.

Times are counted back from `NOW`, which is also the application's clock in these tests.
"""

import hashlib
import itertools
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

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
from aipolicy.core.publishing import Published
from aipolicy.core.wire import HostInfo
from aipolicy_server import tokens
from aipolicy_server.clock import to_us, uuid7
from aipolicy_server.store import admins, brakes, devices, policies
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
    def in_folder(cls, folder: Path, database: str | None = None) -> "Fleet":
        """database: an empty one of ours; without it a new file of SQLite in the folder."""
        return cls(Store.open(database or f"sqlite:///{folder / 'server.db'}", b"k" * 32))

    def enrol(
        self,
        hostname: str,
        *,
        seen: timedelta | None = timedelta(seconds=40),
        os_version: str = "Debian GNU/Linux 12",
        policy: str = POLICY,
        mode: str = "block",
        age: timedelta = timedelta(days=20),
        **said: Any,
    ) -> str:
        """The id of the new device. seen: how long ago it was last heard of, None for never.

        said: what else its check-in said.
        """
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
                **said,
            )
            self.store.write_now(lambda c: devices.note_seen(c, [(device, sign)]))
        return device

    def publish(self, text: str, version: str, age: timedelta, expected: int, **words: str) -> None:
        """A policy with a version of the test's own choice."""
        new = policies.NewPolicy(
            sha256=version.ljust(64, "0"),
            name="policy.yaml",
            mode=Action.BLOCK,
            content=text.encode(),
            commit=words.get("commit", ""),
            author=words.get("author", ""),
            approver=words.get("approver", ""),
            by="admin",
            at_us=to_us(NOW - age),
        )
        done = self.store.write_now(lambda c: policies.publish(c, new, expected))
        assert isinstance(done, Published), done

    def brake(self, reason: str) -> None:
        """Pulled an hour ago."""
        at_us = to_us(NOW - timedelta(hours=1))
        self.store.write_now(lambda c: brakes.note(c, pulled=True, reason=reason, by="mara", at_us=at_us))

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
