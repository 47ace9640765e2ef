"""`aipolicy policy`: the verbs of the file in which IT says which AI tools are approved and which banned."""

import click

from aipolicy.cli.verbs import Verb, Verbs

_VERBS = {
    "init": Verb("aipolicy.cli.policy_init:init", "Begin a repository for the policy, with its CI."),
    "check": Verb("aipolicy.cli.policy_check:check", "Show every error of each file at once."),
    "test": Verb("aipolicy.cli.policy_test:test", "Run the tests that a policy carries."),
    "fmt": Verb("aipolicy.cli.policy_fmt:fmt", "Write each file in its normal form, comments kept."),
    "diff": Verb("aipolicy.cli.policy_diff:diff", "Say in words what a change of a policy means."),
    "schema": Verb("aipolicy.cli.policy_schema:schema", "Print the JSON Schema of a policy, for editors."),
    "explain": Verb(
        "aipolicy.cli.policy_explain:explain", "Say what an error code means and how to mend it."
    ),
    "plan": Verb("aipolicy.cli.policy_plan:plan_", "Say whom a new policy would hit, by what the fleet has."),
    "import": Verb("aipolicy.cli.policy_import:import_", "Make a policy of the rules that you have already."),
    "publish": Verb("aipolicy.cli.publish:publish", "Put a policy into force on every device."),
    "rollback": Verb("aipolicy.cli.publish:rollback", "Put an earlier text into force again."),
    "release": Verb("aipolicy.cli.publish:release", "Give a policy of a canary wave to every device."),
    "history": Verb("aipolicy.cli.published:history", "Show what was published, and how far it has come."),
    "show": Verb("aipolicy.cli.published:show", "Print a published policy, or what it changed."),
    "accept": Verb("aipolicy.cli.policy_accept:accept", "Let a policy act that the agent here holds."),
}


@click.group(cls=Verbs, verbs=_VERBS)
def policy() -> None:
    """Work on a policy: the file in which IT says which AI tools are approved and which are banned."""
