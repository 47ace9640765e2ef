"""`aipolicy policy plan`: whom a new policy, or a new catalog, would hit, by what the fleet has."""

import csv
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import click
from click.core import ParameterSource

from aipolicy.central.publishing import NoToken, admin_token
from aipolicy.cli import inputs
from aipolicy.cli.catalog import catalog
from aipolicy.cli.errors import Failure
from aipolicy.cli.fleet import Source, fetched, save, saved
from aipolicy.cli.json_form import in_json
from aipolicy.cli.planned import MARKDOWN_ROWS, TEXT_ROWS, as_markdown, as_text
from aipolicy.core.blast import Allowed, BadLimit, held, read_limits
from aipolicy.core.inventory import Head
from aipolicy.core.lens import audiences_of
from aipolicy.core.plan import AHEAD, Groups, Plan, Question, later_waves, moments_ahead, plan, wave
from aipolicy.core.plan_report import InventoryInUse, PlanReport, Wave
from aipolicy.core.policy import Policy, PolicyErrors, parse
from aipolicy.core.policy_diff import retention_change
from aipolicy.core.privacy import Privacy
from aipolicy.core.problem import annotate_all
from aipolicy.core.scan_report import PolicyInUse
from aipolicy.core.sides import Judged, Reported, Side
from aipolicy.core.tools import Catalog
from aipolicy.core.yamlfile import YamlErrors
from aipolicy.tools import load_whole

OVER_THE_LIMIT = 4

_LONGEST_LINE = 1 << 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DOUBT = "where that decides, the plan says warned for blocked, as an agent that does not know it does."


@click.command("plan")
@click.argument("file", metavar="NEW.yaml")
@click.option(
    "--against", metavar="OLD.yaml", help="The policy before; else the one that the server published."
)
@click.option("--server", envvar="AIPOLICY_SERVER", metavar="URL", help="Ask this server what the fleet has.")
@click.option("--token-file", metavar="FILE", help="An admin's token; or in AIPOLICY_TOKEN.")
@click.option("--ca", metavar="FILE", help="A private authority's certificate, instead of the system's.")
@click.option("--proxy", metavar="URL", help="The HTTP proxy.")
@click.option("--snapshot", metavar="FILE", help="Take what the fleet has from a file that was saved before.")
@click.option("--save-snapshot", metavar="FILE", help="Save what the fleet has into this file.")
@click.option("--without-names", is_flag=True, help="Save numbers in place of people and hosts.")
@click.option("--groups", metavar="FILE", help="CSV of user,group: the people's directory groups.")
@click.option("--tools", "tools_dir", metavar="DIR", help="A folder with your own tool files.")
@click.option("--catalog", "new_catalog", metavar="DIR", help="Tool files as they are to be.")
@click.option(
    "--limit", metavar="people=N,machines=N%", help="Exit with 4 where more would newly be blocked."
)
@click.option("--rows", type=click.IntRange(1), help="Lines of a table; the rest is counted.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True
)
def plan_(
    file: str,
    against: str | None,
    server: str | None,
    token_file: str | None,
    ca: str | None,
    proxy: str | None,
    snapshot: str | None,
    save_snapshot: str | None,
    without_names: bool,
    groups: str | None,
    tools_dir: str | None,
    new_catalog: str | None,
    limit: str | None,
    rows: int | None,
    form: str,
) -> None:
    """Say whom NEW.yaml would newly block, warn or free, and when, by what the fleet really has.

    Exit code: 0 the plan was made, 2 error, 4 it would block more than --limit allows.
    """
    limits = _limits(limit)
    if snapshot is not None and _from_environment("server"):
        server = None
    if (server is None) == (snapshot is None):
        raise Failure("say where to learn what the fleet has: --server URL or --snapshot FILE")
    if without_names and not save_snapshot:
        raise Failure("--without-names is about the file that --save-snapshot FILE writes")
    known = catalog(tools_dir)
    renew = _new_catalog(new_catalog, tools_dir)
    policy = _policy(file, renew or known)
    members = _members(groups)
    try:
        token = admin_token(token_file, inputs.environ()) if server else ""
    except NoToken as error:
        raise Failure(str(error)) from error
    with saved(snapshot) if snapshot is not None else fetched(server or "", token, ca, proxy) as source:
        if save_snapshot:
            save(source, save_snapshot, without_names=without_names)
        report = _report(source, policy, against, known, renew, members, limits)
    if form == "json":
        click.echo(in_json(report))
    elif form == "markdown":
        click.echo(as_markdown(report, rows or MARKDOWN_ROWS))
    else:
        click.echo(as_text(report, rows or TEXT_ROWS))
    sys.exit(OVER_THE_LIMIT if any(one.exceeded for one in report.limits) else 0)


