"""Which files a script names as those that it loads."""

from pathlib import Path

import pytest

from aipolicy.examine import open_regular
from aipolicy.examine.imports import MOST_NAMES, ImportSearch
from installed import put

LOADS = {
    'import "./a.js"': "a.js",
    "import './a.js'": "a.js",
    'import{a as b,c}from"./chunk-X2.js";': "chunk-X2.js",
    'import * as all from "../lib/d.mjs"': "../lib/d.mjs",
    'import f, {\n  g,\n} from\n  "./e.js"': "e.js",
    'export*from"./f.js"': "f.js",
    'export { g } from "./deep/g.ts";': "deep/g.ts",
    'await import("./h.js")': "h.js",
    "import(`./i.js`)": "i.js",
    'import(/* webpackChunkName: "j" */ "./j.js")': "j.js",
    'import(new URL("./k.js", import.meta.url))': "k.js",
    'if (await tryImport("./dist/l.js")) {': "dist/l.js",
    'const m = require("./m.cjs")': "m.cjs",
    'var n=__require("./n.js");': "n.js",
    'require("../o")': "../o",
    'createRequire(import.meta.url)("./p.js")': "p.js",
    'require(__dirname + "/q.js")': "q.js",
    'require(path.join(__dirname, "..", "lib", "r.js"))': "../lib/r.js",
    'import(require("path").join(__dirname, "rr.js"))': "rr.js",
    'require(l.join(__dirname,"s.js"))': "s.js",
    'new Worker(new URL("./ss.js", import.meta.url))': "ss.js",
    'import "./t.js?v=2#x"': "t.js",
    'import "./%75.js"': "u.js",
    'import ".//v/./w/../x.js"': "v/x.js",
}
LOADS_NOTHING = [
    'import "@google/gemini-cli"',
    'import claude from "@anthropic-ai/claude-code"',
    'require("@anthropic-ai/claude-code/cli.js")',
    'import "node:fs"',
    'import "/opt/tool/cli.js"',
    'import "./" + name',
    'const at = "./a.js"',
    'readFileSync("./a.js")',
    'spawn("node", ["./a.js"])',
    'import "./a',
    'import "./',
    'require("./a\nb")',
    "from ./a.js import b",
    "#!/bin/sh\n. ./a.sh\n",
    "#!/usr/bin/env python3\nfrom .a import b\nimport os\n",
]


def names(text: str | bytes, tmp_path: Path) -> tuple[str, ...]:
    path = put(tmp_path / "script", text if isinstance(text, bytes) else text.encode())
    with open_regular(path) as file:
        return ImportSearch().search(file, 1 << 30)


@pytest.mark.parametrize(("text", "name"), LOADS.items())
def test_what_is_named_relative_to_the_script_is_loaded(text: str, name: str, tmp_path: Path) -> None:
    assert names(text, tmp_path) == (name,)


@pytest.mark.parametrize("text", LOADS_NOTHING)
def test_a_library_a_text_and_a_name_made_at_run_time_are_not(text: str, tmp_path: Path) -> None:
    assert names(text, tmp_path) == ()


def test_each_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = 'import"./b.js";import"./a.js";import("./b.js");' + " " * 3_000_000 + 'export*from"./c.js"'
    assert names(text, tmp_path) == ("b.js", "a.js", "c.js")


def test_a_file_of_nothing_but_names_is_bounded(tmp_path: Path) -> None:
    many = "".join(f'import"./{number}.js"\n' for number in range(MOST_NAMES * 3))
    assert len(names(many, tmp_path)) == MOST_NAMES


@pytest.mark.parametrize("text", [b"", b'import"./', b'import"./\xff\xfe.js"', b'"./' * 10_000, b"\0" * 100])
def test_garbage_names_at_most_garbage(text: bytes, tmp_path: Path) -> None:
    assert len(names(text, tmp_path)) <= 1
