"""On a real kernel, with real packages: every way to run a tool, and what is seen of it.

The table "Running" in docs/limitations.md says the same in words. The tools are stopped in their first line.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from aipolicy.examine import Examiner
from machine.ways import (
    AIDER,
    CLAUDE,
    GEMINI,
    Way,
    await_up,
    begin,
    filled,
    findings,
    found,
    seen,
)
from machine_needs import NEEDS_LINUX, NEEDS_ROOT, Started

pytestmark = [
    NEEDS_LINUX,
    pytest.mark.skipif(shutil.which("node") is None, reason="needs node"),
]


ENDED = {
    # the script is an option
    "node --import": Way("node --import {cli}", CLAUDE),
    "node --import=": Way("node --import={cli}", CLAUDE),
    "node --import, before another script": Way("node --import {cli} app.js", CLAUDE),
    "node --import, of a URL": Way("node --import file://{cli} app.js", CLAUDE),
    "node --import, relative, a copy": Way("node --import ./notes.mjs", CLAUDE),
    "node --import, by the package's name": Way("node --import @google/gemini-cli/bundle/gemini.js", GEMINI),
    "node --import, with code": Way("node --import {cli} -e 0", CLAUDE),
    "node -r": Way("node -r {bundle}", GEMINI),
    "node --require, no ending": Way("node --require @google/gemini-cli/bundle/gemini app.js", GEMINI),
    "bun --preload": Way("{bun} --preload {bundle} app.js", GEMINI),
    "bun run": Way("{bun} run {bundle}", GEMINI),
    "bun -e": Way("{bun} -e \"import('{bundle}')\"", GEMINI),
    "node -e, import": Way("node -e \"import('{cli}')\"", CLAUDE),
    "node -p, require, no ending": Way("node -p \"require('@google/gemini-cli/bundle/gemini')\"", GEMINI),
    "node --eval, a thread": Way(
        "node --eval=\"new (require('worker_threads').Worker)('{bundle}')\"", GEMINI
    ),
    # options with and without values
    "node --env-file": Way("node --env-file /dev/null {cli}", CLAUDE),
    "node --env-file=": Way("node --env-file=/dev/null {cli}", CLAUDE),
    "node --experimental-...": Way("node --experimental-network-inspection {cli}", CLAUDE),
    "node --inspect": Way("node --inspect=0 {cli}", CLAUDE),
    "node --test": Way("node --test {bundle}", GEMINI),
    "deno run": Way("{deno} run -A {bundle}", GEMINI),
    "bun --smol": Way("{bun} --smol {bundle}", GEMINI),
    "python -X -W": Way("{python} -X dev -W ignore -u ./site-packages/aider/__main__.py", AIDER),
    "python -X -W -m": Way("{venv}/bin/python -X dev -W ignore -m aider", AIDER),
    "python -Im": Way("{venv}/bin/python -Im aider", AIDER),
    # the script is read from the input, or from a descriptor
    "node <": Way("sh -c 'exec node < {bundle}'", GEMINI),
    "node - <": Way("sh -c 'exec node --input-type=module - < {cli}'", CLAUDE),
    "renamed node <": Way("sh -c 'exec {mynode} < {bundle}'", GEMINI),
    "bun run - <": Way("sh -c 'exec {bun} run - < {bundle}'", GEMINI),
    "python <": Way("sh -c 'exec {python} < ./site-packages/aider/__main__.py'", AIDER),
    "a descriptor": Way("sh -c 'exec node /proc/self/fd/3 3< {bundle}'", GEMINI),
    "a descriptor of a deleted file": Way(
        "sh -c 'cp notes.mjs gone; exec 0< gone; rm gone; exec node --input-type=module'", CLAUDE
    ),
    # the code lies in files that the script loads
    "a script that imports it": Way("node imports.mjs", CLAUDE),
    "a script that imports a script that imports it": Way("node requires.cjs", CLAUDE),
    "a script that imports it, renamed node": Way("{mynode} ./imports.mjs", CLAUDE),
    "node --import, of a script that imports it": Way("node --import ./imports.mjs app.js", CLAUDE),
    "python -m, of a copied folder": Way("sh -c 'cd copied && exec {python} -m aider'", AIDER),
    "python, a script of a copied folder": Way("{python} copied/aider/__main__.py", AIDER),
    # an interpreter under another name
    "renamed node": Way("{mynode} {cli}", CLAUDE),
    "renamed node, an option": Way("{mynode} --no-warnings {cli}", CLAUDE),
    "renamed node --import": Way("{mynode} --import {cli}", CLAUDE),
    "renamed bun": Way("{mybun} {bundle}", GEMINI),
    "renamed python": Way("{mypython} ./site-packages/aider/__main__.py", AIDER),
    "renamed deno": Way("{mydeno} run -A {bundle}", GEMINI),
    "renamed python -m": Way("{venv}/bin/tool -m aider", AIDER),
    "renamed ld.so": Way("{myloader} {node} {cli}", CLAUDE),
    # modules and scripts that run what they are told
    "python -c": Way("{venv}/bin/python -c 'from aider.main import main; main()'", AIDER),
    "python -c, a module": Way("{venv}/bin/python -c 'import aider.main as a; a.main()'", AIDER),
    "python -c, runpy": Way("{venv}/bin/python -c 'import runpy; runpy.run_module(\"aider\")'", AIDER),
    "deno eval": Way("{deno} eval \"import('{bundle}')\"", GEMINI),
    "ts-node": Way("{ts-node} --transpile-only --compiler {typescript} {bundle}", GEMINI),
    "python -m pdb": Way("{python} -m pdb -c continue ./site-packages/aider/__main__.py", AIDER),
    "python -m cProfile": Way("{python} -m cProfile -o out ./site-packages/aider/__main__.py", AIDER),
    "python -m cProfile -m": Way("{venv}/bin/python -m cProfile -m aider", AIDER),
    "python -m runpy": Way("{venv}/bin/python -m runpy aider", AIDER),
    "python -m trace": Way("{python} -m trace --count -C out ./site-packages/aider/__main__.py", AIDER),
}

INNOCENT = {
    "a hook": Way("node -r ./hook.cjs app.js"),
    "a tool's own hook in another program": Way("node -r @google/gemini-cli/hook.js app.js"),
    "an application that depends on it": Way("node shop/main.mjs"),
    "a renamed node": Way("{mynode} app.js"),
    "code that quotes the import of the tool": Way(
        "node -e \"const help = 'import(\\'{cli}\\')'; console.log('up'); setTimeout(() => 0, 600000)\""
    ),
    "python -c that calls the tool's modules as a library": Way(
        '{venv}/bin/python -c \'import time; print("up", flush=True); time.sleep(600);'
        " from aider.repo import GitRepo; GitRepo()'"
    ),
    "python -c that only imports the tool": Way(
        "{venv}/bin/python -c 'import time; print(\"up\", flush=True); time.sleep(600); import aider.main'"
    ),
    "a renamed python": Way("{mypython} ./app.py"),
    "a renamed deno": Way("{mydeno} run -A app.js"),
    "code that names the tool, and runs none of it": Way(
        "node -e \"require('fs').statSync('{cli}'); console.log('up'); setTimeout(() => 0, 6e5)\""
    ),
    "code that asks for the tool's version": Way(
        "node -e \"require('@google/gemini-cli/package.json'); console.log('up'); setTimeout(() => 0, 6e5)\""
    ),
    "a script that reads the tool": Way("sh -c 'exec node app.js < {cli}'"),
    "a program made by bun, given the tool's file": Way("{bunapp} {cli}"),
    "a program made by node, given the tool's file": Way("{seaapp} {cli}"),
}

ESCAPES = {
    "a name made at run time": Way("node made.cjs"),
    "NODE_OPTIONS": Way("env NODE_OPTIONS=--import={cli} node app.js"),
    "a pipe": Way("sh -c 'cat {bundle} | node'"),
    "the REPL": Way("sh -c '(echo .load {bundle}; sleep 600) | node -i'"),
    "code that hides the name": Way("node -e \"import(''+'{cli}')\""),
    "a script that imports it by a name made up": Way("node other.mjs {cli}"),
    "BUN_BE_BUN": Way("env BUN_BE_BUN=1 {bunapp} {bundle}"),
    "PYTHONPATH with -m": Way("env {path} {python} -m aider", (("aider", "possible"),)),
    "renamed ld.so, renamed node": Way("{myloader} {mynode} {cli}"),
    "python -c, a name made up": Way("env {path} {python} -c \"__import__('aider.main')\""),
}


@pytest.mark.parametrize("way", ENDED.values(), ids=ENDED)
def test_a_tool_run_this_way_is_certain(way: Way, place: Path, started: Started, examiner: Examiner) -> None:
    assert seen(way, place, started, examiner) == way.said


@pytest.mark.parametrize("way", INNOCENT.values(), ids=INNOCENT)
def test_what_is_no_tool_is_nothing(way: Way, place: Path, started: Started, examiner: Examiner) -> None:
    assert seen(way, place, started, examiner) == ()


@pytest.mark.parametrize("way", ESCAPES.values(), ids=ESCAPES)
def test_this_way_still_escapes(way: Way, place: Path, started: Started, examiner: Examiner) -> None:
    """The environment is not read; code typed in only for what it imports in so many words."""
    assert seen(way, place, started, examiner) == way.said


@NEEDS_ROOT
def test_in_a_container_the_finding_says_so(place: Path, started: Started, examiner: Examiner) -> None:
    """A file that only its own mount namespace has at that place, read through /proc/PID/root."""
    (place / "app").mkdir()
    inner = f"{place}/app/@anthropic-ai/claude-code/cli.js"
    script = f"mount --bind {place}/node_modules {place}/app && exec node {inner}"
    child = started.run(["unshare", "-m", "sh", "-c", script], stdin=subprocess.DEVNULL)
    await_up(child)
    assert not os.path.exists(inner)
    [finding] = findings(child.pid, examiner)
    assert (finding.tool, finding.confidence.value) == CLAUDE[0]
    container = f"ns-{os.stat(f'/proc/{child.pid}/ns/mnt').st_ino}"
    assert (finding.path, finding.form) == (f"{container}:{inner}", "process in another namespace")


def test_a_program_is_judged_by_the_bytes_that_run(place: Path, started: Started, examiner: Examiner) -> None:
    """Another program stands in its place by now."""
    shutil.copy(filled("{mynode}", place), place / "replaced")
    child = started.run(["./replaced", "notes.mjs"], cwd=place, stdin=subprocess.DEVNULL)
    await_up(child)
    shutil.copy("/bin/true", place / "other")
    (place / "other").replace(place / "replaced")
    assert found(child.pid, examiner) == CLAUDE


def test_an_update_during_a_run_changes_nothing(place: Path, started: Started, examiner: Examiner) -> None:
    """npm puts a new folder in place of the package's; what runs is the older version of the same tool."""
    package = place / "updated/node_modules/@anthropic-ai/claude-code"
    shutil.copytree(place / "node_modules/@anthropic-ai/claude-code", package)
    child = begin(Way(f"node {package}/cli.js"), place, started)
    shutil.copytree(package, place / "newer")
    with (place / "newer/cli.js").open("a") as script:
        script.write("// newer\n")
    shutil.rmtree(package)
    (place / "newer").rename(package)
    assert found(child.pid, examiner) == CLAUDE


def test_a_script_overwritten_after_its_start_is_taken_for_what_it_became(
    place: Path, started: Started, examiner: Examiner
) -> None:
    """docs/limitations.md says why: to doubt each file that is newer would be a way out for any tool."""
    script = place / "became.mjs"
    shutil.copy(place / "app.js", script)
    child = begin(Way("node became.mjs"), place, started)
    assert found(child.pid, examiner) == ()
    shutil.copy(place / "notes.mjs", script)
    assert found(child.pid, examiner) == CLAUDE


def test_a_title_that_is_older_than_we_and_no_package_is_possible(
    place: Path, started: Started, examiner: Examiner
) -> None:
    """With the package installed it is likely: tests/agent/core/test_correlate.py."""
    (place / "titled.js").write_text("process.title = 'claude'; console.log('up'); setTimeout(() => 0, 6e5)")
    child = started.run(["node", "titled.js"], cwd=place)
    await_up(child)
    assert found(child.pid, examiner) == (("claude-code", "possible"),)
