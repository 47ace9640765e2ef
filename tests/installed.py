"""Installs as package managers leave them, in miniature: for the tests of examine and observe.

The package.json files are recordings of real ones; the programs they name are replaced by a few kilobytes.
"""

import json
import marshal
import os
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aipolicy.core.model import Executable, Extension, Observation, Package, Process, Unseen
from aipolicy.core.tool import Mark, VersionMark
from aipolicy.core.tools import Wanted
from aipolicy.examine import Examiner
from aipolicy.observe import look_everywhere
from aipolicy.platforms.machine import Machine

RECORDINGS = Path(__file__).parent / "recordings"

MARKS = (
    Mark(id="claude-code:CLAUDE_CODE_ENABLE_TELEMETRY", literal="CLAUDE_CODE_ENABLE_TELEMETRY"),
    Mark(id="claude-code:tengu_api_success", literal="tengu_api_success"),
    Mark(id="codex:CODEX_TUI_RECORD_SESSION", literal="CODEX_TUI_RECORD_SESSION"),
    Mark(id="codex:codex_tui::", literal="codex_tui::"),
)
VERSIONS = (VersionMark(tool="claude-code", before="docs/en/overview"),)

NATIVE_CLAUDE = (
    b"\x7fELF"
    + b"\0" * 20_000
    + b'CLAUDE_CODE_ENABLE_TELEMETRY\0tengu_api_success\0docs/en/overview",VERSION:"2.1.7"\0'
)
"""As large as a program, with the marks and the version of a native Claude Code."""
NATIVE_OTHER = b"\x7fELF" + b"\1" * 20_000
A_SCRIPT = b"#!/usr/bin/env node\n" + b"// something\n" * 2_000


def wanted(**fields: Any) -> Wanted:
    """What the tests look for; any field can be replaced."""
    looked_for: dict[str, Any] = {
        "npm": {
            "@anthropic-ai/claude-code",
            "@anthropic-ai/claude-code-linux-x64",
            "@openai/codex",
            "@ampcode/cli",
            "@qwen-code/qwen-code",
            "@qoder-ai/qodercli",
            "@factory/cli",
            "@continuedev/cli",
            "opencode-ai",
        },
        "pypi": {"aider-chat", "llm"},
        "deb": {"cursor", "nodejs"},
        "rpm": (),
        "brew": {"claude-code"},
        "extensions": {"anthropic.claude-code", "github.copilot"},
        "plugins": {"com.anthropic.code.plugin"},
        "executables": {"claude", "codex", "aider", "llm", "qodercli", "gemini", "amp"},
        "titles": (),
        "install_names": (),
    } | fields
    sets = {
        name: frozenset(values)
        for name, values in looked_for.items()
        if name not in ("paths", "marks", "versions")
    }
    return Wanted(
        **sets,
        paths=tuple(
            looked_for.get("paths", ("~/.local/share/claude/versions/*", "/usr/share/cursor/cursor"))
        ),
        marks=tuple(looked_for.get("marks", MARKS)),
        versions=tuple(looked_for.get("versions", VERSIONS)),
    )


def examiner(**how: Any) -> Examiner:
    """An examiner for `wanted()` that keeps all facts: its clock stands far behind any change, and what lies
    in memory counts as lying on a disk.
    """
    how = {
        "now_ns": lambda: 1 << 62,
        "in_memory": lambda _fd: False,
        "marks": MARKS,
        "versions": VERSIONS,
        "pypi": frozenset({"aider-chat", "llm"}),
    } | how
    return Examiner(**how)


def look(machine: Machine, **fields: Any) -> list[Observation | Unseen]:
    """Everything that is seen on `machine`."""
    return list(look_everywhere(machine, wanted(**fields), examiner()))


def described(seen: list[Observation | Unseen], home: str = "") -> set[str]:
    """One line for each thing seen, paths below `home` written as ~."""
    lines = set()
    for found in seen:
        match found:
            case Package():
                code = "" if found.has_code else " without code"
                version = found.package.version
                words = f"{found.form}: {found.package.name} {version} of {found.owner.name}{code}"
            case Extension():
                words = f"{found.editor}: {found.package.name} {found.package.version} of {found.owner.name}"
            case Executable():
                words = f"program {found.path} of {found.owner.name}: {found.file.version}"
            case Process():
                words = f"process {found.name} of {found.owner.name}"
            case Unseen():
                words = f"unseen {found.place}: {found.reason}"
            case _:
                words = repr(found)
        lines.add(words.replace(home, "~") if home else words)
    return lines


