"""What version managers, editors and the tools themselves leave in a home, with a real tool's bytes in it.

For managers whose client cannot be had from npm or PyPI, or fetches Node from its own site. Which were
recorded from a real install and which are by the manager's sources stands in installs.yaml.
"""

import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from corpus.places import Form, Place, Source, put, tree_of_links
from machine.install_forms import PYPI_FORMS, environ
from machine.real_packages import wheel

_ASDF = '#!/usr/bin/env bash\n# asdf-plugin: nodejs 20.20.2\nexec {home}/.asdf/bin/asdf exec "{name}" "$@"\n'
_NODENV = """#!/usr/bin/env bash
set -e
program="${{0##*/}}"
export NODENV_ROOT="{home}/.nodenv"
exec "{home}/.nodenv/bin/nodenv" exec "$program" "$@"
"""


def _prefix_with(prefix: str, *more: Callable[[Source, Place], None]) -> Form:
    """npm's global prefix of the manager's own Node, and what the manager puts beside it."""

    def form(source: Source, place: Place) -> None:
        tree_of_links(source.prefix, place.home / prefix.format(package=source.npm.rpartition("@")[0]))
        for put_it in more:
            put_it(source, place)

    return form


def _command(source: Source) -> str:
    """The command that npm linked."""
    return min(os.listdir(source.prefix / "bin"))


def _shim(place_in_home: str, text: str) -> Callable[[Source, Place], None]:
    def shim(source: Source, place: Place) -> None:
        name = _command(source)
        file = place.home / place_in_home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.format(home=place.home, name=name))
        file.chmod(0o755)

    return shim


def _one_shim_for_all(program: str, links: str) -> Callable[[Source, Place], None]:
    """A link for each command to one program of the manager's own; sleep stands for that."""

    def shim(source: Source, place: Place) -> None:
        real = put(Path(shutil.which("sleep") or "/bin/sleep"), place.home / program)
        folder = place.home / links
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("node", "npm", _command(source)):
            (folder / name).symlink_to(real)

    return shim


def _link(place_in_home: str, target: str) -> Callable[[Source, Place], None]:
    def link(_source: Source, place: Place) -> None:
        path = place.home / place_in_home
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(place.home / target)

    return link


def _brew_cask(source: Source, place: Place) -> None:
    room = place.home / ".linuxbrew"
    program = put(source.program_file, room / "Caskroom/claude-code" / source.version / "claude")
    (room / "bin").mkdir()
    (room / "bin/claude").symlink_to(os.path.relpath(program, room / "bin"))


def _conda(source: Source, place: Place) -> None:
    """An environment of conda's, filled by pip, as conda's documentation advises."""
    environment = place.home / "miniconda3/envs/ai"
    PYPI_FORMS["venv"](place.home, str(wheel(source.pypi)))
    shutil.move(place.home / "work/site/.venv", environment)
    (environment / "pyvenv.cfg").unlink()
    (environment / "conda-meta").mkdir()
    (environment / "conda-meta/history").touch()


# --- the copies that tools make of themselves --------------------------------------------------------------


def _native_at(place_in_home: str) -> Form:
    def form(source: Source, place: Place) -> None:
        put(source.program_file, place.home / place_in_home.format(version=source.version))

    return form


def _unpacked_by_itself(source: Source, place: Place) -> None:
    """A first start, which needs no account and no network; the package is not in this home."""
    command = [str(source.program_file), "--version"]
    try:
        subprocess.run(
            command, env=environ(place.home), cwd=place.home, capture_output=True, timeout=120, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"{source.name} does not start here: {error}")


# --- editors ---------------------------------------------------------------------------------------------


def _vsix_in(extensions: str) -> Form:
    """The extension that comes with Claude Code 1, put where an editor unpacks it."""

    def form(source: Source, place: Place) -> None:
        vsix = source.inside(source.prefix, "lib/node_modules/*/*/vendor/claude-code.vsix")
        with zipfile.ZipFile(vsix) as archive:
            stated = json.loads(archive.read("extension/package.json"))
            name = f"{stated['publisher']}.{stated['name']}-{stated['version']}".lower()
            folder = place.home / extensions / name
            for entry in archive.namelist():
                if entry.startswith("extension/") and not entry.endswith("/"):
                    file = folder / entry.removeprefix("extension/")
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(archive.read(entry))
        (folder.parent / "extensions.json").write_text("[]")

    return form


def _plugin_in(product: str) -> Form:
    def form(source: Source, place: Place) -> None:
        folder = source.inside(source.prefix, "lib/node_modules/*/*/vendor/claude-code-jetbrains-plugin")
        tree_of_links(folder, place.home / product / folder.name)

    return form


def _in_a_foreign_extension(source: Source, place: Place) -> None:
    """The tool's program inside of an extension that is not the tool's."""
    folder = place.home / ".vscode/extensions/acme.helper-1.2.3"
    put(source.program_file, folder / "resources/native-binary/helper")
    stated = {"name": "helper", "publisher": "acme", "version": "1.2.3", "main": "./main.js"}
    (folder / "package.json").write_text(json.dumps(stated))
    (folder / "main.js").write_text("module.exports = {}\n")


LAYOUTS: dict[str, Form] = {
    "nvm": _prefix_with(
        ".nvm/versions/node/v20.20.2", _link(".nvm/alias/default", ".nvm/versions/node/v20.20.2")
    ),
    "fnm": _prefix_with(
        ".local/share/fnm/node-versions/v20.20.2/installation",
        _link(".local/share/fnm/aliases/default", ".local/share/fnm/node-versions/v20.20.2/installation"),
        _link(
            ".local/state/fnm_multishells/77_1795959715714",
            ".local/share/fnm/node-versions/v20.20.2/installation",
        ),
    ),
    "volta": _prefix_with(
        ".volta/tools/image/packages/{package}", _one_shim_for_all(".volta/bin/volta-shim", ".volta/bin")
    ),
    "asdf": _prefix_with(".asdf/installs/nodejs/20.20.2", _shim(".asdf/shims", _ASDF)),
    "nodenv": _prefix_with(".nodenv/versions/20.20.2", _shim(".nodenv/shims", _NODENV)),
    "mise, node": _prefix_with(
        ".local/share/mise/installs/node/20.20.2",
        _link(".local/share/mise/installs/node/latest", ".local/share/mise/installs/node/20.20.2"),
        _one_shim_for_all(".local/bin/mise", ".local/share/mise/shims"),
    ),
    "n": _prefix_with("n", _link("n/n/versions/node/20.20.2/bin", "n/bin")),
    "Homebrew, npm of its Node": _prefix_with(".linuxbrew"),
    "Homebrew, cask": _brew_cask,
    "conda": _conda,
    "Claude Code's versions": _native_at(".local/share/claude/versions/{version}"),
    "Codex's daemon": _native_at(
        ".codex/packages/app-server-daemon/releases/{version}-x86_64-unknown-linux-musl/bin/codex"
    ),
    "Copilot unpacked": _unpacked_by_itself,
    "VS Code": _vsix_in(".vscode/extensions"),
    "VS Code, server": _vsix_in(".vscode-server/extensions"),
    "Cursor": _vsix_in(".cursor/extensions"),
    "VSCodium": _vsix_in(".vscode-oss/extensions"),
    "JetBrains": _plugin_in(".local/share/JetBrains/IntelliJIdea2025.3"),
    "program in a foreign extension": _in_a_foreign_extension,
}
