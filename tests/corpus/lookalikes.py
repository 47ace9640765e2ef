"""Builds what looks like an AI tool and is none; what there is to build is in lookalikes.yaml."""

import json
import re
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aipolicy.tools import load
from appimages import appimage
from corpus.places import Place, tree_of_links
from machine.install_forms import environ, node_clients, python_clients
from machine.real_packages import CACHE, fetched, locked, npm_prefix, wheel

What = dict[str, Any]
Maker = Callable[[What, Place], int | None]

_CATALOG = load()
_SLEEP = shutil.which("sleep") or "/bin/sleep"


def _npm(what: What, place: Place) -> None:
    """Another npm package, installed globally."""
    tree_of_links(npm_prefix(what["npm"]), place.home / ".npm-global")


def _pypi(what: What, place: Place) -> None:
    """Another Python package, in a virtual environment."""
    venv = place.home / "work/site/.venv"
    uv = (str(python_clients() / "uv"), "--quiet")
    own = environ(place.home, UV_CACHE_DIR=f"{CACHE}/uv")
    fetched(*uv, "venv", "--python=/usr/bin/python3", str(venv), environ=own)
    fetched(*uv, "pip", "install", f"--python={venv}/bin/python", str(wheel(what["pypi"])), environ=own)


def _deb(what: What, place: Place) -> None:
    """The files of a Debian package, in a folder of one's own."""
    folder = CACHE / "debs" / what["deb"]
    with locked("apt"):
        if not list(folder.glob("*.deb")):
            folder.mkdir(parents=True, exist_ok=True)
            if shutil.which("apt-get") is None:
                pytest.skip("needs apt")
            fetched("sh", "-c", f"cd '{folder}' && apt-get download --quiet=2 '{what['deb']}'")
    fetched("dpkg-deb", "-x", str(next(folder.glob("*.deb"))), str(place.home / "root"))


def _sleep_called(what: What, place: Place) -> int:
    """A copy of sleep under a tool's name, installed and running."""
    target = place.home / what.get("at", "bin") / what["sleep called"]
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_SLEEP, target)
    target.chmod(0o755)
    return place.run(target, "600")


def _command(what: What, place: Place) -> int:
    """A program that has a tool's name among its arguments."""
    words = what["command"].split()
    program = shutil.which(words[0])
    if program is None:
        pytest.skip(f"needs {words[0]}")
    return place.run(program, *words[1:])


def _given_the_tool(what: What, place: Place) -> int:
    """A program that is given the real script of a tool, and reads or installs it, but does not run it.

    The tool lies outside of all homes, and so is not found where it lies. An npm package in braces stands for
    its command: {eslint@10.15.0}, or the one named: {typescript@5.9.3:tsc}.
    """
    claude = npm_prefix("@anthropic-ai/claude-code@1.0.100")
    texts = {
        "cli": claude / "lib/node_modules/@anthropic-ai/claude-code/cli.js",
        "bun": next(node_clients().glob("@oven/bun-linux-*/bin/bun"), "bun"),
        "clients": python_clients(),
    }

    def command(found: re.Match[str]) -> str:
        if found[1] in texts:
            return str(texts[found[1]])
        package, _, name = found[1].partition(":")
        return str(npm_prefix(package) / "bin" / (name or package.partition("@")[0]))

    words = re.sub(r"\{([^}]+)\}", command, what["given the tool"]).split()
    program = shutil.which(words[0])
    if program is None:
        pytest.skip(f"needs {words[0]}")
    (place.home / "app.js").write_text("console.log('mine')")
    return place.run(program, *words[1:])


def _files(what: What, place: Place) -> int | None:
    """Files with texts; {marks TOOL}, {mark TOOL} and {every mark} stand for those of our catalog,
    {a large payload} for 2 MiB."""
    for name, text in what["files"].items():
        target = place.home / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_filled(text))
        target.chmod(0o755)
    if "run in a container" in what:
        return place.run_python_in(place.into_a_container(), *what["run in a container"].split())
    if "run" not in what:
        return None
    words = what["run"].split()
    return place.run(shutil.which(words[0]) or words[0], *words[1:])