def _report(
    source: Source,
    policy: Policy,
    against: str | None,
    known: Catalog,
    renew: Catalog | None,
    groups: Groups | None,
    limits: tuple[Allowed, ...],
) -> PlanReport:
    now = inputs.now().replace(microsecond=0)  # as graces count
    with source.lines() as (head, values):
        old = _against(against, head, known)
        running = frozenset(entry.id for entry in old.entries if entry.grace) if old else frozenset()
        before: Side = Reported() if old is None else Judged(old, now, catalog=known.version, running=running)
        waves = {step: wave(policy, step) for step in later_waves(policy)}
        question = Question(
            before=before,
            after=Judged(policy, now, catalog=known.version, renew=renew, running=running),
            moments=tuple(moments_ahead(policy, now, renew=renew, running=running)),
            waves=tuple(Judged(each, now, renew=renew, running=running) for each in waves.values()),
            policies=(policy, *waves.values(), *([old] if old else [])),
        )
        made = plan(values, question, groups, names=head.names)
    return PlanReport(
        made_at=now,
        policy=_in_use(policy),
        against=_in_use(old) if old else None,
        catalog=renew.version if renew else None,
        inventory=InventoryInUse(
            taken_at=head.taken_at, devices=made.devices, people=made.people, findings=made.findings
        ),
        totals=made.totals,
        blocked=made.blocked,
        changes=made.changes,
        waves=_waves(policy, made, tuple(waves)),
        ahead_days=AHEAD.days,
        ahead=made.ahead,
        limits=held(limits, made.stopped, machines=made.devices, people=made.people, findings=made.findings),
        notes=tuple(
            _notes(
                head,
                policy,
                old,
                renew,
                known,
                groups_known=groups is not None,
                unknown=made.unknown,
                untagged=made.untagged,
            )
        ),
    )


def _removed(head: Head, days: int | None) -> str:
    """How many events would go, as far as that is known."""
    if days is None or head.arrivals is None:
        return "" if days is None else " How many those are, this inventory does not tell."
    oldest = head.taken_at - timedelta(days=days)
    gone = head.arrivals.before((oldest - _EPOCH).days)
    return f" Of now about {head.arrivals.events:,} events, about {gone:,} would be removed."


def _in_use(policy: Policy) -> PolicyInUse:
    return PolicyInUse(name=policy.name, version=policy.version, mode=policy.mode)


def _waves(policy: Policy, made: Plan, later: tuple[Decimal, ...]) -> tuple[Wave, ...]:
    """As the policy states it, then the later ones; none where it has none."""
    stated = [scope.audience.percent for scope in policy.scopes if scope.audience.percent is not None]
    if not stated:
        return ()
    first = Wave(percent=" and ".join(dict.fromkeys(f"{part:f}" for part in stated)), hit=made.stopped)
    return (first, *(Wave(percent=f"{step:f}", hit=hit) for step, hit in zip(later, made.waves, strict=True)))


