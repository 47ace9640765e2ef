"""On a real kernel: a tool whose code was made anew or changed, and what is still seen of it."""

import base64
import gzip
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from aipolicy.examine import Examiner
from machine.real_packages import npm_prefix
from machine.ways import CATALOG, CLAUDE, WAITS_CJS, Way, filled, seen
from machine_needs import NEEDS_LINUX, Started

pytestmark = [NEEDS_LINUX, pytest.mark.skipif(shutil.which("node") is None, reason="needs node")]

MARKS = [mark.literal for tool in CATALOG.tools if tool.id == "claude-code" for mark in tool.marks]


def test_built_anew_and_minified(place: Path, started: Started, examiner: Examiner) -> None:
    """Names of variables change, strings stay."""
    esbuild = npm_prefix("esbuild@0.28.2") / "bin/esbuild"
    target = place / "minified.mjs"
    built = subprocess.run(
        [esbuild, "notes.mjs", "--minify", "--format=esm", "--platform=node", f"--outfile={target}"],
        cwd=place, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if built.returncode:
        pytest.skip(f"esbuild does not build it: {built.stderr[-200:]}")
    assert target.stat().st_size != (place / "notes.mjs").stat().st_size
    assert seen(Way(f"node {target}"), place, started, examiner) == CLAUDE


def test_compiled_into_one_program(place: Path, started: Started, examiner: Examiner) -> None:
    built = subprocess.run(
        [filled("{bun}", place), "build", "--compile", "notes.mjs", "--outfile", "compiled"],
        cwd=place, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if built.returncode:
        pytest.skip(f"bun does not compile it: {built.stderr[-200:]}")
    assert seen(Way("./compiled"), place, started, examiner) == CLAUDE


def test_its_marks_patched_away_escapes(place: Path, started: Started, examiner: Examiner) -> None:
    """What `sed` does to a copy. In the tool's own package the package still says it."""
    code = (place / "notes.mjs").read_text()
    for mark in MARKS:
        code = code.replace(mark, mark[::-1])
    assert len(code) == len((place / "notes.mjs").read_text())
    (place / "patched.mjs").write_text(code)
    assert seen(Way("node patched.mjs"), place, started, examiner) == ()
    package = place / "patched/node_modules/@anthropic-ai/claude-code"
    shutil.copytree(place / "node_modules/@anthropic-ai/claude-code", package)
    (package / "cli.js").write_text(code)
    assert seen(Way(f"node {package}/cli.js"), place, started, examiner) == CLAUDE


def test_obfuscated_escapes(place: Path, started: Started, examiner: Examiner) -> None:
    """Its strings encoded. The whole of Claude Code takes hours; this is a program with its strings."""
    plain = place / "plain.js"
    as_large = f"/*{'x' * 1_000_000}*/"
    plain.write_text(f"const said = {json.dumps(MARKS)};\nglobalThis.said = said;\n{WAITS_CJS}{as_large}")
    assert seen(Way("node plain.js"), place, started, examiner) == CLAUDE
    obfuscator = npm_prefix("javascript-obfuscator@5.8.0") / "bin/javascript-obfuscator"
    hidden = ("--string-array-encoding", "base64", "--string-array-threshold", "1", "--split-strings", "true")
    subprocess.run(
        [obfuscator, "plain.js", "--output", "hidden.js", *hidden],
        cwd=place, check=True, capture_output=True,
    )  # fmt: skip
    with (place / "hidden.js").open("a") as file:
        file.write(as_large)
    assert seen(Way("node hidden.js"), place, started, examiner) == ()


def test_packed_escapes(place: Path, started: Started, examiner: Examiner) -> None:
    """A script that unpacks another one into memory and runs it."""
    packed = base64.b64encode(gzip.compress((place / "notes.mjs").read_bytes())).decode()
    (place / "packed.mjs").write_text(
        "import zlib from 'node:zlib';\n"
        f"const code = zlib.gunzipSync(Buffer.from('{packed}', 'base64'));\n"
        "import { writeFileSync, unlinkSync } from 'node:fs';\n"
        "writeFileSync('./unpacked.mjs', code); setTimeout(() => unlinkSync('./unpacked.mjs'), 9);\n"
        "await import('./' + 'unpacked.mjs');\n"
    )
    assert seen(Way("node packed.mjs"), place, started, examiner) == ()
