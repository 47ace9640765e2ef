"""The catalog in the languages of other tools: one module per format, each a pure function of the catalog.

Every output is stable, the same for the same catalog, and begins with what it cannot carry over.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from aipolicy.core.tool import Tool
from aipolicy.core.tools import Catalog
from aipolicy.export import catalog_json, osquery, sigma, yara

Write = Callable[[Catalog, Sequence[Tool]], str]
"""The text for these tools of the catalog."""

FORMATS: Final[Mapping[str, Write]] = {
    "yara": yara.write,
    "osquery": osquery.write,
    "sigma": sigma.write,
    "json": catalog_json.write,
}
