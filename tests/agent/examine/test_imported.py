"""A script is judged together with the files that it loads: real folders, and what users put there."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aipolicy.core.content import is_proof
from aipolicy.core.model import FileFacts
from aipolicy.core.tool import Mark
from aipolicy.examine.imported import MOST_FILES
from hostile import UNREADABLE
from installed import examiner, put
from machine_needs import NEEDS_LINUX, NEEDS_ROOT

pytestmark = NEEDS_LINUX

LITERALS = [f"notes_tool_mark_{letter}" for letter in "abcdef"]
MARKS = tuple(Mark(id=f"notes:{literal}", literal=literal) for literal in LITERALS)
LARGE = b"\n// " + b"x" * 1_000_000
CODE = b"const a = 'notes_tool_mark_a', b = 'notes_tool_mark_b';" + LARGE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    return tmp_path / "code"


def look(script: Path) -> FileFacts:
    found = examiner(marks=MARKS).script(str(script))
    assert isinstance(found, FileFacts)
    return found


@contextmanager
def elsewhere(prepare: str) -> Iterator[str]:
    """The root of a process in a mount namespace of its own, in which these commands were run."""
    with subprocess.Popen(["unshare", "-m", "sh", "-c", f"{prepare} && exec sleep 600"]) as child:
        try:
            yield f"/proc/{child.pid}/root"
        finally:
            child.kill()


def loaded(facts: FileFacts, folder: Path) -> list[str]:
    return [os.path.relpath(part.path, folder) for part in facts.imported]


# --- found -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ('#!/usr/bin/env node\nimport "./index.js"', "index.js"),
        ('import{run as a}from"./chunks/chunk-A1.js";a()', "chunks/chunk-A1.js"),
        ('require("../lib/main")', "../lib/main.js"),
        ('require("../lib")', "../lib/index.js"),
        ('import "./main.js"', "main.ts"),
        ('require("./main.dat")', "main.dat"),
        ('await import("./main")', "main"),
    ],
)
def test_an_entry_script_is_what_it_loads(entry: str, code: str, folder: Path) -> None:
    put(folder / code, CODE)
    facts = look(Path(put(folder / "cli.js", entry.encode())))
    assert loaded(facts, folder) == [code]
    assert facts.marks == ()
    assert is_proof(facts)


def test_through_other_files_that_hold_nothing_and_in_a_circle(folder: Path) -> None:
    put(folder / "cli.js", b'import "./one.js"')
    put(folder / "one.js", b'export * from "./deep/two.js"; import "./cli.js"; import "./gone.js"')
    put(folder / "deep/two.js", b'import "../one.js"; import "../code.js"')
    put(folder / "code.js", CODE)
    assert loaded(look(folder / "cli.js"), folder) == ["code.js"]


def test_the_code_of_a_tool_in_many_small_files(folder: Path) -> None:
    put(folder / "cli.js", b"".join(b'import "./%d.js";' % number for number in range(6)))
    for number, literal in enumerate(LITERALS):
        put(folder / f"{number}.js", literal.encode())
    facts = look(folder / "cli.js")
    assert loaded(facts, folder) == ["0.js", "1.js", "2.js", "3.js"]  # with them it is proof
    assert is_proof(facts)


def test_an_installed_program_too(folder: Path) -> None:
    put(folder / "code.js", CODE)
    path = put(folder / "notes", b'#!/usr/bin/env node\nimport "./code.js"')
    found = examiner(marks=MARKS).file(path)
    assert isinstance(found, FileFacts)
    assert is_proof(found)


@NEEDS_ROOT
def test_in_a_container(folder: Path) -> None:
    """Below /proc/PID/root, where the same names may mean other files."""
    put(folder / "code.js", CODE)
    put(folder / "cli.js", b'import "./code.js"')
    (folder.parent / "app").mkdir()
    with elsewhere(f"mount --bind {folder} {folder.parent}/app") as root:
        script = f"{folder.parent}/app/cli.js"
        while not os.path.exists(root + script):
            time.sleep(0.01)
        found = examiner(marks=MARKS).script(root + script)
    assert isinstance(found, FileFacts)
    assert [part.path for part in found.imported] == [f"{folder.parent}/app/code.js"]
    assert is_proof(found)


# --- not stale -------------------------------------------------------------------------------------------


def test_a_neighbour_that_changes_changes_the_script(folder: Path) -> None:
    looking = examiner(marks=MARKS)
    path = put(folder / "cli.js", b'import "./code.js"')

    def proven() -> bool:
        found = looking.script(path)
        return isinstance(found, FileFacts) and is_proof(found)

    assert not proven()
    put(folder / "code.js", CODE)
    assert proven()
    put(folder / "code.js", b"innocent")
    assert not proven()
    put(folder / "code.js", b'import "./more.js"')
    put(folder / "more.js", CODE)
    assert proven()


def test_a_second_look_reads_nothing(folder: Path) -> None:
    put(folder / "code.js", CODE)
    put(folder / "other.js", b"export const x = 1")
    looking = examiner(marks=MARKS)
    path = put(folder / "cli.js", b'import "./other.js"; import "./code.js"')
    first = looking.script(path)
    read = looking.bytes_read
    assert looking.script(path) == first
    assert looking.bytes_read == read


# --- innocent --------------------------------------------------------------------------------------------


def innocents(folder: Path) -> Iterator[tuple[str, bytes]]:
    every = b"\n".join(literal.encode() for literal in LITERALS)
    put(folder / "node_modules/notes/cli.js", CODE)
    put(folder / "rules.js", b"export const rules = `" + every + b"`")
    put(folder / "rules.json", every + LARGE)
    put(folder / "one.js", b"notes_tool_mark_a" + LARGE)
    put(folder / "code.js", CODE)
    for literal in LITERALS[:3]:
        put(folder / f"{literal}.js", literal.encode())
    yield "a library", b'import "notes"; import "notes/cli.js"; require("notes")'
    yield "a scanner and its rules", b'import "./rules.js"'
    yield "a scanner and its test", b'import "./rules.js"; import "./notes_tool_mark_a.js"'
    yield "rules as data", b'import rules from "./rules.json" with {type: "json"}'
    yield "a mention in a large file", b'import "./one.js"'
    yield "three mentions", b"".join(f'import "./{literal}.js";'.encode() for literal in LITERALS[:3])
    yield "a file that is read, not loaded", b'readFileSync("./code.js")'
    yield "a text", b'const path = "./code.js"'


@pytest.mark.parametrize("number", range(8))
def test_who_mentions_or_depends_on_a_tool_is_not_it(number: int, folder: Path) -> None:
    name, text = list(innocents(folder))[number]
    assert not is_proof(look(Path(put(folder / "app.js", text)))), name


# --- hostile ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("make", "_reason"), UNREADABLE)
def test_what_is_no_regular_file_is_passed_over(make: object, _reason: str, folder: Path) -> None:
    make(folder / "odd.js")  # type: ignore[operator]  # a function of hostile
    put(folder / "code.js", CODE)
    assert loaded(look(Path(put(folder / "cli.js", b'import "./odd.js"; import "./code.js"'))), folder) == [
        "code.js"
    ]


def test_no_link_is_followed(folder: Path) -> None:
    put(folder.parent / "elsewhere/code.js", CODE)
    (folder / "link.js").symlink_to(folder.parent / "elsewhere/code.js")
    (folder / "inner").symlink_to(folder.parent / "elsewhere")
    facts = look(Path(put(folder / "cli.js", b'import "./link.js"; import "./inner/code.js"')))
    assert facts.imported == ()


@NEEDS_ROOT
def test_no_mount_is_entered(folder: Path) -> None:
    """A network folder may hang."""
    (folder / "net").mkdir()
    put(folder / "code.js", CODE)
    put(folder / "cli.js", b'import "./net/code.js"')
    with elsewhere(f"mount -t tmpfs x {folder}/net && cp {folder}/code.js {folder}/net/x.js") as root:
        mounted = f"{root}{folder}/net/x.js"
        while not (os.path.exists(mounted) and os.path.getsize(mounted) == len(CODE)):
            time.sleep(0.01)
        os.rename(mounted, f"{root}{folder}/net/code.js")
        found = examiner(marks=MARKS).script(f"{root}{folder}/cli.js")
    assert isinstance(found, FileFacts)
    assert found.imported == ()


def test_files_without_end_are_bounded(folder: Path) -> None:
    for number in range(MOST_FILES + 50):
        put(folder / f"{number}.js", b'import "./%d.js"' % (number + 1))
    put(folder / f"{MOST_FILES - 2}.js", CODE + b'\nimport "./%d.js"' % (MOST_FILES - 1))
    put(folder / "cli.js", b'import "./0.js"')
    assert loaded(look(folder / "cli.js"), folder) == [f"{MOST_FILES - 2}.js"]
    put(folder / "cli.js", b'import "./pre.js"')
    put(folder / "pre.js", b'import "./0.js"')
    assert look(folder / "cli.js").imported == ()


def test_names_out_of_the_root_lead_nowhere(folder: Path) -> None:
    up = b"../" * 60
    assert look(Path(put(folder / "cli.js", b'import "./' + up + b'etc/passwd"'))).imported == ()


@NEEDS_ROOT
def test_names_out_of_a_chroot_lead_nowhere(folder: Path) -> None:
    """Its root is a folder like any other to us, and above it lie our files."""
    put(folder / "code.js", CODE)
    put(folder / "jail/app/own.js", CODE)
    put(folder / "jail/app/cli.js", b'import "../../code.js"')
    put(folder / "jail/app/other.js", b'import "../../app/own.js"')
    jailed = "import os, sys; os.chroot(sys.argv[1]); print(flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", jailed, f"{folder}/jail"], **pipes) as child:
        assert child.stdout is not None
        assert child.stdout.readline()
        app = f"/proc/{child.pid}/root/app"
        cli, other = look(Path(f"{app}/cli.js")), look(Path(f"{app}/other.js"))
        child.kill()
    assert cli.imported == ()
    assert [part.path for part in other.imported] == ["/app/own.js"]
