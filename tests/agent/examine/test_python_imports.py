"""Which modules of its own package a Python file imports: what is beside that is a library."""

from pathlib import Path

import pytest

from aipolicy.core.content import is_proof
from aipolicy.core.model import FileFacts
from aipolicy.core.tool import Mark
from aipolicy.examine import open_regular
from aipolicy.examine.python_imports import modules_in, place_of
from installed import examiner, put
from machine_needs import NEEDS_LINUX

LITERALS = [f"notes_tool_mark_{letter}" for letter in "abcd"]
MARKS = tuple(Mark(id=f"notes:{literal}", literal=literal) for literal in LITERALS)


@pytest.mark.parametrize(
    ("text", "modules"),
    [
        ("from .main import main", (".main", ".main.main")),
        ("    from ..utils import a as b, c", ("..utils", "..utils.a", "..utils.c")),
        ("from . import (\n    one,\n    two as t,\n)", (".", ".one", ".two")),
        ("from notes.core import run", ("notes.core", "notes.core.run")),
        ("import notes.core as c, os", ("notes.core", "os")),
        ("from notes import *", ("notes",)),
        ("imported = 1\nfromage = 2\n'import x'", ()),
        ("import", ()),
    ],
)
def test_what_is_imported(text: str, modules: tuple[str, ...], tmp_path: Path) -> None:
    with open_regular(put(tmp_path / "x.py", text.encode())) as file:
        assert modules_in(file) == modules


@pytest.mark.parametrize(
    ("module", "importer", "place"),
    [
        (".main", "__main__.py", "main"),
        (".base", "coders/ask.py", "coders/base"),
        ("..utils", "coders/ask.py", "utils"),
        ("..utils", "../notes/coders/ask.py", "../notes/utils"),
        ("notes.core.run", "__main__.py", "../notes/core/run"),
        ("aider.main", "__main__.py", None),
        ("os", "__main__.py", None),
    ],
)
def test_where_a_module_of_the_package_lies(module: str, importer: str, place: str | None) -> None:
    assert place_of(module, importer, "notes") == place


def package(folder: Path) -> None:
    """A tool in Python, in four modules."""
    put(folder / "__main__.py", b"from .main import main\nmain()\n")
    put(folder / "__init__.py", b"import os\n")
    put(folder / "main.py", b"from notes.core import a, b\nfrom . import c\n" + LITERALS[0].encode())
    put(folder / "core/__init__.py", LITERALS[1].encode())
    put(folder / "core/a.py", LITERALS[2].encode())
    put(folder / "c.py", LITERALS[3].encode())


def proven(script: Path) -> bool:
    found = examiner(marks=MARKS).script(str(script))
    return isinstance(found, FileFacts) and is_proof(found)


@NEEDS_LINUX
def test_a_package_without_its_metadata_is_what_its_modules_are(tmp_path: Path) -> None:
    """As `python -m notes` runs it, or `python notes/main.py`."""
    package(tmp_path / "work/notes")
    assert proven(tmp_path / "work/notes/__main__.py")
    assert proven(tmp_path / "work/notes/main.py")
    (tmp_path / "work/notes/c.py").write_text("")
    assert not proven(tmp_path / "work/notes/__main__.py")


@NEEDS_LINUX
@pytest.mark.parametrize("site", ["venv/lib/python3.11/site-packages", "app"])
def test_who_uses_it_as_a_library_is_not_it(site: str, tmp_path: Path) -> None:
    package(tmp_path / site / "notes")
    uses = b"import notes\nfrom notes.core import a, b\nfrom notes import main, c\n"
    for place in ("app/__main__.py", "app/run.py", "run.py"):
        assert not proven(Path(put(tmp_path / site / place, uses)))
