"""`aipolicy status`: healthy, or what is wrong and since when."""

import sys
from datetime import datetime

import click
import msgspec

from aipolicy.cli import inputs, local
from aipolicy.cli.json_form import in_json
from aipolicy.core.countdown import from_when
from aipolicy.core.plural import plural
from aipolicy.core.status import Status


@click.command()
@click.option("--state", metavar="DIR", help="The agent's state folder; the system's where none is given.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def status(state: str | None, form: str) -> None:
    """Say whether the agent is healthy, or what is wrong and since when.

    Exit code: 0 healthy, 1 something is wrong, 2 no agent runs here.
    """
    answered = local.answer(state, "status")
    if answered is not None:
        current = msgspec.json.decode(answered, type=Status)
    else:
        left = local.last_status(state)
        if left is None:
            _no_agent(form)
            sys.exit(2)
        current = msgspec.structs.replace(left, running=False, healthy=False)
    if form == "json":
        click.echo(in_json(current))
    else:
        click.echo(_text(current, inputs.now()))
    sys.exit(2 if not current.running else 0 if current.healthy else 1)


def _no_agent(form: str) -> None:
    if form == "json":
        click.echo('{"schema":"aipolicy.status/1","running":false,"healthy":false}')
        return
    click.echo("No agent runs here. Start one with `aipolicy run --policy FILE`.", err=True)


def _text(now: Status, at: datetime) -> str:
    server = now.server
    lines = [
        _headline(now),
        f"  policy          {now.policy.name} {now.policy.version}, mode {now.policy.mode}, "
        f"{'number ' + str(now.policy.number) + ' ' if now.policy.number else ''}"
        f"from {now.policy.file} since {_time(now.policy.since)}",
        f"  settings        {', '.join(now.settings) or 'no file'}",
        f"  catalog         {now.catalog}",
        f"  new processes   {now.process_events}",
        f"  new installs    {now.install_events}",
        *(
            f"  {layer:<15} {condition}{_restarts(now) if layer == 'guard' else ''}"
            for layer, condition in now.layers.items()
        ),
        *(f"    {one.name:<13} {one.condition}: {one.detail}" for one in now.controls if one.detail),
        f"  server          {server.url or 'none: events stay here'}"
        + (f", last answer {_time(server.last_ok) if server.last_ok else 'never'}" if server.url else "")
        + f", {plural(server.pending, 'event')} waiting",
    ]
    if now.scan:
        counts = ", ".join(f"{n} {ruling}" for ruling, n in now.scan.findings.items() if n) or "nothing found"
        seen = "" if now.scan.complete else f"; {plural(now.scan.unseen, 'place')} could not be looked into"
        lines.append(f"  last scan       {_time(now.scan.at)}, {now.scan.took_s:.1f} s: {counts}{seen}")
    if now.soon_blocked:
        soon = now.soon_blocked
        tools = "1 finding" if soon.findings == 1 else f"{soon.findings} findings, the first"
        lines.append(f"  soon blocked    {tools} {from_when(soon.first, at)}")
    lines += [
        f"  wrong           {p.part}: {p.condition} since {_time(p.since)}: {p.detail}" for p in now.problems
    ]
    return "\n".join(lines)


def _restarts(now: Status) -> str:
    if now.guard is None:
        return ""
    gate, classifier, counted = now.guard.gate_restarts, now.guard.classifier_restarts, now.guard.counted
    said = ""
    if gate or classifier:
        times = plural(gate, "time")
        said += f" (since its start the gate was started anew {times}, the classifier {classifier})"
    if counted:
        said += f" ({plural(counted, 'refusal')} told as a number only)"
    return said


def _headline(now: Status) -> str:
    if not now.running:
        return f"not running; this is what it last said (pid {now.pid}, started {_time(now.started)})"
    health = "healthy" if now.healthy else "something is wrong"
    return f"{health}; running since {_time(now.started)} as pid {now.pid}, looks at the {now.scope}"


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
