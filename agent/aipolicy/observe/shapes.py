"""The catalog's path shapes: files and folders of this machine that have one of them."""

import fnmatch
import os
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final

from aipolicy.core.shapes import Shape, shape_of
from aipolicy.examine import CannotLook
from aipolicy.examine.files import cannot_look
from aipolicy.observe.look import Look
from aipolicy.observe.walk import is_mounted_image

_MOST_MATCHES: Final = 1_000


def matches_any(path: str, shapes: Iterable[str]) -> bool:
    """Whether `path` has one of the shapes; `~/` stands for any folder."""
    return any(_shape(shape).matches(path) for shape in shapes)


def files_of(look: Look) -> Iterator[str | CannotLook]:
    """What exists under each shape, below each home or the system's root; links not yet resolved."""
    for shape in look.wanted.paths:
        if shape.startswith("~/"):
            for user in look.users:
                yield from _expand(look, user.home, shape[2:])
        elif shape.startswith("/"):
            yield from _expand(look, look.machine.root.rstrip("/"), shape[1:])


def _expand(look: Look, start: str, shape: str) -> Iterator[str | CannotLook]:
    found = [start]
    for part in (part for part in shape.split("/") if part):
        inner: list[str] = []
        for folder in found:
            try:
                inner += _in_folder(look, folder, part)
            except CannotLook as reason:
                if not reason.absent and not is_mounted_image(reason.place):
                    yield reason
        if len(inner) > _MOST_MATCHES:
            yield CannotLook(start, f"more than {_MOST_MATCHES:,} files have the shape {shape}")
        found = inner[:_MOST_MATCHES]
    yield from found


def _in_folder(look: Look, folder: str, part: str) -> list[str]:
    real = look.resolve(folder or "/").rstrip("/")
    if "*" not in part:
        path = f"{real}/{part}"
        return [path] if os.path.lexists(path) else []
    try:
        with os.scandir(real or "/") as entries:
            return sorted(entry.path for entry in entries if fnmatch.fnmatchcase(entry.name, part))
    except OSError as error:
        raise cannot_look(real, error) from error


@cache
def _shape(text: str) -> Shape:
    return shape_of(text)
