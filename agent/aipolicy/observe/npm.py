"""Packages that npm installed: system and private prefixes, node version managers, projects, the npx cache.

A prefix of one's own choosing is found by the walk, like everything in a home.
"""

import os
from collections.abc import Iterator
from typing import Final

from aipolicy.observe import node_modules
from aipolicy.observe.look import Look, Seen

NAME: Final = "npm"


def observe(look: Look) -> Seen:
    yield from node_modules.packages_in(look, _folders(look))


def _folders(look: Look) -> Iterator[str]:
    for prefix in (look.system("/usr"), look.system("/usr/local")):
        yield f"{prefix}/lib/node_modules"
    for folder in look.machine.search_path():
        yield f"{os.path.dirname(folder)}/lib/node_modules"
    yield from node_modules.folders_of(look, node_modules.NPM)
