"""`aipolicy doctor --quick`: what keeps the agent from its whole job, a line each, without a proof."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import faults as fault
from aipolicy.cli import main
from aipolicy.core.wire import POLICY_PATH
from aipolicy.platforms.linux_needs import CAPABILITIES, missing_rights
from fault_server import Fault, FaultServer
from tool_files import OTHER


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's settings file, as if it lay there."""
    path = tmp_path / "agent.yaml"
    monkeypatch.setattr("aipolicy.settings.SYSTEM_CONFIG", str(path))
    return path


def quick(tmp_path: Path, *more: str) -> str:
    """What it says of a machine where no agent runs."""
    policy = tmp_path / "policy.yaml"
    if not policy.exists():
        policy.write_text("banned: []\n")
    asked = ["doctor", "--quick", "--state", str(tmp_path / "none"), "--policy", str(policy), *more]
    result = CliRunner().invoke(main, asked, prog_name="aipolicy")
    assert result.exit_code == 1, result.output
    return result.output


def test_what_is_well_is_one_line_and_nothing_is_proved(tmp_path: Path, config: Path) -> None:
    config.write_text("scan_every_s: 60\n")
    lines = quick(tmp_path).splitlines()
    assert any(line.startswith("look  agent ") for line in lines)
    assert lines[-1].startswith("ok    settings, policy")
    assert "proof" not in "".join(lines)


def test_wrong_settings_are_told_with_their_places_and_the_rest_is_looked_at(
    tmp_path: Path, config: Path
) -> None:
    config.write_text("servr: https://a\n")
    folder = Path(f"{config}.d")
    folder.mkdir()
    (folder / "10.yaml").write_text("guard: maybe\n")
    said = quick(tmp_path)
    assert f"look  settings           {config}:1:1: unknown setting 'servr'" in said
    assert f"; {folder}/10.yaml:1:8: guard is auto, on or off" in said
    assert "look  agent" in said


def test_the_files_that_settings_were_read_from_are_named(tmp_path: Path, config: Path) -> None:
    config.write_text("scan_every_s: 60\n")
    folder = Path(f"{config}.d")
    folder.mkdir()
    (folder / "10.yaml").write_text("scan_every_s: 90\n")
    checks = json.loads(quick(tmp_path, "--format", "json"))["checks"]
    (settings,) = (check for check in checks if check["part"] == "settings")
    assert settings["says"] == f"read from {config}, {folder}/10.yaml"


def test_a_wrong_policy_and_wrong_tool_files_are_told_and_the_rest_is_looked_at(
    tmp_path: Path, config: Path
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "ours.yaml").write_text("id: [\n")
    config.write_text(f"tools: {tools}\n")
    (tmp_path / "policy.yaml").write_text("banned: [claud-code]\n")
    said = quick(tmp_path)
    assert f"look  tools              {tools}/ours.yaml:1:5: " in said
    assert f"look  policy             {tmp_path}/policy.yaml:1:10: " in said


def test_a_policy_that_names_a_tool_of_its_own_is_right(tmp_path: Path, config: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "other.yaml").write_text(OTHER)
    config.write_text(f"tools: {tools}\n")
    (tmp_path / "policy.yaml").write_text("banned: [other]\n")
    said = quick(tmp_path)
    assert "look  policy" not in said
    assert "look  tools" not in said


def test_a_server_that_answers_is_well(tmp_path: Path, config: Path) -> None:
    with FaultServer() as server:
        config.write_text(f"server: {server.url}\n")
        assert "look  server" not in quick(tmp_path)


@pytest.mark.parametrize(
    ("answer", "words"),
    [(fault.captive_portal, "captive portal"), (fault.close_at_once, "RemoteDisconnected")],
)
def test_what_is_not_our_server_is_said(tmp_path: Path, config: Path, answer: Fault, words: str) -> None:
    with FaultServer(faults=[answer], on=POLICY_PATH) as server:
        config.write_text(f"server: {server.url}\n")
        (line,) = (line for line in quick(tmp_path).splitlines() if line.startswith("look  server"))
        assert words in line


def test_a_server_that_is_not_there_is_said(tmp_path: Path, config: Path) -> None:
    config.write_text("server: http://127.0.0.1:9\n")
    assert "look  server             http://127.0.0.1:9: connection refused" in quick(tmp_path)


def test_each_capability_that_is_missing_is_named() -> None:
    assert missing_rights("CapInh:\t0\nCapEff:\t000001ffffffffff\n") == ()
    without_admin = (1 << 41) - 1 - (1 << 21)
    (missing,) = missing_rights(f"CapEff:\t{without_admin:016x}\n")
    assert missing.startswith("CAP_SYS_ADMIN is missing: ")
    assert len(missing_rights("CapEff:\t0000000000000000\n")) == len(CAPABILITIES)
