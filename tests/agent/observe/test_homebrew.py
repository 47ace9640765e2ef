"""Homebrew's formulae and casks on Linux."""

from pathlib import Path

from host import FakeMachine
from installed import NATIVE_OTHER, described, look, put


def test_formula_and_cask(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    brew = machine.at("/home/linuxbrew/.linuxbrew")
    put(f"{brew}/Cellar/claude-code/2.1.7/bin/claude", NATIVE_OTHER)
    put(f"{brew}/Caskroom/claude-code/2.1.8/claude", NATIVE_OTHER)
    put(f"{brew}/Caskroom/claude-code/.metadata/x", b"")
    put(f"{brew}/Cellar/jq/1.7/bin/jq", NATIVE_OTHER)
    packages = {line for line in described(look(machine)) if line.startswith("homebrew")}
    assert packages == {
        "homebrew formula: claude-code 2.1.7 of root",
        "homebrew cask: claude-code 2.1.8 of root",
    }


def test_an_empty_room_has_no_code(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    Path(machine.at("/home/linuxbrew/.linuxbrew/Cellar/claude-code/2.1.7")).mkdir(parents=True)
    assert described(look(machine)) == {"homebrew formula: claude-code 2.1.7 of root without code"}
