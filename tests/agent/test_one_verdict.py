"""Given any catalog, policy and program, then scan, explain, guard and plan say the same, by the same line.

Each goes its own way to the verdict, as in real use: the scan looks through a machine, `explain` at one path,
the guard judges the file that is about to start by the rules in its state folder, and the plan judges what
the server stored of the scan's report. Catalog, policy, owners and moments are made up anew each time.
"""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from aipolicy.central.policy_source import LastGood, PolicyText
from aipolicy.core.model import Action, Confidence, Context, Done, Outcome, Verdict
from aipolicy.core.policy import parse
from aipolicy.core.sides import Judged
from aipolicy.core.tools import Catalog, catalog_from
from aipolicy.core.wire import verdict_for_wire
from aipolicy.daemon.guard.classifier import Classifier
from aipolicy.daemon.guard.rules import GuardRules
from aipolicy.daemon.judge import Judge, Surroundings
from aipolicy.daemon.survey import survey
from aipolicy.enforce.guard.book import file_of
from aipolicy.examine import Examiner, examiner_for
from aipolicy.observe import look_at_path
from aipolicy.platforms.machine import User
from aipolicy_server.store.stocktaking import kind_of
from host import FakeMachine
from machine_needs import NEEDS_LINUX

pytestmark = NEEDS_LINUX

HOST = "fin-07"
PEOPLE = ("alice", "bob")
VENDORS = ("north", "south")
CATEGORIES = ("cli", "editor", "local-model")
SIZE = 1_100_000
"""As large as real programs: a small file with a tool's marks is less than certain."""


# --- what is made up --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MadeUp:
    """A tool: its vendor and category, how many marks it has, whether its name or a place gives it away."""

    number: int
    vendor: str
    category: str
    marks: int
    named: bool
    placed: bool

    @property
    def id(self) -> str:
        return f"tool-{self.number}"

    def mark(self, place: int) -> str:
        return f"TOOL_{self.number}_MARK_NUMBER_{place}_OF_ITS_OWN"

    @property
    def text(self) -> str:
        lines = [f"id: {self.id}", f"name: Tool {self.number}", f"vendor: {self.vendor}"]
        lines += [f"category: {self.category}", "evidence:", f"  npm: [{self.id}-npm]"]
        kinds = ["npm"]
        if self.marks:
            kinds.append("content")
            lines.append(f"  content: [{', '.join(self.mark(n) for n in range(self.marks))}]")
        if self.named:
            kinds.append("executable")
            lines.append(f"  executable: [run{self.number}]")
        if self.placed:
            kinds.append("path")
            lines.append(f"  path: [~/.tool{self.number}/bin/start]")
        lines.append("versions:")
        lines.append(f'  - {{before: "version-of-tool-{self.number}/"}}')
        lines.append(f"sources: {{{', '.join(f'{kind}: test' for kind in [*kinds, 'versions'])}}}")
        lines += ["examples:", f"  - {{is: certain, npm: {self.id}-npm}}", "not: []"]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Program:
    """A file that holds so many of a tool's marks: in whose home, where, which version it states.

    runs: it runs, too.
    """

    tool: int
    marks: int
    owner: str
    place: str
    version: str
    runs: bool

    def path(self, number: int) -> str:
        name = {"its name": f"run{self.tool}", "its place": f".tool{self.tool}/bin/start"}
        return f"home/{self.owner}/{name.get(self.place, f'notes/file-{number}')}"

    def content(self, tools: list[MadeUp]) -> bytes:
        parts = [tools[self.tool].mark(n) for n in range(min(self.marks, tools[self.tool].marks))]
        if self.version:
            parts.append(f"version-of-tool-{self.tool}/{self.version}")
        body = b"\x7fELF" + b"\0" * 60 + b"\0".join(part.encode() for part in parts) + b"\0"
        return body + b"\0" * (SIZE - len(body))


@st.composite
def _tools(draw: st.DrawFn) -> list[MadeUp]:
    return [
        MadeUp(
            number=number,
            vendor=draw(st.sampled_from(VENDORS)),
            category=draw(st.sampled_from(CATEGORIES)),
            marks=draw(st.integers(2, 4)),
            named=draw(st.booleans()),
            placed=draw(st.booleans()),
        )
        for number in range(draw(st.integers(2, 4)))
    ]


