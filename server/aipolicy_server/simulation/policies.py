"""The two policies of a made-up company: the one in force and the one before, by its own tools."""

from collections.abc import Sequence
from typing import Final

from aipolicy.core.model import Record
from aipolicy.core.policy import Policy, parse
from aipolicy.core.tools import Catalog
from aipolicy_server.simulation.shelf import Ware

NAME: Final = "policy.yaml"

_HEAD: Final = """# made by `aipolicy server simulate`: {what}
name: simulated
mode: {mode}
contact: https://it.example.com/ai
"""


class Written(Record, frozen=True, kw_only=True):
    """A policy and its text."""

    text: str
    policy: Policy


def in_force(wares: Sequence[Ware], catalog: Catalog) -> Written:
    """Two common tools and one kind of tools are banned, the most common are approved."""
    ids = [ware.tool.id for ware in wares]
    text = _HEAD.format(what="the policy in force", mode="block") + (
        "banned:\n"
        f"  - tool: {ids[2]}\n    reason: there is no contract with the vendor\n"
        f"  - tool: {ids[7]}\n    action: warn\n    reason: it is being reviewed\n"
        "  - tool: category:local-model\n    action: report\n"
        f"approved: [{ids[0]}, {ids[1]}]\n"
    )
    return Written(text=text, policy=parse(text, NAME, catalog.known))


def before(wares: Sequence[Ware], catalog: Catalog) -> Written:
    """The same bans, only reported."""
    ids = [ware.tool.id for ware in wares]
    text = _HEAD.format(what="the policy before", mode="report") + (
        f"banned: [{ids[2]}, {ids[7]}]\napproved: [{ids[0]}]\n"
    )
    return Written(text=text, policy=parse(text, NAME, catalog.known))
