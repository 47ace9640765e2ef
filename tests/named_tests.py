"""Tests that a page of docs/ names: whether they exist."""

import functools
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def missing(name: str, besides: Path) -> str | None:
    """What of this test, a function with or without a case (`test_x[case]`), does not exist.

    besides: a file that names it, too, and does not count.
    """
    function, _, case = name.removesuffix("]").partition("[")
    inside = [
        source
        for path, source in _sources().items()
        if path != besides and re.search(rf"^def {function}\(", source, re.MULTILINE)
    ]
    if not inside:
        return f"no {function}"
    return f"no case {case} of {function}" if case and not any(f'"{case}"' in s for s in inside) else None


@functools.cache
def _sources() -> dict[Path, str]:
    return {path: path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}
