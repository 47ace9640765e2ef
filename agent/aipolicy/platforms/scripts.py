"""From what an interpreter was told to run to the file that runs, as the process itself would find it.

Looks names up (stat, readlink) and opens nothing. What is not an existing file is dropped, so that an
argument mistaken for a script is never kept.
"""

import os
import re
import stat
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Final

from aipolicy.core.model import Record
from aipolicy.platforms.interpreters import Ran
from aipolicy.platforms.links import resolve

_ENDINGS = {
    "node": ("", ".js", ".cjs", ".mjs", "/package.json", "/index.js"),
    "bun": ("", ".tsx", ".jsx", ".ts", ".mjs", ".js", ".cjs", "/package.json", "/index.ts", "/index.js"),
    "deno": ("",),
    "python": ("", "/__main__.py"),
}
"""Of a folder it is shown as its package.json, which says what runs: that is for whoever reads files."""
_LEVELS = 16
_VERSIONED = re.compile(r"python3\.\d+")
_MOST_VERSIONS = 8
_PACKAGE_SPEC = re.compile(r"(npm|jsr):/?(@[\w.-]+/)?[\w.-]+(@[\w.^~-]+)?")


class View(Record, frozen=True, kw_only=True):
    """How a process sees the files.

    pid: its number in its own pid namespace: what /proc/self means to it. proc: our /proc/PID of it,
    None where the system has no such thing.
    prefix: what leads to its root from ours: empty, the folder of a chroot, or /proc/PID/root.
    folder: its current folder, in its own terms; None where it may not be read.
    program: the interpreter's file, in its own terms. home: its user's home.
    out_of_reach: why a path in its own terms is not to be touched.
    """

    pid: int
    proc: str | None = None
    prefix: str
    folder: str | None
    program: str
    home: str | None
    out_of_reach: Callable[[str], str | None]


def find_script(ran: Ran, view: View) -> str | None:
    """The file in the process's own terms, links resolved; a package spec (`npm:name`) as it stands.

    A file without a name is what its descriptor is to the process: OWN_DESCRIPTORS and a number.
    """
    if ran.module is not None:
        candidates = _module_files(ran, view)
    elif ran.script is not None:
        given = os.fsdecode(ran.script)
        if _PACKAGE_SPEC.fullmatch(given):
            return given
        candidates = _script_files(given.removeprefix("file://"), ran.family, view)
        if ran.instead is not None:
            candidates = chain(candidates, _script_files(os.fsdecode(ran.instead), ran.family, view))
    else:
        return None
    return _first(candidates, view)


def _first(candidates: Iterator[str], view: View) -> str | None:
    for candidate in candidates:
        found = resolve(candidate, view.out_of_reach, prefix=view.prefix, pid=view.pid)
        if found is not None and (view.out_of_reach(found) or _is_file(view.prefix + found)):
            return found  # one out of reach is shown, but not touched
        held = _DESCRIPTOR.fullmatch(candidate)
        if held and view.proc and _is_file(f"{view.proc}/fd/{held[1]}", link=True):
            return f"{OWN_DESCRIPTORS}{held[1]}"  # a memfd, or a file that has no name any more
    return None


OWN_DESCRIPTORS: Final = "/proc/self/fd/"
_DESCRIPTOR: Final = re.compile(r"(?:/proc/(?:self|thread-self)|/dev)/fd/(\d{1,9})")


def find_loads(ran: Ran, view: View) -> tuple[str, ...]:
    """The files that are loaded before the script, found as the script is."""
    if ran.family == "python":  # it has typed code only, which starts modules
        places = (_modules_own_files(os.fsdecode(given), ran, view) for given in ran.loads)
    else:
        places = (_load_files(os.fsdecode(given), ran.family, view) for given in ran.loads)
    found = (_first(candidates, view) for candidates in places)
    return tuple(dict.fromkeys(path for path in found if path is not None))


def _load_files(given: str, family: str, view: View) -> Iterator[str]:
    """A plain name is a package's: https://nodejs.org/api/modules.html#loading-from-node_modules-folders"""
    if given.startswith(("/", "./", "../", "file://")):
        yield from _script_files(given.removeprefix("file://"), family, view)
        return
    folder = view.folder
    for _ in range(_LEVELS):
        if folder is None:
            return
        yield from _script_files(f"{folder.rstrip('/')}/node_modules/{given}", family, view)
        folder = None if folder == "/" else os.path.dirname(folder)


def _script_files(given: str, family: str, view: View) -> Iterator[str]:
    start = _absolute(given, view.folder)
    if start is not None:
        for ending in _ENDINGS.get(family, ("",)):
            yield start + ending


def _absolute(path: str, folder: str | None) -> str | None:
    if path.startswith("/"):
        return path
    return None if folder is None else os.path.join(folder, path)


def _module_files(ran: Ran, view: View) -> Iterator[str]:
    inner = (ran.module or "").replace(".", "/")
    for folder in _module_folders(ran, view):
        yield f"{folder}/{inner}/__main__.py"
        yield f"{folder}/{inner}.py"


def _modules_own_files(module: str, ran: Ran, view: View) -> Iterator[str]:
    """Of a module that is imported."""
    inner = module.replace(".", "/")
    for folder in _module_folders(ran, view):
        yield from (f"{folder}/{inner}.py", f"{folder}/{inner}/__init__.py")


def _module_folders(ran: Ran, view: View) -> Iterator[str]:
    """sys.path as `python -m` builds it, without PYTHONPATH: the environment is not ours to read."""
    found = re.search(r"(\d+)\.(\d+)", view.program.rsplit("/", 1)[-1])
    known = f"python{found[0]}" if found else None
    python = known or "python3"
    if view.folder is not None:
        yield view.folder
    interpreter = os.fsdecode(ran.interpreter)
    called_as = _absolute(interpreter, view.folder) if "/" in interpreter else None
    for prefix in dict.fromkeys(_prefix(path) for path in (called_as, view.program) if path):
        for lib in (f"{prefix}/lib", f"{prefix}/lib64"):
            for name in (known,) if known else _versions_in(lib, view):
                yield f"{lib}/{name}"
                yield f"{lib}/{name}/site-packages"
    if view.home:
        yield f"{view.home}/.local/lib/{python}/site-packages"
    yield f"/usr/local/lib/{python}/dist-packages"
    yield "/usr/lib/python3/dist-packages"


def _versions_in(lib: str, view: View) -> tuple[str, ...]:
    """For an interpreter whose name has no version: mostly it is the only one of its prefix."""
    if view.out_of_reach(lib):
        return ()
    try:
        names = os.listdir(view.prefix + lib)
    except (OSError, ValueError):
        return ()
    return tuple(sorted(name for name in names if _VERSIONED.fullmatch(name)))[:_MOST_VERSIONS]


def _prefix(program: str) -> str:
    return os.path.dirname(os.path.dirname(program))


def _is_file(path: str, *, link: bool = False) -> bool:
    try:
        return stat.S_ISREG(os.stat(path, follow_symlinks=link).st_mode)
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return False