def _notes(
    head: Head,
    policy: Policy,
    old: Policy | None,
    renew: Catalog | None,
    known: Catalog,
    *,
    groups_known: bool,
    unknown: int,
    untagged: int,
) -> Iterator[str]:
    """What the plan could not tell."""
    if old is None:
        yield (
            "No policy was given with --against and the server publishes none: what is compared with is what "
            "the agents reported last."
        )
    retention = retention_change(old.privacy if old is not None else Privacy(), policy.privacy)
    if retention is not None:
        yield f"{retention[:1].upper()}{retention[1:]}.{_removed(head, policy.privacy.retention_days)}"
    whom = [audience for each in (policy, old) if each is not None for audience in audiences_of(each)]
    if not groups_known and any(audience.groups for audience in whom):
        yield f"Rules name groups, and who is in them is not known: {_DOUBT} Give --groups FILE."
    if untagged and any(audience.tags for audience in whom):
        yield f"Rules name tags, and the server does not know those of {untagged:,} machines: {_DOUBT}"
    if unknown and any(audience.users or (audience.groups and groups_known) for audience in whom):
        yield (
            f"Rules name people or groups, and {unknown:,} people have a number or a pseudonym in place of a "
            f"name: {_DOUBT}"
        )
    if not head.names and any(audience.hosts or audience.percent is not None for audience in whom):
        yield (
            "Rules name hosts or a percentage of them, and this inventory has numbers in place of names: no "
            "host is one of those named, and of a percentage the number is right, but not which they are."
        )
    if renew is not None:
        new = sorted(renew.by_id.keys() - known.by_id.keys())
        if new:
            yield f"Nobody has looked for these yet, so who has them is not known: {', '.join(new)}."


# --- what is read ----------------------------------------------------------------------------------------


def _from_environment(option: str) -> bool:
    source = click.get_current_context().get_parameter_source(option)
    return source is ParameterSource.ENVIRONMENT


def _limits(text: str | None) -> tuple[Allowed, ...]:
    try:
        return read_limits(text) if text else ()
    except BadLimit as error:
        raise Failure(f"--limit: {error}") from error


def _policy(path: str, known: Catalog) -> Policy:
    return inputs.policy(path, known)[0]


def _new_catalog(folder: str | None, tools_dir: str | None) -> Catalog | None:
    if folder is None:
        return None
    try:
        return load_whole(folder, tools_dir)
    except YamlErrors as errors:
        raise Failure(annotate_all(errors.problems)) from errors


def _against(path: str | None, head: Head, known: Catalog) -> Policy | None:
    """The policy before: the file's, else the one that the server published last; None where it did not."""
    if path is not None:
        return _policy(path, known)
    if head.policy is None:
        return None
    name = f"number {head.policy.number} of the server, {head.policy.name}"
    try:
        return parse(head.policy.content, head.policy.name, known.known)
    except PolicyErrors as errors:
        raise Failure(
            f"{annotate_all(errors.problems)}\n{name} is not right by the catalog here: give your own tool "
            "files with --tools DIR, or the policy before with --against OLD.yaml"
        ) from errors


def _members(path: str | None) -> Groups | None:
    """The groups of each person who is in one; None where they are not known."""
    if path is None:
        return None
    found: dict[str, set[str]] = {}
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            lines = iter(lambda: file.readline(_LONGEST_LINE), "")  # a file may have no end of line
            rows = csv.reader(lines)
            head = next(rows, [])
            if not {"user", "group"} <= set(head):
                raise Failure(f"{path}:1: its first line names the columns: write user,group")
            user, group = head.index("user"), head.index("group")
            for row in rows:
                if len(row) > max(user, group):
                    found.setdefault(row[user], set()).add(row[group])
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}: give the CSV with the people's groups") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise Failure(f"{path}: it is no CSV in UTF-8: {error}") from error
    alike: dict[frozenset[str], frozenset[str]] = {}  # few different ones, for many people
    return {name: alike.setdefault(one, one) for name, one in ((n, frozenset(g)) for n, g in found.items())}
