"""Looking inside files: bounded, cached, and the only place that opens what users own."""

from aipolicy.core.tools import Catalog
from aipolicy.examine.cache import FactsCache, MemoryCache
from aipolicy.examine.examiner import Examiner
from aipolicy.examine.files import CannotLook, OpenFile, open_regular, read_json, read_text
from aipolicy.examine.places import resolve

__all__ = [
    "CannotLook",
    "Examiner",
    "FactsCache",
    "MemoryCache",
    "OpenFile",
    "examiner_for",
    "open_regular",
    "read_json",
    "read_text",
    "resolve",
]


def examiner_for(catalog: Catalog, cache: FactsCache | None = None) -> Examiner:
    """An examiner that looks for what this catalog knows."""
    wanted = catalog.wanted
    return Examiner(marks=wanted.marks, versions=wanted.versions, cache=cache, pypi=wanted.pypi)
