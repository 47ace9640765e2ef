"""What IT already has in another product, as a policy: its rules carried over, and what could not be.

A reader per product (an explicit table: folder discovery finds nothing in a bundle) gives foreign rules;
matching.py finds the tools, carried.py writes the policy.
"""

from collections.abc import Callable, Mapping
from typing import Final

from aipolicy.importers import applocker, fapolicyd, names, santa
from aipolicy.importers.foreign import ForeignRule

Reader = Callable[[bytes], list[ForeignRule]]

FORMATS: Final[Mapping[str, Reader]] = {
    "santa": santa.read,
    "applocker": applocker.read,
    "fapolicyd": fapolicyd.read,
    "names": names.read,
}
"""By the word that names it on the command line."""


def format_of(data: bytes) -> str:
    """The format that the bytes look like; a plain list of names is what looks like nothing else."""
    if applocker.looks_like(data):
        return "applocker"
    if santa.looks_like(data):
        return "santa"
    return "fapolicyd" if fapolicyd.looks_like(data) else "names"
