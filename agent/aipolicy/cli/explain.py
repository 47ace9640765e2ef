"""`aipolicy explain PATH|PID|TOOL`: the verdict, the rule that made it, and the evidence."""

import os
import sys

import click
import msgspec

from aipolicy import __version__
from aipolicy.cli import inputs
from aipolicy.cli.errors import Failure
from aipolicy.core import decide
from aipolicy.core.decide import Rule
from aipolicy.core.model import Confidence, Evidence, Finding, Owner, Process, Record, Ruling, State, Unseen
from aipolicy.core.scan_report import PolicyInUse, ReportedVerdict, reported
from aipolicy.core.tools import Catalog
from aipolicy.core.wire import printable
from aipolicy.daemon.judge import Judge, Surroundings
from aipolicy.examine import examiner_for
from aipolicy.observe import look_at_path, look_at_process
from aipolicy.platforms import this_machine
from aipolicy.platforms.machine import Machine


class ExplainedVerdict(Record, frozen=True, kw_only=True):
    """A verdict; every rule that is about the tool, strongest first; what made the action milder; the notice.

    told: what the person is told, empty where nothing is.
    """

    verdict: ReportedVerdict
    rules: tuple[Rule, ...]
    lowered_by: tuple[str, ...]
    told: str


class Explanation(Record, frozen=True, kw_only=True):
    """about: what was asked. verdicts: one per tool found there, none where it is no AI tool.

    seen: what was looked at and found, in words. unseen: what could not be looked into.
    """

    schema: str = "aipolicy.explain/1"
    about: str
    policy: PolicyInUse
    verdicts: tuple[ExplainedVerdict, ...]
    seen: tuple[str, ...]
    unseen: tuple[str, ...]


@click.command()
@click.argument("what", metavar="PATH|PID|TOOL[@VERSION]")
@click.option("--policy", "policy_file", metavar="FILE", help="The policy; the system's where none is given.")
@click.option("--tools", "tools_dir", metavar="DIR", help="A folder with your own tool files.")
@click.option("--user", metavar="U", help="Decide as if the tool were this user's.")
@click.option("--host", metavar="H", help="Decide as if this machine had that name.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def explain(
    what: str, policy_file: str | None, tools_dir: str | None, user: str | None, host: str | None, form: str
) -> None:
    """Say what the policy makes of a file, a process or a tool, and why.

    Exit code: 0 allowed or no AI tool, 1 banned, 2 error.
    """
    machine = this_machine()
    catalog = inputs.catalog(tools_dir)
    policy, _shown = inputs.policy(policy_file, catalog)
    hostname = host or machine.host(__version__).hostname
    judge = Judge(
        catalog=catalog,
        policy=policy,
        surroundings=Surroundings(device=hostname, hostname=hostname, os=machine.os),
    )
    findings, seen, unseen = _look(what, machine, judge, catalog)
    if user:
        owner = Owner(uid=-1, name=user)
        findings = tuple(msgspec.structs.replace(f, owner=owner) for f in findings)
    explained = tuple(judge.explanation(f, inputs.now()) for f in findings)
    explanation = Explanation(
        about=what,
        policy=PolicyInUse(name=policy.name, version=policy.version, mode=policy.mode),
        verdicts=tuple(_explained(e) for e in explained),
        seen=seen,
        unseen=tuple(f"{u.place}: {u.reason}" for u in unseen),
    )
    if form == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(explanation), indent=1).decode())
    else:
        click.echo(_text(explanation))
    sys.exit(1 if any(e.verdict.ruling is Ruling.BANNED for e in explained) else 0)


def _look(
    what: str, machine: Machine, judge: Judge, catalog: Catalog
) -> tuple[tuple[Finding, ...], tuple[str, ...], tuple[Unseen, ...]]:
    """Findings about what was asked: a process id, a path, else the id or alias of a tool."""
    examiner = examiner_for(catalog)
    if what.isascii() and what.isdigit():
        looked = list(look_at_process(int(what), machine, examiner))
        if not looked:
            raise Failure(f"no process has the id {what}")
    elif os.sep in what or os.path.lexists(what):
        looked = list(look_at_path(os.path.abspath(what), machine, catalog.wanted, examiner))
        if not os.path.lexists(what):
            raise Failure(f"{what}: no such file")
    else:
        return (_as_if_found(what, catalog),), (f"{what} is asked for as a tool of the catalog",), ()
    unseen = tuple(u for u in looked if isinstance(u, Unseen))
    observed = tuple(o for o in looked if not isinstance(o, Unseen))
    return judge.findings(observed), tuple(_in_words(o) for o in observed), unseen


def _as_if_found(what: str, catalog: Catalog) -> Finding:
    name, _, version = what.partition("@")
    known = catalog.known
    tool = catalog.by_id.get(known.aliases.get(name, name))
    if tool is None:
        raise Failure(f"{what} is no file, no process id and no tool; `aipolicy tools list` shows the tools")
    return Finding(
        tool=tool.id,
        name=tool.name,
        vendor=tool.vendor,
        category=tool.category,
        version=version or None,
        state=State.INSTALLED,
        confidence=Confidence.CERTAIN,
        because=(Evidence(kind="asked", value=what),),
        owner=Owner(uid=os.getuid() if hasattr(os, "getuid") else -1, name="you"),
        path="",
        form="as if found",
    )


def _in_words(observed: object) -> str:
    if isinstance(observed, Process):
        script = f" running {observed.script}" if observed.script else ""
        return f"process {observed.pid} ({observed.name}) of {observed.owner.name}: {observed.exe}{script}"
    file = getattr(observed, "file", None)
    package = getattr(observed, "package", None) or getattr(file, "package", None)
    words = [type(observed).__name__.lower()]
    if file is not None:
        words.append(f"{file.path}: {file.kind}, {file.size:,} bytes")
        words.append("content marks: " + (", ".join(file.marks) if file.marks else "none"))
    if package is not None:
        words.append(f"package {package.ecosystem}:{package.name} {package.version or '?'} in {package.path}")
    return "; ".join(words)


def _explained(explained: decide.Explanation) -> ExplainedVerdict:
    return ExplainedVerdict(
        verdict=reported(explained.verdict),
        rules=explained.rules,
        lowered_by=explained.lowered_by,
        told=explained.verdict.message,
    )


def _text(explanation: Explanation) -> str:
    lines = [f"looked at: {words}" for words in explanation.seen]
    lines += [f"could not look: {words}" for words in explanation.unseen]
    if not explanation.verdicts:
        lines.append(f"{explanation.about}: no AI tool of the catalog was recognised; no rule is about it.")
    for one in explanation.verdicts:
        verdict = one.verdict
        lines += [
            f"{verdict.name} ({verdict.tool}) {verdict.version or 'version unknown'}, {verdict.form}",
            f"  ruling      {verdict.ruling} → {verdict.action}",
            f"  rule        {verdict.reason}" + (f": {verdict.why}" if verdict.why else ""),
            *(f"  lowered by  {words}" for words in one.lowered_by),
            *(f"  also        {rule.rule} ({rule.ruling} {rule.selector})" for rule in one.rules[1:]),
            f"  confidence  {verdict.confidence}",
            *(f"  evidence    {e.kind}: {e.value}" for e in verdict.because),
            *([f"  told        {one.told}"] if one.told else []),
        ]
    return _printable(lines)


def _printable(lines: list[str]) -> str:
    """For a terminal: names come from anybody."""
    return "\n".join(printable(line) for line in lines)
