"""Where the corpus puts a real tool, and what it takes it from."""

import ctypes
import os
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from machine.real_packages import npm_prefix
from machine.roots import HOLDS, Box, busybox_root, container, python_image
from machine_needs import Started, is_stopped, runs, until

_TRACED = """
import ctypes, os, sys
ctypes.CDLL(None).ptrace(0, 0, 0, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""PTRACE_TRACEME, ptrace(2): it stops at its exec, before its first instruction."""
_DETACH = 17


@dataclass(frozen=True, kw_only=True)
class Source:
    """A real package; see positives.yaml."""

    name: str
    tool: str
    version: str
    npm: str = ""
    pypi: str = ""
    program: str = ""
    script: str = ""
    command: str = ""
    module: str = ""
    entry: str = ""

    @property
    def prefix(self) -> Path:
        """The npm prefix it was installed into."""
        return npm_prefix(self.npm)

    def inside(self, home: Path, pattern: str) -> Path:
        """The one file that `pattern` names below `home`."""
        found = sorted(home.glob(pattern))
        if not found:
            pytest.skip(f"{self.name}: {pattern} is not in the package for this processor")
        return found[0]

    @property
    def program_file(self) -> Path:
        return self.inside(self.prefix, self.program)

    @property
    def script_file(self) -> Path:
        return self.inside(self.prefix, self.script)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a form is put: a home, whose it is, and who keeps what runs there.

    boxes: the containers into which such homes were put.
    """

    home: Path
    started: Started
    uid: int = 0
    boxes: list[Box] = field(default_factory=list)

    def run(self, *command: str | Path) -> int:
        """Starts a program and stops it before it does anything; returns its pid."""
        child = self.started.run(
            [sys.executable, "-I", "-S", "-c", _TRACED, *(str(word) for word in command)],
            cwd=self.home,
            env={"HOME": str(self.home), "PATH": os.environ["PATH"]},
        )
        _, status = os.waitpid(child.pid, 0)
        assert os.WIFSTOPPED(status), f"{command[0]} does not start"
        ctypes.CDLL(None).ptrace(_DETACH, child.pid, None, ctypes.c_void_p(signal.SIGSTOP))
        until(lambda: is_stopped(child.pid))
        return child.pid

    @property
    def image(self) -> Path:
        """Of the container into which the home was put."""
        return self.home.parents[1] / "var/lib/images" / self.home.name

    @property
    def in_image(self) -> Path:
        """Where what the home held lies then."""
        return self.image / f"layer{IN_THERE}"

    def into_a_container(self) -> Box:
        """What the home holds is now IN_THERE in a running one: a layer of its image, and no longer here."""
        image, home = self.image, self.in_image
        home.parent.mkdir(parents=True)
        shutil.move(self.home, home)
        os.chown(home, self.uid, self.uid)
        self.home.mkdir()
        base, layers = busybox_root(image / "base"), (image / "layer", python_image())
        box = container(self.started, base, image / "work", more=layers)
        self.boxes.append(box)
        return box

    def run_python_in(self, box: Box, *command: str) -> int:
        """Starts Python in there, which waits before it does anything."""
        enter = ("nsenter", f"--target={box.pid}", "--mount", "--root", f"--wdns={IN_THERE}")
        held = {"HOME": IN_THERE, "PATH": "/usr/bin:/bin", "PYTHONPATH": HOLDS}
        pid = self.started.run([*enter, *command], env=held).pid
        until(lambda: runs(pid, "python"))
        return pid


IN_THERE = "/home/dev"

Form = Callable[[Source, Place], int | None]
"""Puts `source` into the place; the pid where it runs."""


def tree_of_links(source: Path, target: Path) -> None:
    """A copy of a folder whose files are hard links, or copies where they cannot be."""
    shutil.copytree(source, target, symlinks=True, copy_function=link, dirs_exist_ok=True)


def link(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def put(source: Path, target: Path, more: bytes = b"") -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    with target.open("ab") as file:
        file.write(more)
    target.chmod(0o755)
    return target