@st.composite
def _program(draw: st.DrawFn, tools: int) -> Program:
    return Program(
        tool=draw(st.integers(0, tools - 1)),
        marks=draw(st.sampled_from([0, 1, 2, 3])),
        owner=draw(st.sampled_from(PEOPLE)),
        place=draw(st.sampled_from(["anywhere", "its name", "its place"])),
        version=draw(st.sampled_from(["", "1.2.3", "2.0.0"])),
        runs=draw(st.booleans()),
    )


CONDITIONS = (
    "",
    "",
    ", action: warn",
    ", from: 2026-09-05",
    ", from: 2026-08-01",
    ", until: 2026-08-20",
    ", until: 2026-09-20",
    ", grace: 7d",
    ', versions: ">=2"',
    ', versions: "<2", from: 2026-08-01',
)


WHOM = (
    "users: [alice]",
    "users: [bob, carol]",
    f"hosts: [{HOST}]",
    "hosts: [hr-*]",
    "os: [linux]",
    "os: [macos]",
    "percent: 40",
    "percent: 90",
)


@st.composite
def _policy(draw: st.DrawFn, tools: list[MadeUp]) -> str:
    selectors = [tool.id for tool in tools]
    selectors += sorted({f'"vendor:{tool.vendor}"' for tool in tools})
    selectors += sorted({f'"category:{tool.category}"' for tool in tools})
    selectors.append('"*"')

    def entries(indent: str, conditions: tuple[str, ...]) -> str:
        chosen = draw(st.lists(st.sampled_from(selectors), max_size=3, unique=True))
        return (
            "".join(f"\n{indent}- {{tool: {one}{draw(st.sampled_from(conditions))}}}" for one in chosen)
            or " []"
        )

    def scope(number: int) -> str:
        mode = draw(st.sampled_from(["", "\n    mode: report", "\n    mode: block"]))
        banned, approved = entries("      ", CONDITIONS), entries("      ", ("",))
        return (
            f"  - name: s{number}\n    {draw(st.sampled_from(WHOM))}{mode}"
            f"\n    banned:{banned}\n    approved:{approved}\n"
        )

    def exemption() -> str:
        whom = draw(st.sampled_from([one for one in WHOM if not one.startswith("percent")]))
        until = draw(st.sampled_from(["2026-08-20", "2026-09-20"]))
        return f"  - {{tool: {draw(st.sampled_from(selectors))}, {whom}, until: {until}, ticket: T-1}}\n"

    scopes = "".join(scope(number) for number in range(draw(st.integers(0, 2))))
    exemptions = "".join(exemption() for _ in range(draw(st.integers(0, 2))))
    mode = draw(st.sampled_from(["block", "block", "block", "warn", "report"]))
    unlisted = draw(st.sampled_from(["block", "warn", "report", "allow"]))
    return (
        f"mode: {mode}\nunlisted: {unlisted}\n"
        f"banned:{entries('  ', CONDITIONS)}\napproved:{entries('  ', ('', ', until: 2026-09-20'))}\n"
        f"scopes:\n{scopes or '  []'}\nexemptions:\n{exemptions or '  []'}\n"
    )


