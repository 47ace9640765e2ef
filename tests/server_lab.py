"""Devices as the server meets them: records to report, batches as bytes, and a client that enrols and sends.

lab = Lab.open(tmp_path)                  # an application on a database of its own, and its clock
device = lab.enrol()                      # a credential
ack = device.send(outcome("claude-code")) # one batch; device.post(body) sends anything
"""

import contextlib
import gzip
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
from starlette.testclient import TestClient

from aipolicy.core import wire
from aipolicy.core.first_sights import FIRST_SIGHTS_PATH, FirstSight, FirstSights, KnownSights
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
from aipolicy.core.publishing import Published, PublishRequest
from aipolicy_server.app import build, open_store
from aipolicy_server.clock import uuid7
from aipolicy_server.settings import Limits, Settings
from aipolicy_server.store.store import Store

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOST = wire.HostInfo(
    hostname="lab-1", os="linux", os_version="Debian 12", arch="x86_64", agent_version="0.1.0"
)

About = Outcome | Gone | Unseen | Health

_counter = itertools.count(1)


class FakeClock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


def outcome(
    tool: str = "claude-code",
    *,
    path: str = "~/.local/bin/claude",
    owner: str = "alice",
    uid: int = 1000,
    version: str | None = "2.0.1",
    state: State = State.INSTALLED,
    ruling: Ruling = Ruling.BANNED,
    done: Done = Done.REPORTED,
    detail: str = "",
    name: str | None = None,
    message: str = "",
) -> Outcome:
    """A banned tool that was reported, but for what the test says."""
    return Outcome(
        verdict=Verdict(
            finding=Finding(
                tool=tool,
                name=name if name is not None else tool.title(),
                vendor="anthropic",
                category="cli",
                version=version,
                state=state,
                confidence=Confidence.CERTAIN,
                because=(Evidence(kind="npm", value=tool),),
                owner=Owner(uid=uid, name=owner),
                path=path,
                form="native",
                pid=4242 if state is State.RUNNING else None,
            ),
            ruling=ruling,
            action=Action.BLOCK,
            reason="policy.yaml:3",
            why="source code may not leave",
            message=message,
            policy="0123456789ab",
            catalog="ba9876543210",
        ),
        done=done,
        detail=detail,
    )


def gone(of: Outcome) -> Gone:
    """That finding is not there any more."""
    finding = of.verdict.finding
    return Gone(tool=finding.tool, state=finding.state, owner=finding.owner, path=finding.path)


def event_id(at: datetime = START) -> str:
    """A fresh UUIDv7."""
    return uuid7(at, next(_counter).to_bytes(10, "big"))


def event(about: About, at: datetime = START, device: str = "") -> Event:
    """One event, with an id of its own."""
    return Event(id=event_id(at), device=device, time=at, about=about)


def batch_body(batch: wire.Batch) -> bytes:
    """A batch as it is sent."""
    return gzip.compress(msgspec.json.encode(batch), mtime=0)


@dataclass
class Device:
    """A device with its credential."""

    http: TestClient
    id: str
    token: str
    spool: str = "spool-1"
    seq: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def batch(self, *abouts: About, at: datetime = START, seq: int | None = None) -> wire.Batch:
        """The device's next batch, not sent."""
        number = next(self.seq) if seq is None else seq
        events = tuple(event(about, at, self.id) for about in abouts)
        return wire.Batch(device=self.id, spool=self.spool, seq=number, events=events)

    def send(self, *abouts: About, at: datetime = START) -> wire.Ack:
        """Sends the next batch; it must be taken."""
        return self.deliver(self.batch(*abouts, at=at))

    def deliver(self, batch: wire.Batch) -> wire.Ack:
        reply = self.post(batch_body(batch))
        assert reply.status_code == 200, reply.text
        return msgspec.json.decode(reply.content, type=wire.Ack)

    def post(self, body: bytes, path: str = wire.EVENTS_PATH, **headers: str) -> httpx.Response:
        """Sends anything at all, gzipped unless told otherwise."""
        sent = {"authorization": f"Bearer {self.token}", "content-encoding": "gzip", **headers}
        reply: httpx.Response = self.http.post(
            path, content=body, headers={k: v for k, v in sent.items() if v}
        )
        return reply

    def check_in(self, findings: str = "", pending: int = 0, **changes: Any) -> wire.CheckInReply:
        """A check-in; it must be taken. changes: of what it says."""
        host = msgspec.structs.replace(HOST, **{k: v for k, v in changes.items() if hasattr(HOST, k)})
        said = wire.CheckIn(
            host=host,
            policy=changes.get("policy", "0123456789ab"),
            mode=changes.get("mode", "report"),
            catalog="ba9876543210",
            findings=findings,
            pending=pending,
            process_events="kernel",
            **{
                k: v
                for k, v in changes.items()
                if k in ("published", "refused", "refused_why", "ceiling", "tags", "first_sights", "scanned")
            },
        )
        reply = self.post(msgspec.json.encode(said), wire.CHECK_IN_PATH, **{"content-encoding": ""})
        assert reply.status_code == 200, reply.text
        return msgspec.json.decode(reply.content, type=wire.CheckInReply)

    def tell_sights(self, *sights: FirstSight, machine: str = "") -> tuple[FirstSight, ...]:
        """Tells when graces began; it must be taken. What comes back."""
        told = msgspec.json.encode(FirstSights(machine=machine, sights=sights))
        reply = self.post(told, FIRST_SIGHTS_PATH, **{"content-encoding": ""})
        assert reply.status_code == 200, reply.text
        return msgspec.json.decode(reply.content, type=KnownSights).sights

    def policy(self, etag: str = "") -> httpx.Response:
        """What it gets as the policy to enforce; etag: of the one that it has."""
        sent = {"authorization": f"Bearer {self.token}", "if-none-match": etag}
        reply: httpx.Response = self.http.get(
            wire.POLICY_PATH, headers={name: value for name, value in sent.items() if value}
        )
        return reply


