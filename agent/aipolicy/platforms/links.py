"""Following links by hand: below another root, and never onto a filesystem that may hang."""

import os
from collections.abc import Callable

_MAX_LINKS = 40  # the kernel's own limit
_OWN_FOLDERS = ("self", "thread-self")


def resolve(
    path: str, out_of_reach: Callable[[str], str | None], *, prefix: str = "", pid: int | None = None
) -> str | None:
    """`path` without links; None for a loop. What is not there stays as it is.

    prefix: the root it starts at, and its absolute links. pid: whose /proc/self is meant, ours by default.
    Where the way leads onto a filesystem that may hang, the rest is taken as it stands.
    """
    waiting = [part for part in reversed(path.split("/")) if part]
    done: list[str] = []
    links = 0
    while waiting:
        part = waiting.pop()
        if part == ".":
            continue
        if part == "..":
            del done[-1:]
            continue
        if pid is not None and part in _OWN_FOLDERS and done == ["proc"]:  # a shell's `<(...)` leads here
            done.append(str(pid))
            continue
        here = "/" + "/".join([*done, part])
        if out_of_reach(here):
            return "/".join([here, *reversed(waiting)])
        try:
            target = os.readlink(prefix + here)
        except (OSError, ValueError):  # no link, or not there; ValueError: a NUL in the name
            done.append(part)
            continue
        links += 1
        if links > _MAX_LINKS:
            return None
        if target.startswith("/"):
            done = []
        waiting.extend(part for part in reversed(target.split("/")) if part)
    return "/" + "/".join(done)
