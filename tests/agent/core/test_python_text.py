"""What the text of a Python program starts: who imports, quotes or defines something starts nothing."""

import pytest

from aipolicy.core.python_text import Import, Start, imports_in, starts_in

STARTS = [
    ("from a.b import c\nc()", [Start("a.b", "c")]),
    ("    from a.b import (\n  x,  # why\n  c as d,\n)\n    d.e.f()", [Start("a.b", "c.e.f")]),
    ("import a.b\nsys.exit(a.b.c())", [Start("a.b", "c")]),
    ("import a as d; d.b.c()", [Start("a", "b.c")]),
    ("import a, a.b\na.b.c()", [Start("a", "b.c"), Start("a.b", "c")]),
    ("runpy.run_module('a.b', run_name='__main__')", [Start("a.b")]),
    ("from .b import c\nc()", []),
    ("from a.b import *\na.b()", []),
    ("from a.b import c\ndef c(): ...\nclass c(x): ...", []),
    ("import a\nprint(a.b)", []),
    ('"""Use it so:\n\nfrom a.b import c\nc()\n"""', []),
    ("r'''\nfrom a.b import c\nc()\n", []),
    ("x = 'runpy.run_module(\"a\")'  # ; import a; a.b()", []),
    ("'''exec' '/home/u/bin/python' \"$0\"\n' '''\nfrom a.b import c\nc()", [Start("a.b", "c")]),
]


@pytest.mark.parametrize(("text", "starts"), STARTS, ids=[text for text, _ in STARTS])
def test_what_a_text_starts(text: str, starts: list[Start]) -> None:
    assert list(starts_in(text)) == starts


def test_what_a_text_imports() -> None:
    text = "import a, b.c as d\nfrom .e import f as g, h\nfrom i import *"
    assert list(imports_in(text)) == [
        Import(".e", "f", "g"),
        Import(".e", "h", "h"),
        Import("i", None, ""),
        Import("a", None, "a"),
        Import("b.c", None, "d"),
    ]