@dataclass(frozen=True)
class Case:
    """All that is made up for one run."""

    tools: list[MadeUp]
    programs: list[Program]
    policy: str
    now: datetime


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any case at all."""
    tools = draw(_tools())
    programs = draw(
        st.lists(_program(len(tools)), min_size=1, max_size=3, unique_by=lambda one: (one.owner, one.path(0)))
    )
    moment = draw(st.sampled_from(["2026-08-10", "2026-09-01", "2026-10-01"]))
    now = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    return Case(tools=tools, programs=programs, policy=draw(_policy(tools)), now=now)


# --- the four ways ----------------------------------------------------------------------------------------

Said = tuple[str, str, str, str, str]
"""Tool, confidence, ruling, action and rule."""


def said(verdict: Verdict) -> Said:
    found = verdict.finding
    return found.tool, found.confidence.value, verdict.ruling.value, verdict.action.value, verdict.reason


class Bench:
    """A machine with the programs of a case, its catalog and its policy."""

    def __init__(self, case: Case, folder: Path) -> None:
        self.case = case
        self.machine = FakeMachine(folder / "machine")
        self.users = {name: self.machine.add_user(name) for name in PEOPLE}
        self.paths = {
            self.machine.file(program.path(number), program.content(case.tools)): program
            for number, program in enumerate(case.programs)
        }
        for path, program in self.paths.items():
            if program.runs:
                self.machine.run(path, self.users[program.owner])
        self.catalog: Catalog = catalog_from({f"{tool.id}.yaml": tool.text for tool in case.tools})
        self.examiner: Examiner = examiner_for(self.catalog)
        self.judge = Judge(
            catalog=self.catalog,
            policy=parse(case.policy, "policy.yaml", self.catalog.known),
            surroundings=Surroundings(device="d1", hostname=HOST, os=self.machine.os),
        )
        self.state = folder / "state"
        self.state.mkdir()
        content = case.policy.encode()
        kept = PolicyText(name="policy.yaml", content=content, sha256=hashlib.sha256(content).hexdigest())
        assert LastGood(self.state).keep(kept)

    def owner(self, path: str) -> User:
        return self.users[self.paths[path].owner]

    def scanned(self) -> list[Verdict]:
        """As the scan and the daemon's looks judge; a program that runs is judged as it starts, too."""
        found = survey(self.machine, self.judge, self.examiner).findings
        return [self.judge.verdict(finding, self.case.now) for finding in found]

    def explained(self, path: str) -> set[Said]:
        """As `explain PATH` says it."""
        looked = look_at_path(path, self.machine, self.catalog.wanted, self.examiner)
        findings = self.judge.findings([seen for seen in looked if not hasattr(seen, "reason")])
        return {said(self.judge.explanation(finding, self.case.now).verdict) for finding in findings}

    def guarded(self, path: str) -> Verdict | None:
        """As the guard's classifier judges the start of the file by its owner; None: it may start."""
        rules = GuardRules(self.state, self.catalog, self.machine, HOST, lambda: self.case.now)
        assert rules.refresh()
        judge = rules.judge()
        assert judge is not None
        classifier = Classifier(self.machine, self.examiner, lambda: judge, (), lambda: self.case.now)
        fd = os.open(path, os.O_RDONLY)
        try:
            return classifier.start(fd, path, self.owner(path).uid, file_of(os.fstat(fd))).verdict
        finally:
            os.close(fd)

    def planned(self, verdict: Verdict) -> tuple[str, str, str] | None:
        """As the plan judges what the server stored of that report."""
        homes = [user.home for user in self.machine.accounts]
        stored = msgspec.json.encode(
            Outcome(verdict=verdict_for_wire(verdict, homes), done=Done.REPORTED)
        ).decode()
        kind, blocks = kind_of(stored)
        assert (kind.ruling, kind.action, kind.rule) == (verdict.ruling, verdict.action, verdict.reason)
        side = Judged(self.judge.policy, self.case.now)
        context = Context(
            now=self.case.now,
            device="another id",
            hostname=HOST,
            os=self.machine.os,
            owner=verdict.finding.owner.name,
        )
        found = side.says(kind, blocks, context)
        return found and (found.ruling.value, found.action.value, found.rule)


@settings(max_examples=200)
@given(cases())
def test_scan_explain_guard_and_plan_say_the_same_by_the_same_line(case: Case) -> None:
    with tempfile.TemporaryDirectory(prefix="aipolicy-test-") as folder:
        bench = Bench(case, Path(folder))
        verdicts = bench.scanned()
        by_path: dict[str, set[Said]] = {path: set() for path in bench.paths}
        for verdict in verdicts:
            by_path[verdict.finding.path].add(said(verdict))
            assert bench.planned(verdict) == (
                verdict.ruling.value,
                verdict.action.value,
                verdict.reason,
            )
        for path in bench.paths:
            assert bench.explained(path) == by_path[path]
            refused = bench.guarded(path)
            blocks = {one for one in by_path[path] if one[3] == Action.BLOCK}
            assert (set() if refused is None else {said(refused)}) == blocks


def test_the_cases_reach_every_action_and_every_confidence() -> None:
    """What the test above is worth: of its kind of cases many are blocked, warned, reported and allowed."""
    seen: set[tuple[str, str]] = set()

    @settings(max_examples=60, database=None, derandomize=True)
    @given(cases())
    def collect(case: Case) -> None:
        with tempfile.TemporaryDirectory(prefix="aipolicy-test-") as folder:
            for verdict in Bench(case, Path(folder)).scanned():
                seen.add((verdict.finding.confidence.value, verdict.action.value))

    collect()
    assert {action for _, action in seen} == {action.value for action in Action}
    assert {confidence for confidence, _ in seen} == {one.value for one in Confidence}
