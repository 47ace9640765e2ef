"""What a package.json states, and whether the program it names is there: recordings of real packages."""

import os
from pathlib import Path

import pytest

from aipolicy.examine import CannotLook
from aipolicy.examine.node_package import Manifest, has_code, has_extension_code, read_manifest
from hostile import wrong_types
from installed import A_SCRIPT, NATIVE_CLAUDE, RECORDINGS, extension, npm_package, put

NPM = RECORDINGS / "npm"


def recorded(name: str) -> Manifest:
    return read_manifest((NPM / f"{name}.json").read_bytes(), name)


def nothing_is_far(_path: str) -> None:
    return None


def code(folder: Path) -> bool:
    return has_code(str(folder), read_manifest((folder / "package.json").read_bytes(), ""), nothing_is_far)


@pytest.mark.parametrize(
    ("recording", "name", "version", "programs"),
    [
        ("claude-code-2.1.197", "@anthropic-ai/claude-code", "2.1.197", ("bin/claude.exe",)),
        ("claude-code-1.0.100", "@anthropic-ai/claude-code", "1.0.100", ("cli.js",)),
        ("codex-linux-x64-0.169.0", "@openai/codex", "0.169.0-linux-x64", ()),
        ("opencode-ai-1.18.33", "opencode-ai", "1.18.33", ("./bin/opencode.exe",)),
    ],
)
def test_recordings(recording: str, name: str, version: str, programs: tuple[str, ...]) -> None:
    found = recorded(recording)
    assert (found.name, found.version, found.programs) == (name, version, programs)


@pytest.mark.parametrize(
    "recording",
    [path.stem for path in sorted(NPM.glob("*.json")) if "linux-x64" not in path.stem],
)
def test_a_package_with_its_program_has_code_and_without_it_has_none(recording: str, tmp_path: Path) -> None:
    folder = npm_package(tmp_path / "node_modules", recording)
    assert code(folder)
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "package.json":
            path.write_bytes(b"")
    assert not code(folder)
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.name != "package.json":
            path.rmdir() if path.is_dir() else path.unlink()
    assert not code(folder)


@pytest.mark.parametrize(
    ("recording", "left"), [("ampcode-cli", "amp-stub.sh"), ("factory-cli-0.225.1", "droid-launcher.js")]
)
def test_what_is_left_in_place_of_a_program_that_was_not_fetched_is_no_code(
    recording: str, left: str, tmp_path: Path
) -> None:
    modules = tmp_path / "node_modules"
    folder = npm_package(modules, recording, (NPM / left).read_bytes())
    assert not code(folder)
    native = next(name for name in recorded(recording).optional if name.endswith("linux-x64"))
    for place in (modules / native, folder / "node_modules" / native):
        put(place / "package.json", b"{}")
        assert code(folder)
        (place / "package.json").unlink()


def test_a_launcher_that_falls_back_on_a_bundle_is_code(tmp_path: Path) -> None:
    """Copilot 0.0.401: its program for the machine is missing, and its launcher imports index.js."""
    manifest = Manifest(
        "@github/copilot", "0.0.401", programs=("loader.js",), optional=("@github/copilot-linux-x64",)
    )
    (tmp_path / "loader.js").write_text("import('./index.js')")
    (tmp_path / "index.js").write_text("a helper")
    assert not has_code(str(tmp_path), manifest, nothing_is_far)
    (tmp_path / "index.js").write_bytes(b"/" * (1 << 20))
    assert has_code(str(tmp_path), manifest, nothing_is_far)


def test_a_small_launcher_of_a_script_is_code_and_one_of_nothing_is_none(tmp_path: Path) -> None:
    launcher = b"#!/usr/bin/env node\nimport './index.js'\n"
    folder = npm_package(tmp_path / "node_modules", "continuedev-cli-1.5.47", launcher)
    put(folder / "README.md", A_SCRIPT)
    put(folder / "node_modules/other/index.js", A_SCRIPT)
    assert not code(folder)
    put(folder / "dist/index.js", A_SCRIPT)
    assert code(folder)


