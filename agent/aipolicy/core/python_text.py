"""What the text of a Python program imports, and what it starts: the functions it calls, the modules it runs.

By its form, not by a parser: the text may be cut off anywhere, and be for any Python. It is somebody's, so no
pattern may take longer than in proportion to it, whatever it says.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

_MOST_STARTS: Final = 1_000
_MOST_DOTS: Final = 8
_FROM: Final = re.compile(
    r"(?:^|;)[ \t]*+from[ \t]++([\w.]++)[ \t]++import\b[ \t]*+(?:\(([\w\s,]{1,2000})|([\w ,\t]{1,2000}))?",
    re.MULTILINE,
)
_IMPORT: Final = re.compile(r"(?:^|;)[ \t]*+import[ \t]++([\w., \t]{1,2000})", re.MULTILINE)
_CALLED: Final = re.compile(r"(?<![\w.])(?<!\bdef )(?<!\bclass )([^\W\d]\w*+(?:\.\w++)*+)\(")
_RUN_OR_TEXT: Final = re.compile(
    r"\brun_module\s{0,9}\(\s{0,9}[\"']([\w.]{1,200})[\"']"
    r"|\"\"\"(?:[^\"\\]|\\.|\"(?!\"\"))*+(?:\"\"\")?|'''(?:[^'\\]|\\.|'(?!''))*+(?:''')?"
    r"|\"(?:[^\"\\\n]|\\.)*+\"?|'(?:[^'\\\n]|\\.)*+'?|#[^\n]*+",
    re.DOTALL,
)
"""Texts and comments are passed over: who quotes a call calls nothing. One that does not end is a text all
the same: to look for the beginning of another in it would take the square of its length."""


class Import(NamedTuple):
    """`from module import name as own`, or `import module as own`: own is what the program calls it.

    name: None where there is none; own is empty for `from module import *`.
    """

    module: str
    name: str | None
    own: str


class Start(NamedTuple):
    """What it starts: `attribute`, perhaps dotted, of `module`; None: the module, as `python -m` does."""

    module: str
    attribute: str | None = None


def imports_in(text: str) -> Iterator[Import]:
    """First each `from`, then each `import`; a relative module has its dots in front."""
    for module, in_brackets, plain in _FROM.findall(text):
        names = tuple(_as_named(in_brackets or plain))
        yield from (Import(module, name, own) for name, own in names or ((None, ""),))
    for modules in _IMPORT.findall(text):
        yield from (Import(module, None, own) for module, own in _as_named(modules))


def starts_in(text: str) -> Iterator[Start]:
    """The modules that it runs, then what it imports and calls: who merely imports starts nothing."""
    return itertools.islice(_starts_in(text), _MOST_STARTS)


def _starts_in(text: str) -> Iterator[Start]:
    yield from (Start(module) for module in _RUN_OR_TEXT.findall(text) if module)
    code = _RUN_OR_TEXT.sub(" ", text)
    called = _calls(code)
    for module, name, own in dict.fromkeys(imports_in(code)):
        for attribute in called.get(own, ()) if not module.startswith(".") else ():
            if name or attribute:
                yield Start(module, ".".join(part for part in (name, attribute) if part))


def _calls(code: str) -> Mapping[str, Mapping[str, None]]:
    """What is called, by what it may begin with: of `a.b.c(` `c` under `a.b`, `b.c` under `a`."""
    found: dict[str, dict[str, None]] = {}
    for called in dict.fromkeys(_CALLED.findall(code)):
        parts = called.split(".")
        for count in range(1, min(len(parts), _MOST_DOTS) + 1):
            found.setdefault(".".join(parts[:count]), {})[".".join(parts[count:])] = None
    return found


def _as_named(names: str) -> Iterator[tuple[str, str]]:
    """Of `a, b as c` each name, and what the program calls it."""
    for part in names.split(","):
        words = part.split()
        if words:
            yield words[0], words[2] if words[1:2] == ["as"] and len(words) > 2 else words[0]
