"""Sigma rules: a process that starts from a tool's installed place, one rule per tool and operating system.

https://github.com/SigmaHQ/sigma-specification. On no system does a process_creation event carry the
signer, and no installed places on Windows are known: there is no sound rule for it.
"""

import uuid
from collections.abc import Iterator, Sequence
from typing import Any, Final

import yaml

from aipolicy.core.shapes import regex_of
from aipolicy.core.tool import Kind, Tool
from aipolicy.core.tools import Catalog
from aipolicy.export.comment import comment

_IDS: Final = uuid.UUID("5f0c7a3e-7d0b-5a53-9d2c-0f1a7c1f5a10")
"""The namespace of the rules' ids, so that a rule keeps its id from export to export."""

_HEAD: Final = (
    "AI tools that start from the place where their vendor installs them. Written by "
    "`aipolicy tools export --format sigma`, catalog {version}."
)
_LEFT_OUT: Final = (
    "Not carried over, since a process_creation event does not hold it: content marks, so "
    "renamed and copied programs are not seen; packages and extensions, hence every tool that "
    "an interpreter runs; signers. Names of programs prove nothing and are left out; no "
    "installed places on Windows are known."
)


def write(catalog: Catalog, tools: Sequence[Tool]) -> str:
    """The rules for `tools`, as one stream of YAML documents."""
    rules = [rule for tool in tools for rule in _rules(tool, catalog.version)]
    ruled = {rule["custom"]["tool"] for rule in rules}
    without = ", ".join(tool.id for tool in tools if tool.id not in ruled)
    without = f"Without an installed place, hence without a rule: {without}." if without else ""
    head = comment("#", _HEAD.format(version=catalog.version), _LEFT_OUT, without)
    if not rules:
        return head
    return head + yaml.safe_dump_all(rules, sort_keys=False, explicit_start=True, width=110)


def _rules(tool: Tool, version: str) -> Iterator[dict[str, Any]]:
    places = (("linux", "Linux", _on_linux(tool)), ("macos", "macOS", _on_macos(tool)))
    for system, name, paths in places:
        if paths:
            yield {
                "title": f"{tool.name} Started From Its Installed Place on {name}",
                "id": str(uuid.uuid5(_IDS, f"{tool.id} {system}")),
                "status": "experimental",
                "description": (
                    f"{tool.name} of {tool.vendor} runs. By aipolicy's catalog {version}; "
                    f"the places: {tool.known_from(Kind.PATH)}"
                ),
                "author": "aipolicy",
                "logsource": {"category": "process_creation", "product": system},
                "detection": {
                    "selection": {"Image|re": [f"^{regex_of(path)}$" for path in sorted(paths)]},
                    "condition": "selection",
                },
                "falsepositives": ["Another program that somebody put in this place"],
                "level": "informational",
                "custom": {"tool": tool.id, "category": tool.category, "catalog": version},
            }


def _on_linux(tool: Tool) -> list[str]:
    return [path for path in tool.values(Kind.PATH) if not _is_of_macos(path)]


def _on_macos(tool: Tool) -> list[str]:
    """In a home a command line tool lies in one and the same place on both."""
    return [path for path in tool.values(Kind.PATH) if _is_of_macos(path) or path.startswith("~/")]


def _is_of_macos(path: str) -> bool:
    return path.removeprefix("~").startswith(("/Applications/", "/Library/"))
