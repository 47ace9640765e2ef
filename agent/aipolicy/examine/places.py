"""Where a path really leads, link by link, so that what is opened afterwards has no link in it.

A link that was swapped in between makes the open fail; it never leads elsewhere.
"""

import errno
import os
from collections.abc import Callable
from typing import Final

from aipolicy.examine.files import CannotLook, cannot_look

_MAX_LINKS: Final = 40  # the kernel's own limit

OutOfReach = Callable[[str], str | None]
"""Why a path is not to be touched, None where it may be (Machine.out_of_reach)."""


def resolve(path: str, out_of_reach: OutOfReach) -> str:
    """The absolute `path` without links; CannotLook where it leads nowhere or onto what may hang.

    Unlike realpath(3) it asks before it touches what a link points to.
    """
    if not hasattr(os, "O_NOFOLLOW"):  # Windows: drive letters and reparse points are its own affair
        return _realpath(path)
    waiting = [part for part in reversed(path.split("/")) if part]
    done = ""
    links = 0
    _ask(path, out_of_reach)
    while waiting:
        part = waiting.pop()
        if part == ".":
            continue
        if part == "..":
            done = done.rpartition("/")[0]
            continue
        here = f"{done}/{part}"
        target = _target(here)
        if target is None:
            done = here
            continue
        links += 1
        if links > _MAX_LINKS:
            raise CannotLook(path, "a loop of symbolic links", absent=True)
        if target.startswith("/"):
            done = ""
        waiting.extend(part for part in reversed(target.split("/")) if part)
        _ask("/".join((done, *reversed(waiting))), out_of_reach)
    return done or "/"


def is_within(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or lies below it."""
    folder = folder.rstrip("/")
    return path == folder or path.startswith(f"{folder}/")


def _ask(path: str, out_of_reach: OutOfReach) -> None:
    if reason := out_of_reach(path):
        raise CannotLook(path, reason)


def _target(path: str) -> str | None:
    try:
        return os.readlink(path)
    except OSError as error:
        if error.errno == errno.EINVAL:
            return None
        raise cannot_look(path, error) from error
    except ValueError as error:
        raise cannot_look(path, error) from error


def _realpath(path: str) -> str:
    try:
        return os.path.realpath(path, strict=True)
    except (OSError, ValueError) as error:
        raise cannot_look(path, error) from error
