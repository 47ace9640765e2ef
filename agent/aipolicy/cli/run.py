"""`aipolicy run`: the daemon in the foreground."""

import logging
import os
import sys

import click

from aipolicy.cli import inputs
from aipolicy.cli.errors import Failure
from aipolicy.platforms import this_machine
from aipolicy.settings import SYSTEM_POLICY
from aipolicy.state.folder import StateError


@click.command()
@click.option("--config", metavar="FILE", help="The agent's settings (default /etc/aipolicy/agent.yaml).")
@click.option("--policy", metavar="FILE", help=f"The policy (default {SYSTEM_POLICY}).")
@click.option("--server", metavar="URL", help="The central server; without one all events stay here.")
@click.option("--state", metavar="DIR", help="The folder for spool and ledger.")
@click.option("--enrolment-secret-file", metavar="FILE", help="The file with the enrolment secret.")
@click.option("--scan-every-s", type=click.IntRange(10, 86_400), help="Seconds between two full scans.")
@click.option("--verbose", is_flag=True, help="Log more.")
def run(
    config: str | None,
    policy: str | None,
    server: str | None,
    state: str | None,
    enrolment_secret_file: str | None,
    scan_every_s: int | None,
    verbose: bool,
) -> None:
    """Run the agent: watch, report, and act where the policy says so.

    It ends cleanly on SIGTERM, Ctrl-C and with its terminal. The log goes to standard error.
    """
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stderr,
    )
    for chatty in ("urllib3", "watchdog"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    machine = this_machine()
    settings = inputs.settings(
        machine,
        config,
        policy=policy,
        server=server,
        state=state,
        enrolment_secret_file=enrolment_secret_file,
        scan_every_s=scan_every_s,
    )

    from aipolicy.daemon.loop import Daemon
    from aipolicy.daemon.policy_keeper import NoGoodPolicy

    try:
        daemon = Daemon(
            settings,
            os.path.abspath(settings.policy or SYSTEM_POLICY),
            machine,
            inputs.environ(),
        )
    except (StateError, NoGoodPolicy, ValueError) as error:
        raise Failure(str(error)) from error
    daemon.run()