@dataclass
class Lab:
    """An application on a database of its own. `http` is a stranger; `admin` carries the admin token."""

    settings: Settings
    clock: FakeClock
    store: Store
    http: TestClient

    @classmethod
    @contextlib.contextmanager
    def open(
        cls, folder: Path, database: str | None = None, tools: str | None = None, **limits: float
    ) -> Iterator["Lab"]:
        generous = {"wrong_per_minute": 1000, "enrol_per_s": 1000.0, **limits}
        settings = Settings(
            data=str(folder),
            database=database,
            flush_s=3600,
            tools=tools,
            limits=msgspec.convert(generous, Limits),
        )
        clock = FakeClock()
        store = open_store(settings, clock)
        with TestClient(build(settings, clock=clock, store=store), follow_redirects=False) as http:
            yield cls(settings, clock, store, http)

    @property
    def admin_token(self) -> str:
        return self.settings.admin_token_file.read_text().strip()

    @property
    def secret(self) -> str:
        return self.settings.enrolment_secret_file.read_text().strip()

    def ask_to_enrol(self, secret: str, hostname: str = "lab-1") -> httpx.Response:
        request = wire.EnrolRequest(secret=secret, host=msgspec.structs.replace(HOST, hostname=hostname))
        reply: httpx.Response = self.http.post(wire.ENROL_PATH, content=msgspec.json.encode(request))
        return reply

    def enrol(self, hostname: str = "lab-1") -> Device:
        reply = self.ask_to_enrol(self.secret, hostname)
        assert reply.status_code == 200, reply.text
        said = msgspec.json.decode(reply.content, type=wire.EnrolReply)
        return Device(self.http, said.device, said.token)

    def get(self, path: str, **params: str | int) -> Any:
        """An answer of the API to an admin."""
        reply = self.http.get(
            f"/api/v1{path}", params=params, headers={"authorization": f"Bearer {self.admin_token}"}
        )
        assert reply.status_code == 200, reply.text
        return json.loads(reply.text)

    def post(self, path: str, record: msgspec.Struct, **headers: str) -> httpx.Response:
        """What the API says to an admin who sends this."""
        sent = {"authorization": f"Bearer {self.admin_token}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        reply: httpx.Response = self.http.post(
            f"/api/v1{path}", content=msgspec.json.encode(record), headers=sent
        )
        return reply

    def ask_to_publish(
        self, text: str, expected: int | None, name: str = "policy.yaml", **words: Any
    ) -> httpx.Response:
        """expected: the number that is believed to be in force; None: not said."""
        condition = {} if expected is None else {"if_match": f'"{expected}"'}
        return self.post("/policies", PublishRequest(name=name, content=text, **words), **condition)

    def publish(self, text: str, expected: int = 0, **words: Any) -> Published:
        """The policy, which must be taken."""
        reply = self.ask_to_publish(text, expected, **words)
        assert reply.status_code == 200, reply.text
        return msgspec.json.decode(reply.content, type=Published)

    def flush(self) -> None:
        """Has last-seen times written now: in these tests the server does not do so by itself."""
        portal: Any = self.http.portal
        app: Any = self.http.app
        portal.call(app.state.intake.presence.flush)

    def count(self, table: str) -> int:
        with self.store.reading() as connection:
            return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())  # noqa: S608


def problem(reply: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal."""
    said = msgspec.json.decode(reply.content, type=wire.Problem)
    assert said.status == reply.status_code
    assert said.title
    return said.status, said.code
