"""Debs of other versions of the agent, for upgrades and downgrades: the same code, told by a file beside it.

One more bundle is made, whose version, schema of the state database and readiness to crash come from files in
/usr/lib/aipolicy; a deb is the built one with that bundle and those files.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import aipolicy
from machine.real_packages import locked
from packaging_needs import BUNDLE, CHECKOUT, PACKAGING, built

_SAID = """
import os
import sys

def said(name: str, otherwise: str) -> str:
    try:
        with open(os.path.join(os.path.dirname(sys.executable), f"variant-{name}")) as file:
            return file.read()
    except OSError:
        return otherwise

__version__ = said("version", "0")
"""
_EDITS = {
    "__init__.py": (f'__version__ = "{aipolicy.__version__}"', _SAID),
    "state/schema.py": ("SCHEMA = 1\n", "from aipolicy import said\nSCHEMA = int(said('schema', '1'))\n"),
    "daemon/loop.py": (
        "            self._service.ready(",
        "            from aipolicy import said\n"
        "            if said('crash', '') and self._judge().most_here() is Action.BLOCK:\n"
        "                os.abort()\n"
        "            self._service.ready(",
    ),
}


def deb_of(folder: Path, version: str, *, schema: int = 1, crashes: bool = False) -> Path:
    """The deb of that version. crashes: it aborts before it is ready, where its policy blocks anything."""
    root = folder / f"files-{version}"
    _done("dpkg-deb", "-R", built("aipolicy_*.deb"), root)
    place = root / "usr/lib/aipolicy"
    shutil.rmtree(place)
    shutil.copytree(_bundle(), place, symlinks=True)
    said = {"version": version, "schema": str(schema)} | ({"crash": "yes"} if crashes else {})
    for name, text in said.items():
        (place / f"variant-{name}").write_text(text)
    control = root / "DEBIAN/control"
    control.write_text(control.read_text().replace(f"Version: {aipolicy.__version__}", f"Version: {version}"))
    sums = [
        f"{hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()}  {file.relative_to(root)}\n"
        for file in sorted(root.rglob("*"))
        if file.is_file() and not file.is_symlink() and "DEBIAN" not in file.parts
    ]
    (root / "DEBIAN/md5sums").write_text("".join(sums))
    deb = folder / f"aipolicy-{version}.deb"
    _done("dpkg-deb", "--root-owner-group", "-Znone", "-b", root, deb)
    shutil.rmtree(root)
    return deb


def _bundle() -> Path:
    """Made once for what is built now."""
    place = CHECKOUT / "build/variant"
    made_of = hashlib.sha256((BUNDLE / "aipolicy").read_bytes() + repr(_EDITS).encode()).hexdigest()
    stamp = place / "made-of"
    with locked("variant"):
        if not stamp.exists() or stamp.read_text() != made_of:
            shutil.rmtree(place, ignore_errors=True)
            _make(place)
            stamp.write_text(made_of)
    return place / "aipolicy"


def _make(place: Path) -> None:
    venv = BUNDLE.parent / "venv"
    (installed,) = venv.glob("lib/python*/site-packages/aipolicy")
    shutil.copytree(installed, place / "code/aipolicy")
    for name, (before, after) in _EDITS.items():
        file = place / "code/aipolicy" / name
        text = file.read_text()
        assert before in text, name
        file.write_text(text.replace(before, after, 1))
    _done(
        *(venv / "bin/pyinstaller", "--log-level", "ERROR", "--noconfirm", "--distpath", place),
        *("--workpath", place / "work", PACKAGING / "aipolicy.spec"),
        environ={**os.environ, "PYTHONPATH": str(place / "code")},
    )


def _done(*command: str | Path, environ: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=480)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
