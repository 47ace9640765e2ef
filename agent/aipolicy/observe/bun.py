"""Packages that bun installed globally, and what bunx keeps after a run, in its cache or in /tmp."""

from typing import Final

from aipolicy.observe import node_modules
from aipolicy.observe.look import Look, Seen

NAME: Final = "bun"


def observe(look: Look) -> Seen:
    yield from node_modules.packages_in(look, node_modules.folders_of(look, node_modules.BUN))
