"""IT's own tool files: a folder that comes out of a policy repository, where anything may lie.

What the texts mean is core/toolfile.py's, what they may claim core/conflicts.py's.
"""

import os
from itertools import islice
from typing import Final

from aipolicy.core.problem import Problem
from aipolicy.core.toolfile import MAX_BYTES
from aipolicy.core.wire import printable
from aipolicy.core.yamlfile import YamlErrors
from aipolicy.examine.files import CannotLook, cannot_look, read_bytes
from aipolicy.examine.places import is_within, resolve

SUFFIX: Final = ".yaml"
MOST_FILES: Final = 1_000
MOST_BYTES: Final = 8_000_000
"""Of all files together."""
_BESIDE: Final = (".md", ".txt")
"""Texts for people may lie beside the tool files, and so may what begins with a dot, as git makes it."""


def own_texts(folder: str) -> dict[str, str]:
    """The files under their full path, so that an error leads to the file and no name is taken for ours.

    Raises YamlErrors with an error for each file that is no tool file or cannot be read: one that is passed
    over in silence is a tool that nobody looks for. Links are followed inside the folder, as Kubernetes and
    git-sync make them, and not out of it.
    """
    folder = os.path.abspath(folder)
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise YamlErrors((_unread(folder, "it is no folder: give the one that the tool files are in"),))
    try:
        real = resolve(folder, _anywhere)
        names = _names(real)
    except CannotLook as error:
        raise YamlErrors((_unread(folder, error.reason),)) from error
    if len(names) > MOST_FILES:
        raise YamlErrors((_unread(folder, f"more than {MOST_FILES:,} files"),))
    own: dict[str, str] = {}
    unread: list[Problem] = []
    for name in names:
        path = os.path.join(folder, name)
        try:
            own[path] = _text(os.path.join(real, name), real)
        except CannotLook as error:
            unread.append(_unread(path, error.reason))
        if sum(map(len, own.values())) > MOST_BYTES:
            unread = [_unread(folder, f"more than {MOST_BYTES:,} characters in all files together")]
            break
    if unread:
        raise YamlErrors(tuple(unread))
    return own


def read_text(path: str) -> str:
    """One tool file that was named to us; CannotLook where it is none that can be read."""
    try:
        return read_bytes(resolve(os.path.abspath(path), _anywhere), MAX_BYTES).decode("utf-8")
    except UnicodeDecodeError as error:
        raise CannotLook(path, "it is not UTF-8") from error


def _names(folder: str) -> list[str]:
    """Of what is meant to be a tool file, in order; at most one more than is allowed."""
    try:
        with os.scandir(folder) as found:
            names = (entry.name for entry in found)
            wanted = (n for n in names if not n.startswith(".") and not n.lower().endswith(_BESIDE))
            return sorted(islice(wanted, MOST_FILES + 1))
    except OSError as error:
        raise cannot_look(folder, error) from error


def _text(path: str, folder: str) -> str:
    if not path.endswith(SUFFIX):
        raise CannotLook(path, f"it is no tool file: their names end in {SUFFIX}")
    place = resolve(path, _anywhere)
    if not is_within(place, folder):
        raise CannotLook(path, "a symbolic link out of the folder")
    return read_text(place)


def _anywhere(_path: str) -> None:
    """IT chose the folder: nothing is out of reach."""
    return


def _unread(file: str, why: str) -> Problem:
    message = f"it cannot be read: {why}"
    return Problem(file=printable(file), line=1, column=1, code="T000", message=message)
