"""`aipolicy explain PATH|PID|TOOL`: the verdict, the rule that made it, and how the finding came about."""

import os
import sys

import click
import msgspec

from aipolicy.cli import inputs
from aipolicy.cli.errors import Failure
from aipolicy.cli.explained import as_text
from aipolicy.cli.json_form import in_json
from aipolicy.core import decide
from aipolicy.core.derive import derivation, strengths
from aipolicy.core.explain_report import ExplainedVerdict, Explanation
from aipolicy.core.model import (
    Confidence,
    Evidence,
    FileFacts,
    Finding,
    Observation,
    Owner,
    Process,
    Ruling,
    State,
    Unseen,
)
from aipolicy.core.nothing import why_nothing
from aipolicy.core.scan_report import PolicyInUse, reported
from aipolicy.core.suggest import did_you_mean
from aipolicy.core.tool import Tool
from aipolicy.core.tools import Catalog
from aipolicy.core.wire import printable
from aipolicy.daemon.judge import Judge
from aipolicy.examine import examiner_for
from aipolicy.observe import look_at_path, look_at_process
from aipolicy.platforms import this_machine
from aipolicy.platforms.machine import Machine


@click.command()
@click.argument("what", metavar="PATH|PID|TOOL[@VERSION]")
@click.option("--policy", "policy_file", metavar="FILE", help="The policy; the system's where none is given.")
@click.option("--tools", "tools_dir", metavar="DIR", help="A folder with your own tool files.")
@click.option("--user", metavar="U", help="Decide as if the tool were this user's.")
@click.option("--host", metavar="H", help="Decide as if this machine had that name.")
@click.option("--at", metavar="DAY", help="Decide as if it were that day, UTC; now where none is given.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def explain(
    what: str,
    policy_file: str | None,
    tools_dir: str | None,
    user: str | None,
    host: str | None,
    at: str | None,
    form: str,
) -> None:
    """Say what the policy makes of a file, a process or a tool, and why; and what would make it certain.

    Exit code: 0 allowed or no AI tool, 1 banned, 2 error, 3 it could not be looked into.
    """
    machine = this_machine()
    catalog = inputs.catalog(tools_dir)
    policy, _shown = inputs.policy(policy_file, catalog)
    judge = Judge(
        catalog=catalog,
        policy=policy,
        surroundings=inputs.surroundings(machine, host),
    )
    moment = inputs.moment(at)
    observed, unseen, tool = _look(what, machine, catalog)
    findings = (_as_if_found(what, tool, machine.owner(_own_uid())),) if tool else judge.findings(observed)
    if user:
        owner = Owner(uid=-1, name=user)
        findings = tuple(msgspec.structs.replace(f, owner=owner) for f in findings)
    explained = tuple(judge.explanation(f, moment) for f in findings)
    explanation = Explanation(
        about=what,
        policy=PolicyInUse(name=policy.name, version=policy.version, mode=judge.most_here()),
        verdicts=tuple(_explained(e, observed, catalog) for e in explained),
        seen=(_asked_for(what),) if tool else tuple(_in_words(o) for o in observed),
        unseen=tuple(f"{u.place}: {u.reason}" for u in unseen),
        nothing=() if findings else tuple(words for o in observed for words in why_nothing(o, catalog)),
        evidence=strengths(tool) if tool else (),
    )
    if form == "json":
        click.echo(in_json(explanation))
    else:
        click.echo(as_text(explanation, moment))
    if any(e.verdict.ruling is Ruling.BANNED for e in explained):
        sys.exit(1)
    sys.exit(3 if unseen and not findings else 0)


def _look(
    what: str, machine: Machine, catalog: Catalog
) -> tuple[tuple[Observation, ...], tuple[Unseen, ...], Tool | None]:
    """What was asked for: a process id or a path as observed, else the tool of an id or alias."""
    examiner = examiner_for(catalog)
    if what.isascii() and what.isdigit():
        looked = list(look_at_process(int(what), machine, examiner))
        if not looked:
            raise Failure(f"no process has the id {what}")
    elif os.sep in what or os.path.lexists(what):
        looked = list(look_at_path(os.path.abspath(what), machine, catalog.wanted, examiner))
        if not os.path.lexists(what):
            raise Failure(f"{printable(what)}: no such file")
    else:
        return (), (), _tool(what, catalog)
    unseen = tuple(u for u in looked if isinstance(u, Unseen))
    return tuple(o for o in looked if not isinstance(o, Unseen)), unseen, None


def _tool(what: str, catalog: Catalog) -> Tool:
    name = what.partition("@")[0]
    tool = catalog.by_id.get(catalog.known.aliases.get(name, name))
    if tool is None:
        hint = did_you_mean(name, (*catalog.known.ids, *catalog.known.aliases))
        known = "(`aipolicy tools list` shows the tools)"
        raise Failure(f"{printable(what)!r} is no file, no process id and no tool{hint} {known}")
    return tool


def _asked_for(what: str) -> str:
    return f"{what} is asked for as a tool of the catalog"


def _own_uid() -> int:
    return os.getuid() if hasattr(os, "getuid") else -1


def _as_if_found(what: str, tool: Tool, owner: Owner) -> Finding:
    return Finding(
        tool=tool.id,
        name=tool.name,
        vendor=tool.vendor,
        category=tool.category,
        version=what.partition("@")[2] or None,
        state=State.INSTALLED,
        confidence=Confidence.CERTAIN,
        because=(Evidence(kind="asked", value=what),),
        owner=owner,
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
        words += [f"content marks: {_marks(file)}", *(f"loads {f.path}: {_marks(f)}" for f in file.imported)]
    if package is not None:
        words.append(f"package {package.ecosystem}:{package.name} {package.version or '?'} in {package.path}")
    return "; ".join(words)


def _marks(file: FileFacts) -> str:
    return ", ".join(file.marks) or "none"


def _explained(
    explained: decide.Explanation, observed: tuple[Observation, ...], catalog: Catalog
) -> ExplainedVerdict:
    return ExplainedVerdict(
        verdict=reported(explained.verdict),
        derivation=derivation(explained.verdict.finding, observed, catalog) if observed else None,
        rules=explained.rules,
        lowered_by=explained.lowered_by,
        told=explained.verdict.message,
        passed_over=explained.passed_over,
        scopes=explained.scopes,
    )
