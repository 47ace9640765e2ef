"""The command line: one file per verb, each imported only when its verb is called."""

import sys
from typing import Any

import click

from aipolicy import __version__
from aipolicy.cli import output
from aipolicy.cli.verbs import Verb, Verbs
from aipolicy.platforms.own_program import frozen

_VERBS = {
    "scan": Verb("aipolicy.cli.scan:scan", "Show which AI tools are here and what the policy says of them."),
    "run": Verb("aipolicy.cli.run:run", "Run the agent: watch, report, and act where the policy says so."),
    "guard": Verb(
        "aipolicy.cli.guard:guard", "Refuse banned tools before they start: the exec gate of Linux."
    ),
    "trial": Verb(
        "aipolicy.cli.trial:trial", "Try it all on this machine: server, agent and page, until Ctrl-C."
    ),
    "status": Verb(
        "aipolicy.cli.status:status", "Say whether the agent is healthy, or what is wrong and since when."
    ),
    "mine": Verb("aipolicy.cli.mine:mine", "Show exactly what is stored and reported about you."),
    "doctor": Verb(
        "aipolicy.cli.doctor:doctor", "Find out what keeps the agent from doing its whole job here."
    ),
    "explain": Verb(
        "aipolicy.cli.explain:explain", "Say what the policy makes of a file, a process or a tool, and why."
    ),
    "brake": Verb("aipolicy.cli.brake:brake", "For a while, let this machine's agent stop nothing."),
    "unenrol": Verb("aipolicy.cli.unenrol:unenrol", "Take leave of the server: token and spool are removed."),
    "control": Verb(
        "aipolicy.cli.control:control",
        "Show and check the vendors' own settings that make banned tools refuse.",
    ),
    "policy": Verb("aipolicy.cli.policy:policy", "Work on a policy: check it, explain its errors."),
    "tools": Verb("aipolicy.cli.tools:tools", "List, show and check the catalog of AI tools."),
    "server": Verb("aipolicy_server.cli:server", "Run and manage the central server."),
}


class _Main(Verbs):
    """All verbs; the server's may be missing, since its parts are an extra."""

    def invoke(self, ctx: click.Context) -> Any:
        """Where nobody reads on (`| head`), click would end with 1, which means a banned tool."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            if not output.failed(error):
                raise
            output.let_go()
            sys.exit(2)

    def main(self, *args: Any, **extra: Any) -> Any:
        """A disk that is full below standard output or standard error is no fault of ours to be traced."""
        try:
            return super().main(*args, **extra)
        except OSError as error:
            if not output.failed(error):
                raise
            output.let_go(f"the output cannot be written: {error.strerror}")
            sys.exit(2)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        try:
            return super().get_command(ctx, cmd_name)
        except ModuleNotFoundError as missing:
            if cmd_name != "server" or (missing.name or "").partition(".")[0] == "aipolicy":
                raise
            if frozen():
                how = "this package holds the agent alone, the server is the package aipolicy-server"
            else:
                how = "install them with `pip install 'aipolicy[server]'`"
            raise click.ClickException(
                f"the server's parts are not installed (no module {missing.name!r}): {how}"
            ) from missing


@click.group(cls=_Main, verbs=_VERBS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="aipolicy")
def main() -> None:
    """Finds every AI coding assistant on this machine, says so, and stops the banned ones.

    Exit codes of scan: 0 compliant, 1 a banned tool found, 2 error, 3 some place could not be looked into.
    """
