"""Packages that yarn 1 installed globally (`yarn global add`); a project's count as npm's."""

from typing import Final

from aipolicy.observe import node_modules
from aipolicy.observe.look import Look, Seen

NAME: Final = "yarn"


def observe(look: Look) -> Seen:
    yield from node_modules.packages_in(look, node_modules.folders_of(look, node_modules.YARN))
