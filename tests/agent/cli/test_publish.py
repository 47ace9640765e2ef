"""Given what nobody should publish, then it never leaves this machine."""

import itertools
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aipolicy.cli import main
from aipolicy.core.publishing import POLICIES_PATH
from fault_server import FaultServer


def at(server: FaultServer, *arguments: str) -> Result:
    environ = {"AIPOLICY_SERVER": server.url, "AIPOLICY_TOKEN": "aipa_x"}
    return CliRunner().invoke(main, ["policy", *arguments], env=environ)


@pytest.fixture
def policy(tmp_path: Path) -> str:
    path = tmp_path / "policy.yaml"
    path.write_text("banned: [claude-code]\n")
    return str(path)


@pytest.mark.parametrize("percent", ["nan", "0", "-1", "100.1", "inf", "many"])
def test_a_part_of_the_machines_that_is_none_is_not_all_of_them(policy: str, percent: str) -> None:
    with FaultServer() as server:
        said = at(server, "publish", policy, "--canary", percent)
        assert server.exchanges == []
    assert said.exit_code == 2
    assert "Invalid value for '--canary'" in said.stderr


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="needs a file without end")
def test_a_file_without_end_is_not_sent(policy: str) -> None:
    with FaultServer() as server:
        said = at(server, "publish", "/dev/zero")
        assert server.exchanges == []
    assert said.exit_code == 2
    assert "4,000,000 are the most allowed [E001]" in said.stderr


def test_a_history_that_never_gets_older_ends() -> None:
    rollout = {"current": 0, "older": 0, "refusing": 0, "own": 0, "unknown": 0}
    row = {"number": 2, "version": "5fe4a9a4f193", "sha256": "a" * 64, "name": "p.yaml", "mode": "block"}
    row |= {
        "at": "2026-11-26T23:33:00Z",
        "by": "x",
        "author": "",
        "approver": "",
        "commit": "",
        "copy_of": None,
    }
    page = json.dumps({"current": 2, "rows": [row], "next": "", "rollout": rollout}).encode()
    pages = itertools.repeat(lambda exchange: exchange.answer(200, page))
    with FaultServer(faults=pages, on=POLICIES_PATH) as server:
        said = at(server, "history")
        assert len(server.exchanges) == 2
    assert (said.exit_code, said.stderr) == (
        2,
        "the answer is none of an aipolicy server: is --server right?\n",
    )
