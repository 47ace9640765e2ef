"""What the PyInstaller specs of the agent and of the server have in common.

A folder and never one file: that would unpack itself into a temporary folder at each start, as root.
"""

from pathlib import Path

from PyInstaller.building.api import COLLECT, EXE, PYZ
from PyInstaller.building.build_main import Analysis

HERE = Path(__file__).parent
NOT_OURS = ["tkinter", "_tkinter", "pip", "setuptools", "pydoc", "unittest", "lib2to3"]


def program(name, entry, hidden=(), data=(), left_out=(), as_files=()):
    """A program of the bundle. hidden: modules that no analysis sees. left_out: those not to be in it.

    as_files: packages that lie in it as files, which anybody may replace.
    """
    found = Analysis(
        [str(entry)],
        hiddenimports=list(hidden),
        datas=list(data),
        runtime_hooks=[str(HERE / "own_environment.py")],
        excludes=[*NOT_OURS, *left_out],
        module_collection_mode=dict.fromkeys(as_files, "py"),
    )
    made = EXE(PYZ(found.pure), found.scripts, exclude_binaries=True, name=name, console=True, strip=True)
    return [made, found.binaries, found.datas]


def folder(name, *programs):
    """The bundle with these programs."""
    COLLECT(*[part for one in programs for part in one], name=name, strip=True)
