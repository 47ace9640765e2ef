"""Packages that deno installed as commands, and those that it keeps after a run (`deno run npm:...`).

Its cache has a folder for each version of each package, and a program is run right from there; until deno 2.5
that was all there was of an installed command, too, besides a script in ~/.deno/bin.
"""

import os
from collections.abc import Iterator
from typing import Final

from aipolicy.core.model import Package
from aipolicy.examine import CannotLook
from aipolicy.examine.files import cannot_look
from aipolicy.observe import node_modules
from aipolicy.observe.look import Look, Seen, may_be_folder

NAME: Final = "deno"

_MOST_VERSIONS: Final = 1_000


def observe(look: Look) -> Seen:
    yield from node_modules.packages_in(look, node_modules.folders_of(look, node_modules.DENO))
    for cache in (folder for tree in look.trees for folder in tree.deno_caches):
        for name in sorted(look.wanted.npm):
            try:
                yield from _versions(look, f"{cache}/{name}")
            except CannotLook as reason:
                if not reason.absent:
                    yield reason.unseen()


def _versions(look: Look, place: str) -> Seen:
    for folder in _folders(look.resolve(place)):
        for found in node_modules.package_at(look, folder, "deno cache"):
            if not (isinstance(found, Package) and look.is_only_kept(found)):
                yield found


def _folders(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            inner = [e.path for e, _ in zip(entries, range(_MOST_VERSIONS), strict=False) if may_be_folder(e)]
    except OSError as error:
        raise cannot_look(folder, error) from error
    yield from sorted(inner)
