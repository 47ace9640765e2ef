"""An example that needs one value of a tool file, ready to be written there: what `tools check` suggests."""

import json
from collections.abc import Callable, Mapping
from typing import Final

from aipolicy.core.shapes import VERSION_PART
from aipolicy.core.tool import Kind, Tool


def proof_of(tool: Tool, kind: Kind, value: str) -> str:
    """One line for `examples:`; what was really seen is better."""
    sure, seen = _PROOFS[kind](value, tool)
    return f"- {{is: {sure}, {seen}}}"


def _package(sort: str, sure: str) -> Callable[[str, Tool], tuple[str, str]]:
    return lambda value, _tool: (sure, f"{sort}: {_text(value)}")


def _text(value: str) -> str:
    """As JSON, which is YAML, too; braces would be alternatives."""
    return json.dumps(value)


def _path(value: str, _tool: Tool) -> tuple[str, str]:
    path = value.replace(VERSION_PART, "1.2.3").replace("*", "x")
    return "likely", f"program: {_text('/home/u' + path[1:] if path.startswith('~') else path)}"


def _content(value: str, tool: Tool) -> tuple[str, str]:
    other = next((mark.literal for mark in tool.marks if mark.literal != value), None)
    marks = ", ".join(map(_text, (value, other) if other else (value,)))
    return "certain" if other else "likely", f"program: /home/u/bin/notes, marks: [{marks}]"


def _electron(value: str, _tool: Tool) -> tuple[str, str]:
    return "likely", f"program: /home/u/apps/x/program, of: {_text('electron:' + value)}"


def _signer(value: str, tool: Tool) -> tuple[str, str]:
    name = next(tool.values(Kind.EXECUTABLE), "")
    marks = "" if name else f", marks: [{', '.join(_text(mark.literal) for mark in tool.marks[:1])}]"
    sure = "likely" if name else "certain"
    return sure, f"program: {_text('/x/' + (name or 'notes'))}, kind: pe, signer: {_text(value)}{marks}"


_PROOFS: Final[Mapping[Kind, Callable[[str, Tool], tuple[str, str]]]] = {
    Kind.CONTENT: _content,
    Kind.NPM: _package("npm", "certain"),
    Kind.PYPI: _package("pypi", "certain"),
    Kind.EXTENSION: _package("extension", "certain"),
    Kind.PLUGIN: _package("plugin", "certain"),
    Kind.CARRIER: _package("npm", "likely"),
    Kind.BREW: _package("brew", "likely"),
    Kind.SNAP: _package("snap", "likely"),
    Kind.FLATPAK: _package("flatpak", "likely"),
    Kind.DEB: _package("deb", "possible"),
    Kind.RPM: _package("rpm", "possible"),
    Kind.PATH: _path,
    Kind.BUNDLE: lambda value, tool: ("likely", f"app: {_text(tool.name or 'X')}, bundle: {_text(value)}"),
    Kind.ELECTRON: _electron,
    Kind.SIGNER: _signer,
    Kind.EXECUTABLE: lambda value, _tool: ("possible", f"program: {_text('/home/u/bin/' + value)}"),
    Kind.TITLE: lambda value, _tool: ("possible", f"process: {_text(value)}, exe: /usr/bin/node"),
}
