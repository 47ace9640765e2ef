"""Packages that bun installed globally, and what bunx keeps after a run."""

import glob
from collections.abc import Iterator
from typing import Final

from aipolicy.observe import node_modules
from aipolicy.observe.look import Look, Seen

NAME: Final = "bun"

_TEMPORARY: Final = "/tmp/bunx-*/node_modules"  # noqa: S108  looked at, not written to


def observe(look: Look) -> Seen:
    yield from node_modules.packages_in(look, _folders(look))


def _folders(look: Look) -> Iterator[str]:
    yield from node_modules.folders_of(look, node_modules.BUN)
    yield from sorted(glob.glob(look.system(_TEMPORARY)))