def _filled(text: str) -> str:
    text = text.replace("{a large payload}", "x" * (2 << 20))
    text = text.replace("{every mark}", "\n".join(mark.literal for mark in _CATALOG.wanted.marks))
    for tool in _CATALOG.tools:
        literals = [mark.literal for mark in tool.marks]
        text = text.replace(f"{{marks {tool.id}}}", "\n".join(literals))
        text = text.replace(f"{{mark {tool.id}}}", literals[0] if literals else "")
    return text


def _program_with(what: What, place: Place) -> None:
    """A native program whose data holds a text."""
    target = place.home / "bin" / what.get("name", "scanner")
    target.parent.mkdir(parents=True)
    target.write_bytes(Path(_SLEEP).read_bytes() + _filled(what["program with"]).encode() + b"\0")
    target.chmod(0o755)


def _core_dump(what: What, place: Place) -> None:
    """What the kernel writes of a program that crashed: an ELF file, in it all that the program held."""
    program = next(
        p for p in npm_prefix(what["core dump of"]).rglob("claude") if p.stat().st_size > 50_000_000
    )
    target = place.home / "work/core.4711"
    target.parent.mkdir()
    shutil.copyfile(program, target)
    with target.open("r+b") as file:
        file.seek(16)
        file.write(struct.pack("<H", 4))  # ET_CORE
    target.chmod(0o755)


def _git_pack(what: What, place: Place) -> None:
    """A repository that holds our catalog, packed."""
    project = place.home / "work" / "rules"
    project.mkdir(parents=True)
    (project / "marks.txt").write_text(_filled(what["git pack"]))
    git = ("git", "-C", str(project), "-c", "user.name=x", "-c", "user.email=x@example.org")
    for words in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "marks"), ("gc", "-q")):
        fetched(*git, *words)
    bin_folder = place.home / "bin"
    bin_folder.mkdir()
    for pack in project.glob(".git/objects/pack/*.pack"):
        shutil.copyfile(pack, bin_folder / "claude")
        (bin_folder / "claude").chmod(0o755)


def _our_catalog(what: What, place: Place) -> None:
    """This agent's own catalog, as the wheel brings it, in a folder of programs."""
    import aipolicy.tools

    folder = Path(aipolicy.tools.__file__).parent
    target = place.home / what["our catalog at"]
    shutil.copytree(folder, target)
    for file in target.glob("*"):
        file.chmod(0o755)


_HELLO = "console.log('hello');\nsetTimeout(() => 0, 600000);\n"


def _bun_hello(what: What, place: Place) -> int:
    """A hello world compiled by bun: the runtime has the name of an AI tool's package in it."""
    bun = next(node_clients().glob("@oven/bun-linux-*/bin/bun"), None)
    if bun is None:
        pytest.skip("bun has no program for this processor")
    target = place.home / "bin" / what["bun hello"]
    target.parent.mkdir(parents=True)
    (place.home / "hello.js").write_text(_HELLO)
    fetched(str(bun), "build", "--compile", f"{place.home}/hello.js", "--outfile", str(target))
    return place.run(target)


def _node_hello(what: What, place: Place) -> int:
    """A hello world as a single executable of node: https://nodejs.org/api/single-executable-applications.html"""
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    postject = npm_prefix("postject@1.0.0-alpha.6") / "lib/node_modules/postject/dist/cli.js"
    folder = place.home / "bin"
    folder.mkdir()
    target = folder / what["node hello"]
    (place.home / "hello.js").write_text(_HELLO)
    config = {"main": f"{place.home}/hello.js", "output": f"{place.home}/hello.blob"}
    (place.home / "sea.json").write_text(json.dumps(config))
    fetched(node, "--experimental-sea-config", f"{place.home}/sea.json")
    shutil.copyfile(node, target)
    target.chmod(0o755)
    fuse = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2"
    fetched(
        node, str(postject), str(target), "NODE_SEA_BLOB", f"{place.home}/hello.blob", "--sentinel-fuse", fuse
    )
    return place.run(target)


