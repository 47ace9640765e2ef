"""Whose code a file is; a name in a package.json convicts only what it really names."""

import json
import os
from pathlib import Path

import pytest

from aipolicy.core.model import FileKind, PackageRef
from aipolicy.examine.owner_package import OwnerPackages, read_script_head
from installed import A_SCRIPT, RECORDINGS, aider, npm_package, put

PYPI = frozenset({"aider-chat", "llm"})


def owner(path: str | Path, kind: FileKind = FileKind.SCRIPT) -> PackageRef | None:
    path = str(path)
    with open(path, "rb") as file:
        head = file.read(4096)
    return OwnerPackages(PYPI).of(path, kind, 0, lambda: read_script_head(head))


def name(path: str | Path, kind: FileKind = FileKind.SCRIPT) -> str | None:
    found = owner(path, kind)
    return found.name if found else None


# --- node ------------------------------------------------------------------------------------------------


def test_everything_in_a_package_folder_is_the_packages(tmp_path: Path) -> None:
    folder = npm_package(tmp_path / "node_modules", "claude-code-1.0.100")
    tool = put(folder / "vendor" / "ripgrep" / "rg", b"\x7fELF")
    put(folder / "dist" / "package.json", b'{"type": "module"}')
    inner = put(folder / "dist" / "chunk.mjs", A_SCRIPT)
    assert name(folder / "cli.js") == name(inner) == name(tool, FileKind.ELF) == "@anthropic-ai/claude-code"
    assert owner(inner) == PackageRef(
        ecosystem="npm", name="@anthropic-ai/claude-code", version="1.0.100", path=str(folder)
    )


@pytest.mark.parametrize("command", ["node {}", "node ./{} || true", "node --no-warnings '{}' && echo done"])
def test_a_script_that_npm_ran_at_the_install_was_ended_as_the_tool(command: str, tmp_path: Path) -> None:
    folder = tmp_path / "node_modules" / "@acme" / "tool"
    manifest = {
        "name": "@acme/tool",
        "bin": "cli.js",
        "scripts": {"postinstall": command.format("tools/setup.cjs")},
    }
    put(folder / "package.json", json.dumps(manifest).encode())
    setup = put(folder / "tools" / "setup.cjs", A_SCRIPT)
    assert name(setup) is None
    assert name(put(folder / "cli.js", A_SCRIPT)) == "@acme/tool"
    manifest["scripts"] = {"postinstall": "node cli.js", "test": "node tools/setup.cjs"}
    put(folder / "package.json", json.dumps(manifest).encode())
    assert name(setup) == name(folder / "cli.js") == "@acme/tool"


def test_the_innermost_package_counts_and_states_its_own_name(tmp_path: Path) -> None:
    outer = npm_package(tmp_path / "node_modules", "codex-0.169.0")
    inner = npm_package(outer / "node_modules", "codex-linux-x64-0.169.0", name="@openai/codex-linux-x64")
    program = put(inner / "vendor" / "x86_64-unknown-linux-musl" / "bin" / "codex", b"\x7fELF")
    found = owner(program, FileKind.ELF)
    assert found is not None
    assert (found.name, found.version) == ("@openai/codex", "0.169.0-linux-x64")
    other = put(outer / "node_modules" / "left-pad" / "index.js", A_SCRIPT)
    assert owner(other) is None


def test_in_a_copy_of_the_sources_only_the_named_program_is_the_tool(tmp_path: Path) -> None:
    manifest = {"name": "@google/gemini-cli", "version": "0.1", "bin": {"gemini": "bundle/gemini.js"}}
    put(tmp_path / "package.json", json.dumps(manifest).encode())
    program = put(tmp_path / "bundle" / "gemini.js", A_SCRIPT)
    build = put(tmp_path / "scripts" / "build.js", A_SCRIPT)
    put(tmp_path / "packages" / "core" / "package.json", b'{"name": "@google/gemini-cli-core"}')
    test = put(tmp_path / "packages" / "core" / "test.mjs", A_SCRIPT)
    assert name(program) == "@google/gemini-cli"
    assert owner(build) is owner(test) is None


