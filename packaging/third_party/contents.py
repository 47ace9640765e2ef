"""What PyInstaller put into a bundle, and which file of this machine each part of it was made from."""

import ast
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import PyInstaller
from PyInstaller import PLATFORM

CONTENTS = "_internal"
"""Where PyInstaller lays all but the programs."""
_STDLIB = Path(sysconfig.get_path("stdlib"))
_LOADER = Path(PyInstaller.__file__).parent / "loader"
_START = Path(PyInstaller.__file__).parent / "bootloader" / PLATFORM / "run"
"""Each program begins with it."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """place: the file of the bundle that it is, or lies in; source: what it was made from."""

    place: str
    source: Path


def parts(work: Path) -> Iterator[Part]:
    """work: the folder into which PyInstaller wrote its notes, of the bundle that it made last."""
    programs = []
    for name, source, kind in _notes(work / "COLLECT-00.toc")[0]:
        if kind == "EXECUTABLE":
            programs.append(name)
        elif name == "base_library.zip":
            yield from _modules_of(Path(source))
        elif kind not in ("SYMLINK", "DEPENDENCY"):
            yield Part(place=f"{CONTENTS}/{name}", source=Path(source))
    for number, program in enumerate(_programs_in_order(work, programs)):
        yield Part(place=program, source=_START)
        for name, source, _ in (
            _notes(work / f"PKG-{number:02}.toc")[2] + _notes(work / f"PYZ-{number:02}.toc")[1]
        ):
            if source and source != "-" and not name.endswith(".pyz"):
                yield Part(place=program, source=_own_source(name, Path(source)))


def _notes(file: Path) -> tuple:
    """PyInstaller's own form of notes: one Python literal."""
    return ast.literal_eval(file.read_text())


def _programs_in_order(work: Path, programs: list[str]) -> list[str]:
    """Of EXE-00.toc, EXE-01.toc and so on, which stand beside the PKG and PYZ of the same number."""
    named = [Path(_notes(file)[0]).name for file in sorted(work.glob("EXE-*.toc"))]
    if sorted(named) != sorted(programs):
        raise ValueError(f"{work}: notes of {named}, but the programs are {programs}")
    return named


def _modules_of(library: Path) -> Iterator[Part]:
    """The part of the standard library that Python needs before it can read an archive of PyInstaller's."""
    for name in ZipFile(library).namelist():
        yield Part(place=f"{CONTENTS}/{library.name}", source=_STDLIB / name.replace(".pyc", ".py"))


def _own_source(name: str, source: Path) -> Path:
    """PyInstaller compiles the modules that its start needs into its folder of work, from these places."""
    if source.parent.name != "localpycs":
        return source
    return next(file for place in (_STDLIB, _LOADER) if (file := place / f"{name}.py").exists())
