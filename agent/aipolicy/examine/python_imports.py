"""Which modules of its own package a Python file imports, and where they lie.

https://docs.python.org/3/reference/import.html
"""

import posixpath
import re
from typing import Final

from aipolicy.core.python_text import imports_in
from aipolicy.examine.files import OpenFile

_MOST_BYTES: Final = 1 << 20
"""Of one file: the largest module of a tool known has a fifth of it."""
_MOST_NAMES: Final = 2_000
_FIRST_LINE: Final = re.compile(rb"#![^\n]*(?:python|pypy)", re.IGNORECASE)


def is_python(path: str, file: OpenFile) -> bool:
    """By its name, or by its first line."""
    return path.endswith((".py", ".pyw")) or _FIRST_LINE.match(file.read(256)) is not None


def modules_in(file: OpenFile) -> tuple[str, ...]:
    """The modules that it may import, dots for relative ones in front; `from a import b` names a and a.b."""
    found: dict[str, None] = {}
    for module, name, _ in imports_in(file.read(_MOST_BYTES).decode("utf-8", "replace")):
        found[module] = None
        if name is not None:
            found[module + name if module.endswith(".") else f"{module}.{name}"] = None
    return tuple(found)[:_MOST_NAMES]


def place_of(module: str, importer: str, folder: str) -> str | None:
    """Where it lies, without an ending, relative to the entry script's folder, as `importer` is.

    folder: that folder's name. By its full name only the package is followed that the script is of: what else
    lies beside that is a library, in site-packages or where pip put it, and whoever uses it is not it.
    """
    bare = module.lstrip(".")
    dots = len(module) - len(bare)
    inner = bare.replace(".", "/")
    if dots:
        above = (posixpath.dirname(importer) or ".", *[".."] * (dots - 1), inner)
        return posixpath.normpath("/".join(above))
    return f"../{inner}" if inner.partition("/")[0] == folder else None
