"""What agent and server say to each other, byte for byte: requests, replies and the batch.

Both sides encode and decode with these records, so they cannot disagree about a field.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Final

import msgspec

from aipolicy.core.model import Event, Finding, Outcome, Record, Verdict
from aipolicy.core.place import without_home
from aipolicy.core.published import Brake, PolicyTag

ENROL_PATH: Final = "/v1/enrol"
EVENTS_PATH: Final = "/v1/events"
CHECK_IN_PATH: Final = "/v1/checkin"
POLICY_PATH: Final = "/v1/policy"
UNENROL_PATH: Final = "/v1/unenrol"

MAX_BATCH_EVENTS: Final = 500
MAX_TAGS: Final = 100
MAX_TAG: Final = 100
"""Characters of a tag."""
MAX_BODY_BYTES: Final = 1_000_000
"""Largest request body after decompression."""


class HostInfo(Record, frozen=True, kw_only=True):
    """What a device says of itself.

    hostname: its name. os: linux, macos or windows. os_version: as the system names itself.
    arch: the processor architecture. agent_version: the version of this agent.
    """

    hostname: str
    os: str
    os_version: str
    arch: str
    agent_version: str


class EnrolRequest(Record, frozen=True, kw_only=True):
    """Body of POST /v1/enrol. secret: the enrolment secret that IT handed out."""

    schema: str = "aipolicy.enrol/1"
    secret: str
    host: HostInfo


class EnrolReply(Record, frozen=True, kw_only=True):
    """device: the id the server gave. token: this device's bearer; the server keeps only its hash."""

    schema: str = "aipolicy.enrolled/1"
    device: str
    token: str


class Unenrolled(Record, frozen=True, kw_only=True):
    """Answer to POST /v1/unenrol, which has no body: from here on this device's token is worth nothing."""

    schema: str = "aipolicy.unenrolled/1"
    device: str


class Batch(Record, frozen=True, kw_only=True):
    """Body of POST /v1/events, gzipped; immutable once sealed.

    device: the sender's id, which must be the credential's.
    spool: id of the sender's spool; a new one where its state was lost, so that seq may start again.
    seq: number of this batch in its spool, from 1.
    events: at most MAX_BATCH_EVENTS.
    """

    schema: str = "aipolicy.batch/1"
    device: str
    spool: str
    seq: int
    events: tuple[Event, ...]


class Ack(Record, frozen=True, kw_only=True):
    """Answer to a batch, sent after the commit. Only an Ack that names the batch counts as delivered.

    stored: events newly stored; 0 where the batch had been stored before.
    """

    schema: str = "aipolicy.ack/1"
    spool: str
    seq: int
    stored: int


class CheckIn(Record, frozen=True, kw_only=True):
    """Body of POST /v1/checkin.

    policy, catalog: what the device enforces. mode: the most that may be done on it.
    findings: digest of its current findings. pending: events that wait in its spool.
    process_events: how it sees new processes ("kernel" or "polling").
    published: the number of the server's policy that it enforces, 0 for a file of its own.
    refused, refused_why: the number of the server's policy that it refuses and why, 0 where it refuses none.
    ceiling: what keeps it below the policy's mode, in words, empty where nothing does.
    tags: labels that IT gave the device, null where the agent does not tell them.
    first_sights: digest of what it knows of when graces began, null where the agent does not tell that.
    scanned: whether its first scan since its start has ended: before that, what it has is not known. Null
    where the agent does not tell that.
    """

    schema: str = "aipolicy.checkin/1"
    host: HostInfo
    policy: str
    mode: str
    catalog: str
    findings: str
    pending: int
    process_events: str
    published: int = 0
    refused: int = 0
    refused_why: str = ""
    ceiling: str = ""
    tags: tuple[str, ...] | None = None
    first_sights: str | None = None
    scanned: bool | None = None


class CheckInReply(Record, frozen=True, kw_only=True):
    """next_s: seconds until the next check-in. resend: whether its findings differ from the digest.

    policy: the policy that is to be in force, null where the server publishes none: GET /v1/policy has it.
    brake: the emergency brake, null where it is not pulled.
    first_sights: whether the server knows others than the digest says, or none yet of this machine.
    """

    schema: str = "aipolicy.checked-in/1"
    next_s: int
    resend: bool = False
    policy: PolicyTag | None = None
    brake: Brake | None = None
    first_sights: bool = False


class Problem(Record, frozen=True, kw_only=True):
    """Body of every refusal (RFC 9457). title: what is wrong, in words. code: a stable word for it."""

    schema: str = "aipolicy.problem/1"
    status: int
    code: str
    title: str


def printable(text: str) -> str:
    r"""Lone surrogates (bytes of a non-UTF-8 name) and control characters as \xff-style escapes.

    SQLite refuses lone surrogates and a terminal obeys control characters, so names are made printable
    where they enter the program.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # surrogateescape: the byte is the low part
        return f"\\x{code - 0xDC00:02x}"
    return char.encode("unicode_escape", "backslashreplace").decode("ascii")


def home_relative(text: str, homes: Iterable[str]) -> str:
    """`text` with every home folder that starts a path in it written as `~`."""
    for home in sorted((h.rstrip("/\\") for h in homes), key=len, reverse=True):
        if home:
            text = re.sub(rf"(?<![\w.-]){re.escape(home)}(?=$|[/\\:])", "~", text)
    return without_home(text)


def verdict_for_wire(verdict: Verdict, homes: Iterable[str]) -> Verdict:
    """The verdict as it leaves the machine: every path home-relative."""
    homes = list(homes)
    finding = verdict.finding
    because = tuple(msgspec.structs.replace(e, value=home_relative(e.value, homes)) for e in finding.because)
    finding = msgspec.structs.replace(finding, path=home_relative(finding.path, homes), because=because)
    return msgspec.structs.replace(verdict, finding=finding)


def finding_key(finding: Finding) -> str:
    """What makes a finding the same one over time: tool, state, owner and place."""
    return "\x1f".join((finding.tool, finding.state, str(finding.owner.uid), finding.path))


def findings_digest(outcomes: Iterable[Outcome]) -> str:
    """SHA-256 over the current findings and what the policy says of them, whatever their order.

    Agent and server compute it over the wire form; where they differ the agent sends all again.
    """
    lines = sorted(
        "\x1f".join(
            (
                finding_key(o.verdict.finding),
                o.verdict.finding.version or "",
                o.verdict.ruling,
                o.verdict.action,
            )
        )
        for o in outcomes
    )
    return hashlib.sha256("\x1e".join(lines).encode("utf-8", "backslashreplace")).hexdigest()
