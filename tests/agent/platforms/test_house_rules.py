"""Every platform module imports on every system, and only one of them asks which system it is."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import aipolicy.platforms
from aipolicy.platforms import this_machine
from aipolicy.platforms.darwin import DarwinMachine
from aipolicy.platforms.machine import Machine
from aipolicy.platforms.windows import WindowsMachine
from host import FakeMachine

FOLDER = Path(aipolicy.platforms.__file__).parent
MODULES = sorted(module.name for module in pkgutil.iter_modules([str(FOLDER)]))


@pytest.mark.parametrize("name", MODULES)
def test_it_imports_and_reads_no_platform(name: str) -> None:
    importlib.import_module(f"aipolicy.platforms.{name}")
    assert not re.search(r"\bsys\.platform\b", (FOLDER / f"{name}.py").read_text())


def test_nowhere_else_in_the_agent_either() -> None:
    asking = [
        str(place.relative_to(FOLDER.parent))
        for place in FOLDER.parent.rglob("*.py")
        if re.search(r"\bsys\.platform\b", place.read_text())
    ]
    assert asking == ["platforms/__init__.py"]


def machines(tmp_path: Path) -> list[Machine]:
    """mypy holds each to the Protocol here."""
    return [FakeMachine(tmp_path), this_machine(), DarwinMachine({}), WindowsMachine({})]


def test_every_machine_answers_about_itself(tmp_path: Path) -> None:
    for machine in machines(tmp_path):
        assert machine.host("1.0").agent_version == "1.0"
        assert machine.os in ("linux", "macos", "windows")
        assert machine.process(2_000_000_000) is None
        assert machine.image(2_000_000_000) is None
        assert machine.hold(2_000_000_000) is None
        assert machine.descendants(2_000_000_000) == ()
        assert machine.terminal(2_000_000_000) is None
        assert machine.parent(2_000_000_000) is None
