"""The command line: one file per verb, each imported only when its verb is called."""

import importlib

import click

from aipolicy import __version__

_VERBS = {
    "scan": "aipolicy.cli.scan:scan",
    "run": "aipolicy.cli.run:run",
    "guard": "aipolicy.cli.guard:guard",
    "trial": "aipolicy.cli.trial:trial",
    "status": "aipolicy.cli.status:status",
    "mine": "aipolicy.cli.mine:mine",
    "doctor": "aipolicy.cli.doctor:doctor",
    "explain": "aipolicy.cli.explain:explain",
    "control": "aipolicy.cli.control:control",
    "brake": "aipolicy.cli.brake:brake",
    "policy": "aipolicy.cli.policy:policy",
    "tools": "aipolicy.cli.tools:tools",
    "server": "aipolicy_server.cli:server",
}
_HELP = {
    "scan": "Show which AI tools are here and what the policy says of them.",
    "run": "Run the agent: watch, report, and act where the policy says so.",
    "guard": "Refuse banned tools before they start: the exec gate of Linux.",
    "trial": "Try it all on this machine: server, agent and page, until Ctrl-C.",
    "status": "Say whether the agent is healthy, or what is wrong and since when.",
    "mine": "Show exactly what is stored and reported about you.",
    "doctor": "Find out what keeps the agent from doing its whole job here.",
    "explain": "Say what the policy makes of a file, a process or a tool, and why.",
    "brake": "For a while, let this machine's agent stop nothing.",
    "control": "Show and check the vendors' own settings that make banned tools refuse.",
    "policy": "Check a policy.",
    "tools": "List, show and check the catalog of AI tools.",
    "server": "Run and manage the central server.",
}


class _Verbs(click.Group):
    """Imports a verb's module when it is called: `aipolicy --help` and `scan` must not pay for the rest."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        target = _VERBS.get(cmd_name)
        if target is None:
            return None
        module, attribute = target.split(":")
        try:
            command: click.Command = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as missing:
            if cmd_name != "server" or (missing.name or "").partition(".")[0] == "aipolicy":
                raise
            raise click.ClickException(
                f"the server's parts are not installed (no module {missing.name!r}): "
                "install them with `pip install 'aipolicy[server]'`"
            ) from missing
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _HELP[name]) for name in _VERBS])


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="aipolicy")
def main() -> None:
    """Finds every AI coding assistant on this machine, says so, and stops the banned ones.

    Exit codes of scan: 0 compliant, 1 a banned tool found, 2 error, 3 some place could not be looked into.
    """
