"""Given what nobody should publish, then it never leaves this machine."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aipolicy.cli import main
from fault_server import FaultServer


def publish(server: FaultServer, *arguments: str) -> Result:
    environ = {"AIPOLICY_SERVER": server.url, "AIPOLICY_TOKEN": "aipa_x"}
    return CliRunner().invoke(main, ["policy", "publish", *arguments], env=environ)


@pytest.fixture
def policy(tmp_path: Path) -> str:
    path = tmp_path / "policy.yaml"
    path.write_text("banned: [claude-code]\n")
    return str(path)


@pytest.mark.parametrize("percent", ["nan", "0", "-1", "100.1", "inf", "many"])
def test_a_part_of_the_machines_that_is_none_is_not_all_of_them(policy: str, percent: str) -> None:
    with FaultServer() as server:
        said = publish(server, policy, "--canary", percent)
        assert server.exchanges == []
    assert said.exit_code == 2
    assert "Invalid value for '--canary'" in said.stderr


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="needs a file without end")
def test_a_file_without_end_is_not_sent(policy: str) -> None:
    with FaultServer() as server:
        said = publish(server, "/dev/zero")
        assert server.exchanges == []
    assert said.exit_code == 2
    assert "4,000,000 are the most allowed [E001]" in said.stderr
