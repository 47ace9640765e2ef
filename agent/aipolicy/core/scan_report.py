"""What `aipolicy scan --format json` prints: one object, stable, checked against its schema in tests."""

from collections.abc import Sequence
from datetime import datetime

from aipolicy.core.model import Action, Confidence, Evidence, Record, Ruling, State, Unseen, Verdict
from aipolicy.core.wire import HostInfo, printable


class CatalogInUse(Record, frozen=True, kw_only=True):
    """version: the catalog's version, the first 12 hex digits of the SHA-256 of its files."""

    version: str


class PolicyInUse(Record, frozen=True, kw_only=True):
    """name: the policy's name. version: 12 hex digits of its text's SHA-256.

    mode: the most that it lets an agent do on this machine: report, warn or block.
    """

    name: str
    version: str
    mode: Action


class ReportedVerdict(Record, frozen=True, kw_only=True):
    """One line of the report; the fields are those of Finding and Verdict, flat.

    owner: login name. because: the evidence, strongest first. blocks_from: from when on it will be blocked,
    UTC; null where it is blocked already, or will not be.
    """

    tool: str
    name: str
    vendor: str
    version: str | None
    state: State
    owner: str
    path: str
    pid: int | None
    form: str
    confidence: Confidence
    ruling: Ruling
    action: Action
    reason: str
    why: str
    because: tuple[Evidence, ...]
    blocks_from: datetime | None = None


class UnseenPlace(Record, frozen=True, kw_only=True):
    """A place that could not be looked into, and why."""

    place: str
    reason: str


class Summary(Record, frozen=True, kw_only=True):
    """How many findings of each ruling."""

    banned: int
    approved: int
    unlisted: int
    exempt: int


class ScanReport(Record, frozen=True, kw_only=True):
    """The whole report. complete: false when some place could not be looked into.

    scope: machine when every user's files were looked at, user when only one's own.
    """

    schema: str = "aipolicy.scan/1"
    scanned_at: datetime
    complete: bool
    scope: str
    catalog: CatalogInUse
    host: HostInfo
    policy: PolicyInUse
    verdicts: tuple[ReportedVerdict, ...]
    unseen: tuple[UnseenPlace, ...]
    summary: Summary


_ORDER = {Ruling.BANNED: 0, Ruling.UNLISTED: 1, Ruling.EXEMPT: 2, Ruling.APPROVED: 3}


def scan_report(
    *,
    scanned_at: datetime,
    scope: str,
    catalog: str,
    host: HostInfo,
    policy: PolicyInUse,
    verdicts: Sequence[Verdict],
    unseen: Sequence[Unseen],
    everything: bool,
) -> ScanReport:
    """The report of one scan, banned first. `everything` also lists findings that are less than certain."""
    shown = [v for v in verdicts if everything or v.finding.confidence is Confidence.CERTAIN]
    shown.sort(key=lambda v: (_ORDER[v.ruling], v.finding.tool, v.finding.owner.name, v.finding.path))
    counts = {ruling: sum(v.ruling is ruling for v in shown) for ruling in Ruling}
    return ScanReport(
        scanned_at=scanned_at,
        complete=not unseen,
        scope=scope,
        catalog=CatalogInUse(version=catalog),
        host=host,
        policy=policy,
        verdicts=tuple(reported(v) for v in shown),
        unseen=tuple(UnseenPlace(place=printable(u.place), reason=u.reason) for u in unseen),
        summary=Summary(
            banned=counts[Ruling.BANNED],
            approved=counts[Ruling.APPROVED],
            unlisted=counts[Ruling.UNLISTED],
            exempt=counts[Ruling.EXEMPT],
        ),
    )


def reported(verdict: Verdict) -> ReportedVerdict:
    """A verdict, flat, as the report and `explain` show it."""
    finding = verdict.finding
    return ReportedVerdict(
        tool=finding.tool,
        name=finding.name,
        vendor=finding.vendor,
        version=finding.version,
        state=finding.state,
        owner=finding.owner.name,
        path=printable(finding.path),
        pid=finding.pid,
        form=finding.form,
        confidence=finding.confidence,
        ruling=verdict.ruling,
        action=verdict.action,
        reason=verdict.reason,
        why=verdict.why,
        because=finding.because,
        blocks_from=verdict.blocks_from,
    )


def exit_code(report: ScanReport) -> int:
    """0 compliant, 1 a banned tool found, 3 nothing banned seen but some place could not be looked into.

    What only may be a banned tool is none: `--all` shows more and changes nothing.
    """
    sure = (v for v in report.verdicts if v.confidence is Confidence.CERTAIN)
    if any(v.ruling is Ruling.BANNED for v in sure):
        return 1
    return 0 if report.complete else 3
