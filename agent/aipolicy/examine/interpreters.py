"""Interpreters by their contents: what runs a script that it is told to run, whatever its file is called.

Literal strings of the real programs, searched in the same pass as the tools' marks. A program that was made
from an interpreter and runs a script of its own (Electron, `bun build --compile`, node's single executables,
pkg, PyInstaller) holds the same strings and does not run what its arguments name: it is none.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from aipolicy.core.tool import Mark
from aipolicy.examine.files import MIB


class _Interpreter(NamedTuple):
    """family: as platforms.interpreters names it. every: literals that all stand in it. none: none of these.

    largest: of the program's file, bytes. once: it stands once in it, and twice in what was made from it.
    """

    family: str
    every: tuple[str, ...]
    none: tuple[str, ...] = ()
    largest: int = 1 << 62
    once: str = ""


_TABLE: Final = (
    # node 20.19, src/node_options.cc; the fuse of a single executable is 1 (nodejs.org/api,
    # single-executable-applications), Electron's variable is in shell/common/, pkg's in prelude/bootstrap.js.
    _Interpreter(
        family="node",
        every=("node [options] [ script.js ]", "internal/main/run_main_module"),
        none=(
            "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2:1",
            "ELECTRON_RUN_AS_NODE",
            "PKG_EXECPATH",
            "<nexe~~sentinel>",
        ),
    ),
    # bun 1.4.5 and a program compiled by it: the trailer of the embedded modules (StandaloneModuleGraph).
    _Interpreter(
        family="bun",
        every=("Usage: bun <", "---- Bun! ----"),
        none=("ELECTRON_RUN_AS_NODE",),
        once="---- Bun! ----",
    ),
    # CPython 3.8 to 3.13, Modules/main.c: as one program, and as a small one before libpython.
    _Interpreter(
        family="python",
        every=("Py_BytesMain", "[-c cmd | -m mod | file | -]"),
        none=("_MEIPASS", "PYINSTALLER_"),
    ),
    _Interpreter(
        family="python", every=("Py_BytesMain",), none=("_MEIPASS", "PYINSTALLER_"), largest=100_000
    ),
    # PyPy 7.3: a small program before its library, translated from pypy/goal/targetpypystandalone.py.
    _Interpreter(family="python", every=("pypy_main_startup",), largest=100_000),
    # deno 1.46 and 2.9, cli/args/flags.rs; what `deno compile` makes has the runtime without this text.
    _Interpreter(
        family="deno",
        every=("A modern JavaScript and TypeScript runtime", "ext:runtime_main/js/99_main.js"),
        none=("ELECTRON_RUN_AS_NODE",),
    ),
    # ld.so of glibc 2.36, elf/dl-usage.c, and of musl, ldso/dynlink.c.
    _Interpreter(family="loader", every=("--inhibit-rpath", "EXECUTABLE-FILE [ARGS-FOR-PROGRAM")),
    _Interpreter(family="loader", every=("Dynamic Program Loader", "musl libc"), largest=4 * MIB),
)

INTERPRETER_MARKS: Final = tuple(
    Mark(id=f"interpreter:{literal}", literal=literal)
    for literal in dict.fromkeys(text for one in _TABLE for text in (*one.every, *one.none))
)
COUNTED: Final = frozenset(one.once for one in _TABLE if one.once)
"""Of these literals it matters how often they stand in a program."""


def interpreter_in(counts: Mapping[str, int], size: int) -> str | None:
    """The family of the program of `size` bytes that holds these literals, each so often."""
    for one in _TABLE:
        fits = counts.keys() >= set(one.every) and counts.keys().isdisjoint(one.none) and size <= one.largest
        if fits and counts.get(one.once, 1) == 1:
            return one.family
    return None