@pytest.mark.parametrize("place", ["claude", "bin/claude"])
def test_the_package_of_one_platform_needs_only_a_large_program(place: str, tmp_path: Path) -> None:
    folder = npm_package(tmp_path / "node_modules", "claude-code-linux-x64-2.1.197")
    assert not code(folder)
    put(folder / "LICENSE.md", b"x" * (2 << 20), mode=0o644)
    assert not code(folder)
    put(folder / place, NATIVE_CLAUDE)
    os.truncate(folder / place, 2 << 20)
    assert code(folder)


def test_a_bin_that_leads_elsewhere_is_not_the_packages(tmp_path: Path) -> None:
    folder = npm_package(tmp_path / "node_modules", "claude-code-linux-x64-2.1.197")
    put(tmp_path / "elsewhere" / "program", NATIVE_CLAUDE)
    os.truncate(tmp_path / "elsewhere" / "program", 2 << 20)
    (folder / "bin").symlink_to(tmp_path / "elsewhere")
    assert not code(folder)


def test_a_library_is_not_the_code_of_a_tool(tmp_path: Path) -> None:
    put(tmp_path / "lib" / "index.js", A_SCRIPT)
    assert not has_code(str(tmp_path / "lib"), Manifest("cline", "0.8.2", main="index.js"), nothing_is_far)


def test_a_program_that_npm_takes_for_inside(tmp_path: Path) -> None:
    """Copilot's language server calls its own `../dist/language-server.js`."""
    put(tmp_path / "pkg" / "dist" / "x.js", A_SCRIPT)
    manifest = Manifest("a", "1", programs=("../dist/x.js",))
    assert has_code(str(tmp_path / "pkg"), manifest, nothing_is_far)


def test_only_files_inside_the_package_are_its_program(tmp_path: Path) -> None:
    put(tmp_path / "outside", A_SCRIPT)
    for target in ("../outside", "/etc/passwd", f"{tmp_path}/outside", "a/../../outside", "\0", "\ud800"):
        assert not has_code(str(tmp_path / "pkg"), Manifest("a", "1", programs=(target,)), nothing_is_far)


def test_fields_of_the_wrong_type_count_as_absent(tmp_path: Path) -> None:
    wrong_types(tmp_path / "package.json")
    found = read_manifest((tmp_path / "package.json").read_bytes(), "package.json")
    assert found == Manifest(name=None, version=None)


@pytest.mark.parametrize("name", ["", "a b", "/x", "@scope", "a/b/c", "x" * 300, "@a/"])
def test_what_is_no_name_is_none(name: str) -> None:
    data = b'{"name": "%s", "version": "1"}' % name.encode()
    assert read_manifest(data, "package.json").name is None


def test_control_characters_do_not_pass() -> None:
    found = read_manifest(b'{"name": "a", "version": "1\\u001b[2J"}', "package.json")
    assert found.version == "1\\x1b[2J"


def test_an_extension_loads_main_or_browser_with_or_without_its_ending(tmp_path: Path) -> None:
    folder = extension(tmp_path)
    for stated in ('"main": "./extension"', '"main": "extension.js"', '"browser": "./extension.js"'):
        manifest = read_manifest(b"{%s}" % stated.encode(), "package.json")
        assert has_extension_code(str(folder), manifest, nothing_is_far)
    for stated in ('"main": "./other.js"', '"main": "../../x.js"', '"name": "a-theme"'):
        manifest = read_manifest(b"{%s}" % stated.encode(), "package.json")
        assert not has_extension_code(str(folder), manifest, nothing_is_far)


def test_no_json_is_an_error() -> None:
    with pytest.raises(CannotLook, match="not valid JSON"):
        read_manifest(b"<html>", "package.json")


def test_what_may_hang_within_a_package_is_neither_listed_nor_asked_about(tmp_path: Path) -> None:
    """A mount of FUSE on a folder or a file of it: whoever looks waits for whom it belongs to."""
    put(tmp_path / "far" / "tool.js", b"x" * 4096)
    put(tmp_path / "tool", b"x" * (1 << 20))
    put(tmp_path / "cli.js", b"//\n")

    def far(path: str) -> str | None:
        return "on fuse" if path.startswith((f"{tmp_path}/far", f"{tmp_path}/tool")) else None

    for manifest in (Manifest("a", "1", programs=("cli.js",)), Manifest("a", "1")):
        assert has_code(str(tmp_path), manifest, nothing_is_far)
        assert not has_code(str(tmp_path), manifest, far)
