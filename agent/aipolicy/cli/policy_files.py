"""The policy files that a person named: files, folders and `-`, each read no further than allowed."""

import os
import sys
from collections.abc import Iterable, Iterator
from typing import Final

from aipolicy.core.model import Record
from aipolicy.core.problem import Code, Problem
from aipolicy.core.yamlfile import MAX_BYTES

STDIN: Final = "-"
STDIN_NAME: Final = "<stdin>"
_SUFFIXES: Final = (".yaml", ".yml")


class NamedFile(Record, frozen=True, kw_only=True):
    """name: as errors call it. text: what was read, null where it could not be; then problem says why."""

    name: str
    standard_input: bool = False
    text: bytes | None = None
    problem: Problem | None = None


def read(names: Iterable[str]) -> Iterator[NamedFile]:
    """Every file that is meant: of a folder all with a suffix of YAML, also below it."""
    for name in names:
        if name == STDIN:
            # One byte more than allowed tells that it is too large.
            text = sys.stdin.buffer.read(MAX_BYTES + 1)
            yield NamedFile(name=STDIN_NAME, text=text, standard_input=True)
        elif os.path.isdir(name):
            yield from _below(name)
        else:
            yield _read(name)


def _below(folder: str) -> Iterator[NamedFile]:
    found = False
    unread: list[OSError] = []
    for place, folders, files in os.walk(folder, onerror=unread.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.endswith(_SUFFIXES) and not name.startswith("."):
                found = True
                path = os.path.join(place, name)  # a pipe that lies there would never end
                yield _read(path) if os.path.isfile(path) else _unread(path, "it is no regular file")
    for error in unread:
        yield _unread(error.filename or folder, error.strerror or str(error))
    if not found and not unread:
        yield _unread(folder, f"no file in this folder ends in {' or '.join(_SUFFIXES)}")


def _read(name: str) -> NamedFile:
    try:
        with open(name, "rb") as opened:
            return NamedFile(name=name, text=opened.read(MAX_BYTES + 1))
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        return _unread(name, getattr(error, "strerror", None) or str(error))


def _unread(name: str, why: str) -> NamedFile:
    message = f"the file cannot be read: {why}"
    problem = Problem(file=name, line=1, column=1, code=Code.UNREADABLE, message=message)
    return NamedFile(name=name, problem=problem)
