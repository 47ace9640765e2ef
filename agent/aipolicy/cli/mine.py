"""`aipolicy mine`: the exact records stored about the person who asks."""

from datetime import datetime

import click
import msgspec

from aipolicy.cli import inputs, local
from aipolicy.cli.errors import Failure
from aipolicy.core.countdown import from_when
from aipolicy.core.model import Event, Gone, Health, Outcome, Unseen
from aipolicy.core.plural import plural
from aipolicy.core.status import Mine


@click.command()
@click.option("--state", metavar="DIR", help="The agent's state folder; the system's where none is given.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def mine(state: str | None, form: str) -> None:
    """Show exactly what is stored and reported about you; nobody else's records.

    With --format json the records are byte for byte what is stored and sent.
    """
    answered = local.answer(state, "mine")
    if answered is None:
        raise Failure(
            f"no agent answers at {' or '.join(local.sockets(state))}: nothing is reported while none runs; "
            "start it with `aipolicy run`, or name its state folder with --state DIR"
        )
    if form == "json":
        click.echo(answered.rstrip(b"\n").decode())
        return
    now = inputs.now()
    about_me = msgspec.json.decode(answered, type=Mine)
    click.echo(f"{plural(len(about_me.records), 'record')} about {about_me.who} on {about_me.device}")
    for raw in about_me.records:
        click.echo(_line(msgspec.json.decode(raw, type=Event), now))
    for sight in about_me.first_sights:
        when = sight.at.strftime("%Y-%m-%d %H:%M:%S UTC")
        click.echo(
            f"  {when}  {sight.tool} first seen on this machine under entry {sight.entry} with a grace"
        )
    click.echo("`aipolicy mine --format json` shows every byte; docs/privacy.md says what each field means.")


def _line(event: Event, now: datetime) -> str:
    about = event.about
    when = event.time.strftime("%Y-%m-%d %H:%M:%S UTC")
    match about:
        case Outcome():
            verdict, finding = about.verdict, about.verdict.finding
            said = (
                f"{finding.tool} {finding.version or '?'} {finding.state} at {finding.path}: "
                f"{verdict.ruling}, {about.done} ({verdict.reason})"
            )
            if verdict.blocks_from is not None and verdict.blocks_from > now:
                said += f"; will be blocked {from_when(verdict.blocks_from, now)}"
        case Gone():
            said = f"{about.tool} no longer {about.state} at {about.path}"
        case Unseen():
            said = f"could not look into {about.place}: {about.reason}"
        case Health():
            said = f"{about.part}: {about.condition} {about.detail}"
    return f"  {when}  {said}"
