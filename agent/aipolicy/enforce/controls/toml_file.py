"""A TOML settings file, written back with everything in it, comments too (tomlkit keeps them)."""

import re
import tomllib
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from aipolicy.enforce.controls.tree import Table, Unreadable


def read(text: str | None) -> Table:
    """The settings in `text`, none where there is no file. Raises Unreadable."""
    try:
        tomllib.loads(text or "")
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"at line (\d+)", str(error))
        last = len((text or "").splitlines())
        raise Unreadable(int(at[1]) if at else max(last, 1), str(error)) from error
    except RecursionError as error:
        raise Unreadable(1, "nested too deeply") from error
    try:
        return tomlkit.parse(text or "")
    except (TOMLKitError, RecursionError, ValueError) as error:
        raise Unreadable(1, str(error)) from error


def write(document: Table, more: dict[str, Any] | None = None) -> str:
    """The file again, with `more` in it."""
    for key, value in (more or {}).items():
        document[key] = value
    return tomlkit.dumps(document)


def plain(text: str) -> dict[str, Any]:
    """The settings as an independent reader finds them."""
    return tomllib.loads(text)
