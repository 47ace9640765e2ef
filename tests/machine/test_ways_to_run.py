"""On a real kernel, with real packages: every way to run a tool, and what is seen of it.

The table "Running" in docs/limitations.md says the same in words. The tools are stopped in their first line.
"""

import os
import select
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from aipolicy.core.identify import identify
from aipolicy.core.model import Finding, Process
from aipolicy.examine import Examiner, examiner_for
from aipolicy.observe.processes import with_facts
from aipolicy.platforms import this_machine
from aipolicy.tools import load
from machine.install_forms import node_clients
from machine.real_packages import aider_wheel, npm_prefix, script_claude
from machine_needs import LONG_S, NEEDS_LINUX, NEEDS_ROOT, Child, Started

pytestmark = [
    NEEDS_LINUX,
    pytest.mark.skipif(shutil.which("node") is None, reason="needs node"),
]

CATALOG = load()
WAITS_JS = "\nconsole.log('up'); await new Promise(done => setTimeout(done, 600000));\n"
WAITS_CJS = "console.log('up'); setTimeout(() => 0, 600000);\n"
WAITS_PY = "import time; print('up', flush=True); time.sleep(600)\n"


@pytest.fixture
def started() -> Iterator[Started]:
    with Started() as children:
        yield children


@pytest.fixture(scope="module")
def examiner() -> Examiner:
    return examiner_for(CATALOG)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the tools, some renamed interpreters, and innocent programs."""
    here = tmp_path_factory.mktemp("ways")
    _claude(here / "node_modules/@anthropic-ai/claude-code")
    shutil.copy(here / "node_modules/@anthropic-ai/claude-code/cli.js", here / "notes.mjs")
    gemini = here / "node_modules/@google/gemini-cli"
    (gemini / "bundle").mkdir(parents=True)
    (gemini / "package.json").write_text(
        '{"name": "@google/gemini-cli", "version": "1.2.3", "bin": {"gemini": "bundle/gemini.js"}}'
    )
    (gemini / "bundle/gemini.js").write_text(WAITS_CJS)
    (gemini / "hook.js").write_text("")
    (here / "hook.cjs").write_text("")
    (here / "app.js").write_text(WAITS_CJS)
    site = here / "site-packages"
    with zipfile.ZipFile(aider_wheel()) as wheel:
        wheel.extractall(site)
    for name in ("__init__.py", "__main__.py"):
        code = (site / "aider" / name).read_text()
        (site / "aider" / name).write_text(WAITS_PY + code)
    (here / "app.py").write_text(WAITS_PY)
    shutil.copy(os.path.realpath(shutil.which("node") or ""), here / "mynode")
    yield here
    shutil.rmtree(here)  # half a gigabyte


def _claude(folder: Path) -> None:
    folder.mkdir(parents=True)
    real = script_claude()
    shutil.copy(real.parent / "package.json", folder)
    first, _, rest = real.read_text().partition("\n")
    (folder / "cli.js").write_text(first + WAITS_JS + rest)


class Way(NamedTuple):
    """A way to run something. said: (tool, confidence) of each finding."""

    command: str
    said: tuple[tuple[str, str], ...] = ()


CLAUDE = (("claude-code", "certain"),)
GEMINI = (("gemini-cli", "certain"),)
AIDER = (("aider", "certain"),)
CLI = "{here}/node_modules/@anthropic-ai/claude-code/cli.js"
SITE = "PYTHONPATH={here}/site-packages"
PYTHON = os.path.realpath(sys.executable)

ENDED = {
    # the script is an option
    "node --import": Way(f"node --import {CLI}", CLAUDE),
    "node --import=": Way(f"node --import={CLI}", CLAUDE),
    "node --import, before another script": Way(f"node --import {CLI} app.js", CLAUDE),
    "node --import, of a URL": Way(f"node --import file://{CLI} app.js", CLAUDE),
    "node --import, relative, a copy": Way("node --import ./notes.mjs", CLAUDE),
    "node --import, by the package's name": Way("node --import @google/gemini-cli/bundle/gemini.js", GEMINI),
    "node --import, with code": Way(f"node --import {CLI} -e 0", CLAUDE),
    "node -r": Way("node -r ./node_modules/@google/gemini-cli/bundle/gemini.js", GEMINI),
    "node --require, no ending": Way("node --require @google/gemini-cli/bundle/gemini app.js", GEMINI),
    "bun --preload": Way("{bun} --preload ./node_modules/@google/gemini-cli/bundle/gemini.js app.js", GEMINI),
    "bun run": Way("{bun} run ./node_modules/@google/gemini-cli/bundle/gemini.js", GEMINI),
    # an interpreter under another name
    "renamed node": Way(f"./mynode {CLI}", CLAUDE),
    "renamed node, an option": Way(f"./mynode --no-warnings {CLI}", CLAUDE),
    "renamed node --import": Way(f"./mynode --import {CLI}", CLAUDE),
    "renamed bun": Way("{mybun} ./node_modules/@google/gemini-cli/bundle/gemini.js", GEMINI),
    "renamed python": Way("{mypython} ./site-packages/aider/__main__.py", AIDER),
    "renamed python -m": Way("{venv}/bin/tool -m aider", AIDER),
    "renamed ld.so": Way("{myloader} {node} " + CLI, CLAUDE),
    # modules that run what they are told
    "python -m pdb": Way("{python} -m pdb -c continue ./site-packages/aider/__main__.py", AIDER),
    "python -m cProfile": Way("{python} -m cProfile -o out ./site-packages/aider/__main__.py", AIDER),
    "python -m cProfile -m": Way("{venv}/bin/python -m cProfile -m aider", AIDER),
    "python -m runpy": Way("{venv}/bin/python -m runpy aider", AIDER),
    "python -m trace": Way("{python} -m trace --count -C out ./site-packages/aider/__main__.py", AIDER),
}

INNOCENT = {
    "a hook": Way("node -r ./hook.cjs app.js"),
    "a tool's own hook in another program": Way("node -r @google/gemini-cli/hook.js app.js"),
    "a renamed node": Way("./mynode app.js"),
    "a renamed python": Way("{mypython} ./app.py"),
    "a program made by bun, given the tool's file": Way("{bunapp} " + CLI),
    "a program made by node, given the tool's file": Way("{seaapp} " + CLI),
}

ESCAPES = {
    "NODE_OPTIONS": Way(f"env NODE_OPTIONS=--import={CLI} node app.js"),
    "node -e": Way(f"node -e import('{CLI}')"),
    "PYTHONPATH with -m": Way(f"env {SITE} {{python}} -m aider", (("aider", "possible"),)),
    "renamed ld.so, renamed node": Way("{myloader} ./mynode " + CLI),
    "python -c": Way(f"env {SITE} {{python}} -c __import__('aider.main')"),
}


@pytest.mark.parametrize("way", ENDED.values(), ids=ENDED)
def test_a_tool_run_this_way_is_certain(way: Way, place: Path, started: Started, examiner: Examiner) -> None:
    assert seen(way, place, started, examiner) == way.said


@pytest.mark.parametrize("way", INNOCENT.values(), ids=INNOCENT)
def test_what_is_no_tool_is_nothing(way: Way, place: Path, started: Started, examiner: Examiner) -> None:
    assert seen(way, place, started, examiner) == ()


@pytest.mark.parametrize("way", ESCAPES.values(), ids=ESCAPES)
def test_this_way_still_escapes(way: Way, place: Path, started: Started, examiner: Examiner) -> None:
    """The environment and typed-in code are not read: docs/limitations.md."""
    assert seen(way, place, started, examiner) == way.said


@NEEDS_ROOT
def test_in_a_container_the_finding_says_so(place: Path, started: Started, examiner: Examiner) -> None:
    """A file that only its own mount namespace has at that place, read through /proc/PID/root."""
    (place / "app").mkdir()
    inner = f"{place}/app/@anthropic-ai/claude-code/cli.js"
    script = f"mount --bind {place}/node_modules {place}/app && exec node {inner}"
    child = started.run(["unshare", "-m", "sh", "-c", script], stdin=subprocess.DEVNULL)
    _await_up(child)
    assert not os.path.exists(inner)
    [finding] = findings(child.pid, examiner)
    assert (finding.tool, finding.confidence.value) == CLAUDE[0]
    assert (finding.path, finding.form) == (inner, "process in another namespace")


def test_a_program_is_judged_by_the_bytes_that_run(place: Path, started: Started, examiner: Examiner) -> None:
    """Another program stands in its place by now."""
    shutil.copy(place / "mynode", place / "replaced")
    child = started.run(["./replaced", "notes.mjs"], cwd=place, stdin=subprocess.DEVNULL)
    _await_up(child)
    shutil.copy("/bin/true", place / "other")
    (place / "other").replace(place / "replaced")
    assert found(child.pid, examiner) == CLAUDE


def test_a_title_that_is_older_than_we_and_no_package_is_possible(
    place: Path, started: Started, examiner: Examiner
) -> None:
    """With the package installed it is likely: tests/agent/core/test_correlate.py."""
    (place / "titled.js").write_text("process.title = 'claude'; console.log('up'); setTimeout(() => 0, 6e5)")
    child = started.run(["node", "titled.js"], cwd=place)
    _await_up(child)
    assert found(child.pid, examiner) == (("claude-code", "possible"),)


# --- the machinery ---------------------------------------------------------------------------------------


def seen(way: Way, place: Path, started: Started, examiner: Examiner) -> tuple[tuple[str, str], ...]:
    """Run it until it says that it is up."""
    words = [_filled(word, place) for word in way.command.split()]
    child = started.run(words, cwd=place, stdin=subprocess.DEVNULL)
    _await_up(child)
    return found(child.pid, examiner)


def _await_up(child: Child) -> None:
    assert child.stdout is not None
    while select.select([child.stdout], [], [], LONG_S)[0]:
        line = child.stdout.readline()
        if line.endswith("up\n"):
            return
        assert line, "it ended"
    raise AssertionError("it says nothing")


def found(pid: int, examiner: Examiner) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({(f.tool, f.confidence.value) for f in findings(pid, examiner)}))


def findings(pid: int, examiner: Examiner) -> list[Finding]:
    machine = this_machine()
    process = machine.process(pid)
    assert isinstance(process, Process)
    looked = [one for one in with_facts(process, machine, examiner) if isinstance(one, Process)]
    return [finding for one in looked for finding in identify(one, CATALOG)]


def _filled(word: str, place: Path) -> str:
    for name, value in MAKERS.items():
        if "{" + name + "}" in word:
            word = word.replace("{" + name + "}", str(value(place)))
    return word


def _once(make: Callable[[Path], Path]) -> Callable[[Path], Path]:
    made: dict[Path, Path] = {}

    def once(place: Path) -> Path:
        if place not in made:
            made[place] = make(place)
        return made[place]

    return once


def _bun() -> Path:
    bun = next(node_clients().glob("@oven/bun-linux-*/bin/bun"), None)
    if bun is None:
        pytest.skip("bun has no program for this processor")
    return bun


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
    shutil.copy(place / "mynode", place / "seaapp")
    fuse = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2"
    subprocess.run(
        [str(prefix / "bin/postject"), "seaapp", "NODE_SEA_BLOB", "sea.blob", "--sentinel-fuse", fuse],
        cwd=place, check=True, capture_output=True,
    )  # fmt: skip
    return place / "seaapp"


MAKERS: dict[str, Callable[[Path], Path]] = {
    "here": lambda place: place,
    "venv": _once(_venv),
    "python": lambda _place: Path(PYTHON),
    "node": lambda _place: Path(os.path.realpath(shutil.which("node") or "")),
    "bun": lambda _place: _bun(),
    "mybun": _once(lambda place: Path(shutil.copy(_bun(), place / "mybun"))),
    "mypython": _once(_mypython),
    "myloader": _once(_loader),
    "bunapp": _once(_bunapp),
    "seaapp": _once(_seaapp),
}
