"""Which modules the code of `python -c` starts: those of which it calls a function, or that it runs.

The code is somebody's: nothing but the names of modules leaves here.
"""

from collections.abc import Iterator
from typing import Final

from aipolicy.core.python_text import starts_in

_MOST_BYTES: Final = 64 << 10
_MOST: Final = 8


def started_by(code: bytes) -> tuple[bytes, ...]:
    """`from a.b import c; c()`, `import a.b; a.b.c()`: a.b. `runpy.run_module("a")`: a.__main__ or a."""
    modules = _started_by(code[:_MOST_BYTES].decode("utf-8", "replace"))
    return tuple(module.encode() for module in dict.fromkeys(modules))[:_MOST]


def _started_by(code: str) -> Iterator[str]:
    for module, attribute in starts_in(code):
        if attribute is None:
            yield f"{module}.__main__"
            yield module
        else:
            yield f"{module}.{attribute}".rpartition(".")[0]