# --- npm -------------------------------------------------------------------------------------------------


def npm_package(
    modules: str | Path, recording: str, program: bytes = A_SCRIPT, name: str | None = None
) -> Path:
    """A package in the folder `modules`, under its own name or under `name` (an alias)."""
    stated = json.loads((RECORDINGS / "npm" / f"{recording}.json").read_bytes())
    folder = Path(modules) / (name or stated["name"])
    folder.mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps(stated))
    targets = stated.get("bin") or {}
    for target in targets.values() if isinstance(targets, dict) else [targets]:
        put(folder / target, program)
    return folder


def bin_link(folder: str | Path, name: str, target: str | Path) -> str:
    """The relative link that npm lays into a folder of programs."""
    place = Path(folder) / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(os.path.relpath(target, place.parent))
    return str(place)


def put(place: str | Path, content: bytes, mode: int = 0o755) -> str:
    """A file, with the folders above it."""
    place = Path(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    place.chmod(mode)
    return str(place)


# --- Python ----------------------------------------------------------------------------------------------


def aider(prefix: str | Path, script_from: str = "script-pip", version: str = "python3.11") -> Path:
    """aider-chat in the site-packages of a Python prefix, with its script; returns the metadata folder."""
    site = Path(prefix) / "lib" / version / "site-packages"
    recordings = RECORDINGS / "pypi"
    folder = site / "aider_chat-0.86.2.dist-info"
    for name in ("METADATA", "entry_points.txt", "RECORD"):
        put(folder / name, (recordings / f"aider-chat-{name}").read_bytes(), 0o644)
    put(site / "aider" / "__init__.py", b"__version__ = '0.86.2'\n", 0o644)
    put(site / "aider" / "__main__.py", b"from .main import main\n", 0o644)
    put(Path(prefix) / "bin" / "aider", (recordings / script_from).read_bytes())
    return folder


def frozen(
    script: str,
    data: Mapping[str, bytes],
    length: int | None = None,
    program: bytes = b"\x7fELF" + b"\0" * 9_000,
) -> bytes:
    """A program with the archive that PyInstaller puts behind it (PyInstaller/archive/writers.py)."""
    code = marshal.dumps(compile(script, "notes.py", "exec"))
    body, table = b"", b""
    for name, kind, content in [("notes", b"s", code), *((n, b"x", c) for n, c in data.items())]:
        packed = zlib.compress(content)
        size = 18 + len(name) + 1
        table += (
            struct.pack("!4IBc", size, len(body), len(packed), len(content), 1, kind) + name.encode() + b"\0"
        )
        body += packed
    whole = len(body) + len(table) + 88
    sizes = (length or whole, len(body), len(table), 311)
    cookie = struct.pack("!8s4I64s", b"MEI\014\013\012\013\016", *sizes, b"libpython3.11.so")
    return program + body + table + cookie


# --- editors ---------------------------------------------------------------------------------------------


def extension(
    folder: str | Path,
    publisher: str = "Anthropic",
    name: str = "claude-code",
    version: str = "2.1.7",
    **stated: Any,
) -> Path:
    """An unpacked extension in the folder `<publisher>.<name>-<version>` below `folder`."""
    place = Path(folder) / f"{publisher}.{name}-{version}".lower()
    manifest = {"publisher": publisher, "name": name, "version": version, "main": "./extension.js"} | stated
    put(place / "package.json", json.dumps(manifest).encode(), 0o644)
    put(place / "extension.js", b"exports.activate = () => {};\n", 0o644)
    return place


def plugin_jar(place: str | Path, descriptor: bytes) -> str:
    """A jar with META-INF/plugin.xml."""
    place = Path(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as jar:
        jar.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")
        jar.writestr("META-INF/plugin.xml", descriptor)
    return str(place)
