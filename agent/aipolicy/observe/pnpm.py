"""Packages that pnpm installed globally; a project's are in its node_modules like npm's.

Each group of packages is a folder of its own, in use as long as a link with a long hexadecimal name leads to
it (pnpm 11 and later); before that there was one node_modules. What pnpm keeps in its store is no install.
"""

import os
from collections.abc import Iterator
from typing import Final

from aipolicy.core.model import Unseen
from aipolicy.examine.files import cannot_look
from aipolicy.observe import node_modules
from aipolicy.observe.look import Look, Seen

NAME: Final = "pnpm"


def observe(look: Look) -> Seen:
    folders: list[str] = []
    for outer in (folder for tree in look.trees for folder in tree.pnpm_globals):
        for found in _groups(outer):
            if isinstance(found, Unseen):
                yield found
            else:
                folders.append(f"{found}/node_modules")
    caches = (f for f in node_modules.folders_of(look, node_modules.PNPM) if "/global/" not in f)
    yield from node_modules.packages_in(look, (*folders, *caches))


def _groups(outer: str) -> Iterator[str | Unseen]:
    """`global/5` itself, and what the links in `global/v11` lead to."""
    try:
        for version in sorted(os.listdir(outer)):
            yield f"{outer}/{version}"
            with os.scandir(f"{outer}/{version}") as entries:
                yield from (entry.path for entry in entries if entry.is_symlink())
    except NotADirectoryError:
        return
    except OSError as error:
        yield cannot_look(outer, error).unseen()
