"""The machine's tags as its agent was told them, for the guard's classifier, which reads no settings."""

import contextlib
from collections.abc import Collection
from pathlib import Path
from typing import Final

import msgspec

from aipolicy.state import files
from aipolicy.state.files import read_small, write_safely

TAGS_FILE: Final = "tags.json"
_MOST_BYTES: Final = 1_000_000


def keep(folder: Path, tags: Collection[str]) -> None:
    """Write them where they changed. On a full disk they are then not known."""
    if read(folder) != frozenset(tags):
        with contextlib.suppress(OSError):
            (folder / TAGS_FILE).unlink(missing_ok=True)  # not known is better than wrong
            write_safely(folder / TAGS_FILE, msgspec.json.encode(sorted(tags)))


def read(folder: Path) -> frozenset[str] | None:
    """Those kept last; None where they are not known."""
    try:
        content = read_small(folder / TAGS_FILE, _MOST_BYTES)
        return None if content is None else frozenset(msgspec.json.decode(content, type=list[str]))
    except (OSError, msgspec.MsgspecError):
        return None


def stamp(folder: Path) -> tuple[int, ...]:
    """Another one after each change; empty where nothing is kept."""
    return files.stamp(folder / TAGS_FILE)
