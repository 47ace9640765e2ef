"""Which modules the code of `python -c` starts: those of which it calls a function, or that it runs.

By their form, not by a parser: the code is somebody's, and nothing but the names of modules leaves here.
"""

import re
from collections.abc import Iterator
from typing import Final

_MOST_BYTES: Final = 64 << 10
_MOST: Final = 8
_RUN_OR_TEXT: Final = re.compile(
    rb"\brun_module\s{0,9}\(\s{0,9}[\"']([\w.]{1,200})[\"']"
    rb"|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|#[^\n]*"
)
"""Texts and comments are passed over: code that quotes a call calls nothing."""
_FROM: Final = re.compile(rb"(?:^|[;\n])[ \t]*from[ \t]+([\w.]+)[ \t]+import[ \t(]+([^;\n]+)")
_IMPORT: Final = re.compile(rb"(?:^|[;\n])[ \t]*import[ \t]+([^;\n]+)")
_CALLED: Final = re.compile(rb"(?<![\w.])([A-Za-z_]\w*(?:\.\w+)*)\(")


def started_by(code: bytes) -> tuple[bytes, ...]:
    """`from a.b import c; c()`, `import a.b; a.b.c()`: a.b. `runpy.run_module("a")`: a.__main__ or a."""
    code = code[:_MOST_BYTES]
    run = [name for name in _RUN_OR_TEXT.findall(code) if name]
    plain = _RUN_OR_TEXT.sub(b"''", code)
    found = [inner for name in run for inner in (name + b".__main__", name)]
    found += _called_modules(plain, set(_CALLED.findall(plain)))
    return tuple(dict.fromkeys(found))[:_MOST]


def _called_modules(code: bytes, called: set[bytes]) -> Iterator[bytes]:
    holders = {name.rpartition(b".")[0] for name in called}
    for module, names in _FROM.findall(code):
        for name, own in _as_named(names):
            if own in called:
                yield module
            if own in holders:
                yield module + b"." + name
    for names in _IMPORT.findall(code):
        for name, own in _as_named(names):
            if own in holders:
                yield name


def _as_named(names: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Of `a, b as c` each name, and what the code calls it."""
    for part in names.split(b","):
        words = part.strip(b" \t()").split()
        if words:
            yield words[0], words[2] if words[1:2] == [b"as"] and len(words) > 2 else words[0]
