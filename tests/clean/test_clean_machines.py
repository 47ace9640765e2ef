"""Recorded machines without an AI tool: nothing is found there that is more than possible."""

from pathlib import Path

import pytest

from aipolicy.core.model import Confidence, State
from clean.recording import MACHINES, replayed
from corpus.scoring import look


@pytest.mark.parametrize("name", MACHINES)
def test_nothing_is_found_on_a_clean_machine(name: str, tmp_path: Path) -> None:
    machine = replayed(name, tmp_path)
    assert len(machine.running) > 20
    found = [f for f in look(machine) if f.confidence is not Confidence.POSSIBLE]
    assert not found


@pytest.mark.parametrize("name", MACHINES)
def test_a_tool_on_such_a_machine_is_found(name: str, tmp_path: Path) -> None:
    """The replay is looked at at all: a tool among its files stands out."""
    machine = replayed(name, tmp_path)
    package = "opt/tools/lib/node_modules/@openai/codex"
    machine.file(
        f"{package}/package.json", b'{"name":"@openai/codex","version":"1.2.3","bin":"bin/codex.js"}'
    )
    machine.file(f"{package}/bin/codex.js", b"#!/usr/bin/env node\n" + b"// code\n" * 5_000)
    found = [f for f in look(machine) if f.confidence is Confidence.CERTAIN]
    assert {(f.tool, f.state, f.version) for f in found} == {("codex", State.INSTALLED, "1.2.3")}