@pytest.mark.parametrize(
    ("folder", "package"),
    [
        ("work/droid", None),
        ("work/@factory/cli", "@factory/cli"),
        ("np/lib/node_modules/droid", "droid"),
        (".cache/deno/npm/registry.npmjs.org/droid/0.215.0", "droid"),
    ],
)
def test_ones_own_project_called_droid_was_ended(folder: str, package: str | None, tmp_path: Path) -> None:
    """`npm init -y` calls a project by its folder."""
    stated = {"name": package or "droid", "version": "1.0.0", "bin": "index.js"}
    put(tmp_path / folder / "package.json", json.dumps(stated).encode())
    assert name(put(tmp_path / folder / "index.js", A_SCRIPT)) == package


def test_a_library_that_had_the_name_before_was_ended(tmp_path: Path) -> None:
    """cline@0.8.2 and droid@0.0.1 on npm are somebody else's, and bring no command."""
    folder = tmp_path / "node_modules/cline"
    put(folder / "package.json", b'{"name": "cline", "version": "0.8.2", "main": "index.js"}')
    library = put(folder / "index.js", A_SCRIPT)
    assert name(library) is None
    assert name(put(folder / "bin/cline", b"\x7fELF"), FileKind.ELF) == "cline"
    put(folder / "package.json", b'{"name": "cline", "version": "3.0.65", "bin": "index.js"}')
    assert name(library) == "cline"


def test_what_lies_below_a_home_with_a_package_json_is_not_that_package(tmp_path: Path) -> None:
    put(tmp_path / "package.json", b'{"name": "@anthropic-ai/claude-code", "main": "index.js"}')
    assert owner(put(tmp_path / "app" / "server.js", A_SCRIPT)) is None
    assert owner(put(tmp_path / "run", b"#!/bin/sh\n")) is None
    assert owner(put(tmp_path / "prog", b"\x7fELF"), FileKind.ELF) is None


