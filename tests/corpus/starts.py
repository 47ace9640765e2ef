"""Ways to start a real tool that are no form of its own on a disk, and caches of what runs it once.

Each puts the tool into a home and starts it there, or leaves it where its client put it. Whoever starts it
holds it, so that it does not end by itself (benchmarks/enforced_forms.py).
"""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from corpus.cases import Case, sources
from corpus.places import Form, Place, Source, put
from machine.install_forms import environ, node_clients
from machine.real_packages import CACHE, fetched

STOPS = "--stopped-in-its-first-instant"
"""The last word of a command whose native program `notes` is to be."""

_MEMFD = """
import os, sys
fd = os.memfd_create("notes")
with open(sys.argv[1], "rb") as file:
    while block := file.read(1 << 20):
        os.write(fd, block)
os.execve(fd, sys.argv[1:], os.environ)
"""
_DELETED = """
import os, shutil, sys
shutil.copy(sys.argv[1], f"own/{os.getpid()}")
fd = os.open(f"own/{os.getpid()}", os.O_RDONLY)
os.unlink(f"own/{os.getpid()}")
os.execve(fd, sys.argv[1:], os.environ)
"""
_RENAMED = "import os, sys; os.execv(sys.argv[1], ['bash', *sys.argv[2:]])"


def _program(*before: str) -> Form:
    """The native program, started by this command."""

    def form(source: Source, place: Place) -> int:
        _own(place)
        return place.run(*before, put(source.program_file, place.home / "notes"), STOPS)

    return form


def _program_by(line: str, *before: str) -> Form:
    """By a line of shell in the home; "$@" is the program's arguments."""

    def form(source: Source, place: Place) -> int:
        put(source.program_file, place.home / "notes")
        _own(place)
        (place.home / "other").touch()
        return place.run(*before, "sh", "-c", line, "sh", STOPS)

    return form


def _own(place: Place) -> None:
    """A folder that whoever starts it may write to."""
    (place.home / "own").mkdir()
    (place.home / "own").chmod(0o777)


def _script(*command: str) -> Form:
    """The tool's script as notes.mjs, and files that load it."""

    def form(source: Source, place: Place) -> int:
        put(source.script_file, place.home / "notes.mjs")
        for name, text in _BESIDE.items():
            (place.home / name).write_text(text)
            (place.home / name).chmod(0o755)
        return place.run(*command)

    return form


_BESIDE = {
    "app.js": "setTimeout(() => 0, 600000);\n",
    "imports.mjs": 'import "./notes.mjs";\n',
    "made.mjs": 'const name = "notes"; await import("./" + name + ".mjs");\n',
    "start": '#!/bin/sh\nexec node ./notes.mjs "$@"\n',
}


def _pnpm_dlx(source: Source, place: Place) -> None:
    pnpm = str(node_clients() / "pnpm/bin/pnpm.cjs")
    own = environ(place.home, XDG_CACHE_HOME=f"{place.home}/.cache")
    where = (f"--config.store-dir={CACHE}/pnpm-store", "--config.ignore-scripts=true")
    fetched("node", pnpm, *where, f"--package={source.npm}", "dlx", "node", "-e", "0", environ=own)


def _bunx(source: Source, place: Place) -> None:
    bun = next(node_clients().glob("@oven/bun-linux-*/bin/bun"), None)
    if bun is None:
        pytest.skip("bun has no program for this processor")
    own = environ(place.home)  # its cache lies in the one of all that it downloads
    fetched(str(bun), "x", "--bun", source.npm, "--version", environ=own)
    for folder, _, _ in os.walk(place.home):
        Path(folder).chmod(0o755)


_PRIVATE = ("unshare", "-Urm")

STARTS: dict[str, tuple[str, Form]] = {
    "a memfd": ("amp", _program("/usr/bin/python3", "-I", "-S", "-c", _MEMFD)),
    "a deleted file": ("amp", _program("/usr/bin/python3", "-I", "-S", "-c", _DELETED)),
    "/dev/fd/N of a program": ("amp", _program_by('exec 9< ./notes; exec /dev/fd/9 "$@"')),
    "another name in its arguments": (
        "amp",
        _program("/usr/bin/python3", "-I", "-S", "-c", _RENAMED),
    ),
    "a bind mount": (
        "amp",
        _program_by('mount --bind notes other && exec ./other "$@"', *_PRIVATE),
    ),
    "a private mount namespace": ("amp", _program(*_PRIVATE)),
    "a filesystem of its own in a private mount namespace": (
        "amp",
        _program_by('mount -t tmpfs own own && cp notes own/x && exec own/x "$@"', *_PRIVATE),
    ),
    "a private process namespace": ("amp", _program("unshare", "-Urpf", "--mount-proc")),
    "a private user namespace": ("amp", _program("unshare", "-Ur")),
    "bubblewrap": (
        "amp",
        _program("bwrap", "--unshare-all", "--bind", "/", "/", "--dev", "/dev", "--proc", "/proc"),
    ),
    "a detached daemon": ("amp", _program("setsid", "--fork")),
    "a detached daemon of node": ("qwen-code", _script("setsid", "--fork", "node", "notes.mjs")),
    "node --import": ("qwen-code", _script("node", "--import", "./notes.mjs", "app.js")),
    "node -r": ("qwen-code", _script("node", "-r", "./notes.mjs", "app.js")),
    "named in NODE_OPTIONS": (
        "qwen-code",
        _script("sh", "-c", 'NODE_OPTIONS="$NODE_OPTIONS --import=$PWD/notes.mjs" exec node app.js'),
    ),
    "a script from the input": (
        "qwen-code",
        _script("sh", "-c", "exec node --input-type=module - < notes.mjs"),
    ),
    "a script from a pipe": (
        "qwen-code",
        _script("sh", "-c", "cat notes.mjs | node --input-type=module -"),
    ),
    "/dev/fd/N of a script": ("qwen-code", _script("sh", "-c", "exec node /dev/fd/9 9< notes.mjs")),
    "arguments erased": ("qwen-code", _script("node", "--title=x", "notes.mjs")),
    "a wrapper script": ("qwen-code", _script("./start")),
    "imported by a script": ("qwen-code", _script("node", "imports.mjs")),
    "imported by a name made up": ("qwen-code", _script("node", "made.mjs")),
    "pnpm dlx cache": ("qwen-code", _pnpm_dlx),
    "bunx cache": ("qwen-code", _bunx),
}


def started() -> Iterator[Case]:
    """Each as a case of the corpus."""
    known = sources()
    for form, (name, build) in STARTS.items():
        source = known[name]
        yield Case(
            title=f"{name}: {form}", source=name, form=form, build=partial(build, source), tool=source.tool
        )
