"""`aipolicy scan`: what is here and what the policy says of it."""

import sys

import click

from aipolicy import __version__
from aipolicy.cli import inputs
from aipolicy.cli.json_form import in_json
from aipolicy.cli.progress import shown_progress
from aipolicy.core.scan_report import PolicyInUse, exit_code, scan_report
from aipolicy.daemon.judge import Judge
from aipolicy.daemon.survey import survey
from aipolicy.examine import examiner_for
from aipolicy.platforms import this_machine


@click.command()
@click.option("--policy", "policy_file", metavar="FILE", help="The policy; the system's where none is given.")
@click.option("--tools", "tools_dir", metavar="DIR", help="A folder with your own tool files.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--all", "everything", is_flag=True, help="Also list findings that are less than certain.")
def scan(policy_file: str | None, tools_dir: str | None, form: str, everything: bool) -> None:
    """Show which AI tools are here and what the policy says of them.

    Exit code: 0 compliant, 1 a banned tool found, 2 error, 3 nothing banned seen but some place could not be
    looked into.
    """
    machine = this_machine()
    catalog = inputs.catalog(tools_dir)
    policy, _shown = inputs.policy(policy_file, catalog)
    host = machine.host(__version__)
    judge = Judge(
        catalog=catalog,
        policy=policy,
        surroundings=inputs.surroundings(machine),
    )
    with inputs.evidence_cache(machine) as cache, shown_progress() as progress:
        seen = survey(machine, judge, examiner_for(catalog, cache), progress)
    moment = inputs.now()
    report = scan_report(
        scanned_at=moment,
        scope="machine" if machine.is_admin() else "user",
        catalog=catalog.version,
        host=host,
        policy=PolicyInUse(name=policy.name, version=policy.version, mode=judge.most_here()),
        verdicts=[judge.verdict(finding, moment) for finding in seen.findings],
        unseen=seen.unseen,
        everything=everything,
    )
    if form == "json":
        click.echo(in_json(report))
    else:
        from aipolicy.cli.table import print_report

        print_report(report, [user.home for user in machine.users()])
    sys.exit(exit_code(report))
