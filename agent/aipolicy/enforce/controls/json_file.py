"""A JSON settings file: read strictly, written back with its keys, their order and its indentation.

Comments are refused as the vendors' own strict readers do, and because they could not be kept.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from aipolicy.enforce.controls.tree import Table, Unreadable

_INDENT: Final = re.compile(r"\{\r?\n([ \t]+)\"")


class JsonText(dict[str, Any]):
    """A table that stands in its file as a text of JSON."""


def read(text: str | None, texts: Sequence[str] = ()) -> Table:
    """The settings in `text`, none where there is no file. texts: keys whose value may be JSON in a text.

    Raises Unreadable.
    """
    if text is None or not text.strip():
        return {}
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise Unreadable(error.lineno, error.msg) from error
    except (ValueError, RecursionError) as error:
        raise Unreadable(1, str(error) or "nested too deeply") from error
    if not isinstance(found, dict):
        raise Unreadable(1, "not a JSON object")
    for key in texts:
        if isinstance(found.get(key), str):
            found[key] = _inner(found[key])
    return found


def write(table: Table, like: str | None = None) -> str:
    """The file again. like: the text as it was."""
    plain = {key: _outer(value) for key, value in table.items()}
    indent = _INDENT.search(like or "")
    text = json.dumps(plain, indent=indent[1] if indent else 2, ensure_ascii=False)
    return text + "\n" if like is None or not like.strip() or like.endswith("\n") else text


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Readers differ in which of two equal keys counts, so neither is chosen here."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _inner(text: str) -> Any:
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return text
    return JsonText(found) if isinstance(found, dict) else text


def _outer(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, JsonText) else value
