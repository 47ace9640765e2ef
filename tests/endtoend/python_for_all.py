"""The Python that runs the tests, in a form that any person of the machine may run.

Root's Python often lies in /root, closed to everybody else. Then its files are linked (or copied) into a
folder that is open to all, and the code under test with them.
"""

import atexit
import functools
import os
import shutil
import site
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aipolicy
import aipolicy_server

_NOT_NEEDED = ("__pycache__", "mypy", "ruff", "playwright")
SOMEBODY = 54_000
"""Uids from here on belong to nobody: an agent that runs as one of them sees no process but its own."""


@dataclass(frozen=True)
class Python:
    """How to start it. person: arguments for subprocess that make it somebody else's process."""

    command: tuple[str, ...]
    environ: dict[str, str] = field(default_factory=dict)
    uid: int | None = None

    @property
    def person(self) -> dict[str, Any]:
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.uid, "extra_groups": []}


def stranger() -> int | None:
    """A uid of this worker's own where we may become one; None: stay who we are."""
    if os.geteuid() != 0:
        return None
    return SOMEBODY + os.getpid() % 10_000


def python_for(uid: int | None) -> Python:
    """Python for the process of `uid`; None: of whoever runs the tests."""
    here = Python((sys.executable,))
    if uid is None or _may_run(Python((sys.executable,), uid=uid)):
        return Python(here.command, uid=uid)
    command, environ = _for_all()
    return Python((command,), environ, uid)


def _may_run(python: Python) -> bool:
    try:
        tried = subprocess.run(
            [*python.command, "-c", "import aipolicy, aipolicy_server"],
            cwd="/",
            capture_output=True,
            check=False,
            **python.person,
        )
    except OSError:
        return False
    return tried.returncode == 0


@functools.cache
def _for_all() -> tuple[str, dict[str, str]]:
    folder = Path(tempfile.mkdtemp(prefix="aipolicy-python-", dir="/tmp"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o755)
    real = Path(os.path.realpath(sys.executable))
    standard = Path(sysconfig.get_path("stdlib"))
    _link(real, folder / "bin" / real.name)
    _link_tree(standard, folder / "lib" / standard.name, skip=("site-packages", "test", "__pycache__"))
    for shared in standard.parent.glob("libpython3*.so*"):
        _link(shared, folder / "lib" / shared.name)
    packages = [Path(place) for place in site.getsitepackages()]
    for number, place in enumerate(packages):
        _link_tree(
            place, folder / "packages" / str(number), skip=("__pycache__", "mypy", "ruff", "playwright")
        )
    for module in (aipolicy, aipolicy_server):
        source = Path(str(module.__file__)).parent
        _link_tree(source, folder / "code" / source.name, skip=("__pycache__",))
    path = [folder / "code", *(folder / "packages" / str(number) for number in range(len(packages)))]
    environ = {"PYTHONPATH": os.pathsep.join(map(str, path)), "LD_LIBRARY_PATH": str(folder / "lib")}
    return str(folder / "bin" / real.name), environ


def _link_tree(source: Path, target: Path, skip: Iterable[str]) -> None:
    shutil.copytree(source, target, copy_function=_link, ignore=shutil.ignore_patterns(*skip), symlinks=True)


def _link(source: str | Path, target: str | Path) -> None:
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(os.path.realpath(source), target)
    except OSError:  # another filesystem
        shutil.copy2(source, target)
    if not os.stat(target).st_mode & 0o004:
        target.unlink()
        shutil.copy2(source, target)
        target.chmod(0o755)
