"""What `aipolicy status` and `aipolicy mine` say; also the last state that a daemon leaves behind."""

from datetime import datetime
from typing import Final

import msgspec

from aipolicy.core.first_sights import FirstSight
from aipolicy.core.model import Action, Record

STATUS_FILE: Final = "status.json"
"""Its name in the state folder, where a daemon leaves its last status."""


class Problem(Record, frozen=True, kw_only=True):
    """One thing that is wrong.

    part: which part of the agent. condition: what it is in a word. since: when it began, UTC.
    detail: what happened and what to do.
    """

    part: str
    condition: str
    since: datetime
    detail: str


class PolicyStatus(Record, frozen=True, kw_only=True):
    """The policy in force: its file, name, version, and since when it is in force here.

    mode: the most that it lets the agent do on this machine: its own, or that of a scope that may fit here.

    number: under which the server published it, 0 for a file's. Then `file` is the server's address.
    """

    file: str
    number: int = 0
    name: str
    version: str
    mode: Action
    since: datetime


class ScanStatus(Record, frozen=True, kw_only=True):
    """The last full scan: when, how long in seconds, whether it saw everything, findings by ruling."""

    at: datetime
    took_s: float
    complete: bool
    unseen: int
    findings: dict[str, int]


class SoonBlocked(Record, frozen=True, kw_only=True):
    """What is not blocked yet: how many findings of the last scan, and from when on the first is."""

    findings: int
    first: datetime


class ServerStatus(Record, frozen=True, kw_only=True):
    """url: null without a server. pending: events waiting here. last_ok: the last answer, null before it."""

    url: str | None
    device: str
    pending: int
    last_ok: datetime | None


class ControlStatus(Record, frozen=True, kw_only=True):
    """How one vendor's own control stands.

    name: as `aipolicy control` calls it. condition: off (nothing is banned that it controls), in force,
    partly, missing or overridden. detail: what it does, file by file, or why it does not. around: the known
    ways around it.
    """

    name: str
    condition: str
    detail: str
    around: str


class GuardStatus(Record, frozen=True, kw_only=True):
    """The life of the guard that runs now.

    gate_restarts, classifier_restarts: how often its processes were started anew since its own start.
    counted: refusals since the agent's start that are told as a number only, not each by itself.
    """

    gate_restarts: int
    classifier_restarts: int
    counted: int = 0


class Status(Record, frozen=True, kw_only=True):
    """The agent's health.

    running: whether the daemon runs; pid, started: which. healthy: running and no problem.
    layers: native controls, guard, ending: each in force, partly, missing, overridden, away or off.
    controls: the native controls one by one. guard: null while no guard answers.
    soon_blocked: null where nothing is. settings: the files that the agent's settings were read from, in that
    order.
    process_events: how new processes are seen: kernel or polling. install_events: kernel, watch or scan only.
    """

    schema: str = "aipolicy.status/1"
    running: bool
    healthy: bool
    pid: int
    started: datetime
    agent_version: str
    scope: str
    layers: dict[str, str]
    controls: tuple[ControlStatus, ...] = ()
    guard: GuardStatus | None = None
    process_events: str
    install_events: str
    settings: tuple[str, ...] = ()
    policy: PolicyStatus
    catalog: str
    server: ServerStatus
    scan: ScanStatus | None
    soon_blocked: SoonBlocked | None = None
    problems: tuple[Problem, ...]


class Mine(Record, frozen=True, kw_only=True):
    """Everything stored about the person who asks.

    who: the login name. device: this machine's id. records: the events, byte for byte as stored and sent.
    first_sights: when graces began here for the tools that they name, as the server is told; of the machine,
    whoever had the tool first.
    """

    schema: str = "aipolicy.mine/1"
    who: str
    device: str
    records: tuple[msgspec.Raw, ...]
    first_sights: tuple[FirstSight, ...] = ()
