"""Tools with windows may hold unsaved files (`stop: deny-new`): of these a running one is not ended."""

from collections.abc import Collection
from typing import Final

from aipolicy.core.model import Finding
from aipolicy.core.tool import Stop
from aipolicy.core.tools import Catalog

_COMMAND_LINE: Final = frozenset({"npm", "pypi", "content"})


def with_windows(catalog: Catalog) -> frozenset[str]:
    """The ids of the tools that may hold unsaved files."""
    return frozenset(tool.id for tool in catalog.tools if tool.stop is Stop.DENY_NEW)


def may_hold_unsaved(finding: Finding, with_windows: Collection[str]) -> bool:
    """Whether it is such a tool, and not its command-line form: nothing in that is unsaved."""
    command_line = any(evidence.kind in _COMMAND_LINE for evidence in finding.because)
    return finding.tool in with_windows and not command_line