@pytest.mark.parametrize("content", [b"[" * 1_000_000, b"no json", b'{"name": 5}', b"[]"])
def test_an_unreadable_package_json_names_nothing(content: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "node_modules" / "@anthropic-ai" / "claude-code"
    put(folder / "package.json", content)
    assert owner(put(folder / "cli.js", A_SCRIPT)) is None


# --- Python ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", ["script-pip", "script-uv", "script-uvx"])
def test_the_script_that_an_installer_wrote(style: str, tmp_path: Path) -> None:
    recorded = (
        (RECORDINGS / "pypi" / style)
        .read_bytes()
        .replace(b"from llm.cli import cli", b"from aider.main import main")
        .replace(b"cli()", b"main()")
    )
    folder = aider(tmp_path / "venv")
    script = put(tmp_path / "venv" / "bin" / "aider", recorded)
    assert owner(script) == PackageRef(
        ecosystem="pypi", name="aider-chat", version="0.86.2", path=str(folder)
    )


def test_a_copy_of_the_script_under_another_name(tmp_path: Path) -> None:
    aider(tmp_path / "venv")
    line = f"#!{tmp_path}/venv/bin/python\n".encode()
    assert (
        name(put(tmp_path / "bin" / "notes", line + b"from aider.main import main\nmain()\n")) == "aider-chat"
    )


def test_a_script_that_calls_the_start_by_another_name(tmp_path: Path) -> None:
    aider(tmp_path / "venv")
    line = f"#!{tmp_path}/venv/bin/python\n".encode()
    text = b"from aider.main import main as start\nstart(['--help'])\n"
    assert name(put(tmp_path / "bin" / "notes", line + text)) == "aider-chat"


def test_a_script_that_only_tries_whether_the_tool_can_be_imported(tmp_path: Path) -> None:
    aider(tmp_path / "venv")
    line = f"#!{tmp_path}/venv/bin/python\n".encode()
    text = b"try:\n    from aider.main import main\nexcept ImportError:\n    main = None\nprint(main)\n"
    assert owner(put(tmp_path / "bin" / "doctor", line + text)) is None


def test_a_script_whose_description_shows_how_the_tool_is_called_was_taken_for_it(tmp_path: Path) -> None:
    aider(tmp_path / "venv")
    line = f"#!{tmp_path}/venv/bin/python\n".encode()
    text = b'"""Sums up. Not like this:\n\n    from aider.main import main\n    main()\n"""\nprint(1)\n'
    assert owner(put(tmp_path / "bin" / "notes", line + text)) is None


def test_an_old_entry_script_quotes_its_distribution(tmp_path: Path) -> None:
    aider(tmp_path / "venv")
    text = (
        b"#!/usr/bin/python3\n__requires__ = 'aider-chat==0.86.2'\nload_entry_point('aider-chat', 'aider')\n"
    )
    assert name(put(tmp_path / "venv" / "bin" / "aider", text)) == "aider-chat"


@pytest.mark.parametrize(
    "text",
    [
        b"#!/usr/bin/env python3\nprint('my own aider')\n",
        b"#!/usr/bin/env python3\nfrom aider.coders import Coder\n",
        b"#!/bin/sh\nexec aider\n",
        b"#!/usr/bin/env python3\nx = 'aider-chat'\n",
    ],
)
def test_somebodys_own_script_beside_it_is_not_the_tool(text: bytes, tmp_path: Path) -> None:
    aider(tmp_path / "venv")
    assert owner(put(tmp_path / "venv" / "bin" / "helper", text)) is None


def test_a_module_that_python_runs(tmp_path: Path) -> None:
    folder = aider(tmp_path)
    assert name(folder.parent / "aider" / "__main__.py") == "aider-chat"
    assert owner(put(folder.parent / "pip" / "__main__.py", b"x")) is None


FROM_A_FOLDER = b'{"url": "file:///home/ann/work/llm", "dir_info": {"editable": true}}'


@pytest.mark.parametrize(
    ("package", "more", "is_it"),
    [
        ("llm", {}, True),
        ("llm", {"direct_url.json": FROM_A_FOLDER}, False),
        ("llm", {"direct_url.json": FROM_A_FOLDER, "INSTALLER": b"conda\n"}, True),
        ("llm", {"direct_url.json": b'{"url": "file:///x/llm.whl", "archive_info": {}}'}, True),
        ("llm", {"direct_url.json": b'{"url": "https://x/llm.git", "vcs_info": {}}'}, True),
        ("llm", {"direct_url.json": b"[" * 100_000}, True),
        ("aider-chat", {"direct_url.json": FROM_A_FOLDER}, True),
    ],
)
def test_ones_own_python_project_called_llm_was_ended(
    package: str, more: dict[str, bytes], is_it: bool, tmp_path: Path
) -> None:
    site = tmp_path / "venv/lib/python3.11/site-packages"
    folder = site / f"{package.replace('-', '_')}-0.1.0.dist-info"
    put(folder / "METADATA", f"Name: {package}\nVersion: 0.1.0\n".encode())
    put(folder / "entry_points.txt", b"[console_scripts]\nx = mine:main\n")
    for file, content in more.items():
        put(folder / file, content)
    script = put(tmp_path / "venv/bin/x", b"#!/usr/bin/python3\nfrom mine import main\nmain()\n")
    assert name(script) == (package if is_it else None)


def test_other_distributions_are_not_even_looked_up(tmp_path: Path) -> None:
    site = tmp_path / "lib" / "python3.11" / "site-packages"
    os.makedirs(site / "flask-3.dist-info")
    os.mkfifo(site / "flask-3.dist-info" / "METADATA")
    script = put(tmp_path / "bin" / "flask", b"#!/usr/bin/python3\nfrom flask.cli import main\n")
    assert owner(script) is None


def test_a_new_distribution_counts_at_once(tmp_path: Path) -> None:
    packages = OwnerPackages(PYPI)
    (tmp_path / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    script = put(tmp_path / "bin" / "aider", (RECORDINGS / "pypi" / "script-pip").read_bytes())
    head = read_script_head(Path(script).read_bytes())
    assert packages.of(script, FileKind.SCRIPT, 0, lambda: head) is None
    aider(tmp_path)
    assert packages.of(script, FileKind.SCRIPT, 0, lambda: head) is not None
