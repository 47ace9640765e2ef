"""Text made so that a pattern compares without end: each of these took minutes or hours, and is a moment now.

So none of them asserts anything about time: where one comes back, the test does not end.
"""

from collections.abc import Callable

import pytest

from aipolicy.core.python_text import imports_in
from aipolicy.examine.files import MIB, CannotLook
from aipolicy.examine.node_package import read_manifest
from aipolicy.examine.owner_package import read_script_head
from aipolicy.examine.plugin_jar import Plugin, read_descriptor
from aipolicy.examine.python_package import EntryPoint, read_entry_points, read_metadata
from aipolicy.examine.zipapp import starts_in
from aipolicy.platforms.interpreters import what_runs

TEXTS = (
    "\n", " ", "a", "a ", "a.", "a=", "=", "import a\n\n", "from a import b\n",
    "from os import path\npath(\n", "sys.exit(a.", "<!--", "<!---->", "<name>" + " " * 250, "<id>" + " " * 50,
    "<version>", "<id>", "[x]\n",
    "[console_scripts]\n", "a = b : ", "$basedir/", "/node_modules/", "exec ", "\n exec a",
    "runpy.run_module(",    "#!", "#!/bin/sh\n'''exec' /", "exec' /bin", "'a", "'", '"',
    "\\'", "import a as b\nb.c(", "a.a(", "from a import (", "from a import b, ",
    "{", "[", '{"a":', "\\", "Name: ", "Name:\n",
)  # fmt: skip
HEADS = ("", "import a", "from a import b", "[console_scripts]\na", "<name>", "#! env ", "runpy.run_module(")

READERS: dict[str, tuple[Callable[[str], object], int]] = {
    "plugin.xml": (lambda text: read_descriptor(text.encode()), MIB),
    "entry_points.txt": (read_entry_points, 256 << 10),
    "METADATA": (lambda text: read_metadata(text.encode()), 64 << 10),
    "the head of a script": (lambda text: read_script_head(text.encode()), 4096),
    "__main__.py": (lambda text: list(starts_in("__main__.py", text)), MIB),
    "python -c": (lambda text: what_runs(b"python3", [b"python3", b"-c", text.encode()]), 64 << 10),
    "node -e": (lambda text: what_runs(b"node", [b"node", b"-e", text.encode()]), 64 << 10),
    "a Python file": (lambda text: list(imports_in(text)), MIB),
    "PEX-INFO": (lambda text: list(starts_in("PEX-INFO", text)), MIB),
    "package.json": (lambda text: _manifest(text), MIB),
}


def _manifest(text: str) -> object:
    try:
        return read_manifest(text.encode(), "package.json")
    except CannotLook as reason:
        return reason


@pytest.mark.parametrize("reader", READERS)
def test_no_text_is_read_for_ever(reader: str) -> None:
    read, most = READERS[reader]
    for head in HEADS:
        for text in TEXTS:
            read(head + text * ((most - len(head)) // len(text)))


def test_comments_that_do_not_end_hide_what_follows_as_they_do_in_xml() -> None:
    assert read_descriptor(b"<id>a.b</id><!-- <id>c.d</id>") == Plugin("a.b", None)
    assert read_descriptor(b"<!-- x --><!----><id>a.b</id>") == Plugin("a.b", None)
    assert read_descriptor(b"<!-- <!-- --><id>a.b</id>") == Plugin("a.b", None)
    assert read_descriptor(b"<!--><id>a.b</id>") is None


def test_the_name_of_a_command_may_have_blanks_around_it() -> None:
    text = "[console_scripts]\n  aider  =  aider.main : main [x]\n# a = b:c\n ; a = b:c\n = b:c\nx\ny = z\n"
    assert read_entry_points(text) == (EntryPoint("aider", "aider.main", "main"),)