def _electron_app(what: What, place: Place) -> None:
    """An Electron-like application: a program, and an asar archive with the text in a file."""
    folder = place.home / "apps" / what["electron"]
    (folder / "resources").mkdir(parents=True)
    shutil.copyfile(_SLEEP, folder / what["electron"])
    (folder / what["electron"]).chmod(0o755)
    content = _filled(what["with"]).encode()
    header = json.dumps({"files": {"main.js": {"size": len(content), "offset": "0"}}}).encode()
    padded = header + b"\0" * (-len(header) % 4)
    sizes = struct.pack("<4I", 4, len(padded) + 8, len(padded) + 4, len(header))
    (folder / "resources" / "app.asar").write_bytes(sizes + padded + content)


def _appimage(what: What, place: Place) -> None:
    """A program of one's own as an AppImage, which carries another one along."""
    target = place.home / "Applications/Notes.AppImage"
    target.parent.mkdir()
    program = Path(_SLEEP).read_bytes() + b"\0" * (2 << 20)
    carried = program + _filled(what["appimage"]).encode()
    appimage(target, {"AppRun": "usr/bin/notes", "usr/bin/notes": program, "usr/lib/claude": carried})


def _zipapp(what: What, place: Place) -> None:
    """A Python program as one archive, with our marks in it."""
    source = place.home / "source"
    source.mkdir()
    (source / "__main__.py").write_text(f"RULES = {_filled(what['zipapp'])!r}\nprint(len(RULES))\n")
    (place.home / "bin").mkdir()
    fetched("python3", "-m", "zipapp", str(source), "-p", "/usr/bin/python3", "-o", f"{place.home}/bin/scan")


def _zipapp_around(what: What, place: Place) -> None:
    """A Python program as one archive, in which a package lies that it uses."""
    source = place.home / "source"
    pip = str(python_clients() / "pip")
    fetched(pip, "install", "--quiet", f"--target={source}", str(wheel(what["zipapp around"])))
    (source / "__main__.py").write_text(what["starts"])
    (place.home / "bin").mkdir()
    fetched(
        "python3", "-m", "zipapp", str(source), "-p", "/usr/bin/python3", "-o", f"{place.home}/bin/report"
    )
    shutil.rmtree(source)


def _left_after_removal(what: What, place: Place) -> None:
    """What npm leaves of a project whose package lost its program: everything but that file."""
    prefix = npm_prefix(what["without its code"])
    target = place.home / ".npm-global"
    tree_of_links(prefix, target)
    for path in target.rglob(what["removed"]):
        if path.is_file() and not path.is_symlink():
            path.unlink()


def _project(what: What, place: Place) -> None:
    """A library that speaks to a model, in a project of one's own."""
    tree_of_links(npm_prefix(what["npm project"]) / "lib/node_modules", place.home / "work/shop/node_modules")


MAKERS: dict[str, Maker] = {
    "npm": _npm,
    "npm project": _project,
    "pypi": _pypi,
    "deb": _deb,
    "sleep called": _sleep_called,
    "command": _command,
    "given the tool": _given_the_tool,
    "files": _files,
    "program with": _program_with,
    "core dump of": _core_dump,
    "git pack": _git_pack,
    "our catalog at": _our_catalog,
    "bun hello": _bun_hello,
    "node hello": _node_hello,
    "electron": _electron_app,
    "appimage": _appimage,
    "zipapp": _zipapp,
    "zipapp around": _zipapp_around,
    "without its code": _left_after_removal,
}
