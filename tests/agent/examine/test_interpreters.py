"""Given what stands in a program, then whether it is an interpreter; what is made from one is none."""

import json
from pathlib import Path

import pytest

from aipolicy.core.model import FileFacts
from aipolicy.core.tool import Mark
from aipolicy.examine import Examiner
from aipolicy.examine.data import PIECE_BYTES

ELF = b"\x7fELF" + bytes(60)
NODE = b"node [options] [ script.js ]\0internal/main/run_main_module\0"
FUSE = b"NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2:"
BUN = b"Usage: bun <command>\0\n---- Bun! ----\n\0"
PYTHON = b"Py_BytesMain\0"
USAGE = b"usage: %ls [option] ... [-c cmd | -m mod | file | -] [arg] ...\0"
LOADER = b"--inhibit-rpath LIST\0EXECUTABLE-FILE [ARGS-FOR-PROGRAM...]\0"

PROGRAMS = {
    "node": (NODE + FUSE + b"0", "node"),
    "a single executable of node": (NODE + FUSE + b"1", None),
    "Electron": (NODE + b"ELECTRON_RUN_AS_NODE\0", None),
    "made by pkg": (NODE + b"PKG_EXECPATH\0", None),
    "half of node": (NODE[:30], None),
    "bun": (BUN, "bun"),
    "made by bun": (BUN + bytes(100) + b"\n---- Bun! ----\n", None),
    "made by bun, cut between two pieces": (
        BUN + bytes(PIECE_BYTES - len(ELF + BUN) - 7) + b"\n---- Bun! ----\n",
        None,
    ),
    "python": (PYTHON + USAGE + bytes(1_000_000), "python"),
    "python before its library": (PYTHON, "python"),
    "a program with Python in it": (PYTHON + bytes(1_000_000), None),
    "made by PyInstaller": (PYTHON + USAGE + b"_MEIPASS\0", None),
    "ld.so": (LOADER, "loader"),
    "musl's ld.so": (b"musl libc (x86_64)\nVersion %s\nDynamic Program Loader\n", "loader"),
    "deno": (b"A modern JavaScript and TypeScript runtime\0ext:runtime_main/js/99_main.js\0", "deno"),
    "made by deno": (b"ext:runtime_main/js/99_main.js\0", None),
    "pypy before its library": (b"pypy_main_startup\0", "python"),
    "a library of pypy": (b"pypy_main_startup\0" + bytes(1_000_000), None),
    "another program": (b"hello", None),
}


def facts(path: Path, *marks: Mark) -> FileFacts:
    found = Examiner(marks=marks).file(str(path))
    assert isinstance(found, FileFacts)
    return found


@pytest.mark.parametrize("kind", PROGRAMS)
def test_a_program_is_known_by_what_stands_in_it(tmp_path: Path, kind: str) -> None:
    content, family = PROGRAMS[kind]
    (tmp_path / "x").write_bytes(ELF + content)
    assert facts(tmp_path / "x").interpreter == family


def test_a_script_that_speaks_of_an_interpreter_is_none(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"#!/bin/sh\n" + NODE)
    assert facts(tmp_path / "x").interpreter is None


def test_the_strings_of_interpreters_are_no_marks_of_a_tool(tmp_path: Path) -> None:
    own = Mark(id="tool:its-own", literal="its-own")
    (tmp_path / "x").write_bytes(ELF + NODE + b"its-own")
    assert facts(tmp_path / "x", own).marks == ("tool:its-own",)


@pytest.mark.parametrize(("name", "named"), [("cli.js", True), ("hook.js", False)])
def test_of_a_package_only_its_programs_count_where_another_program_loads_them(
    tmp_path: Path, name: str, named: bool
) -> None:
    """A tool's hook in another program does not make that program the tool."""
    folder = tmp_path / "node_modules/tool"
    folder.mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps({"name": "tool", "bin": "cli.js"}))
    (folder / name).write_text("x")
    examiner = Examiner(marks=())
    found, as_script = examiner.loaded(f"{folder}/{name}"), examiner.script(f"{folder}/{name}")
    assert isinstance(found, FileFacts)
    assert isinstance(as_script, FileFacts)
    assert (found.package is not None) is named
    assert as_script.package is not None
