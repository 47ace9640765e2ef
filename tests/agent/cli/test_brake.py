"""`aipolicy brake`, as root meets it."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aipolicy.cli import main
from aipolicy.platforms.boot import boot_now
from aipolicy.state.brake import LocalBrake

pytestmark = pytest.mark.skipif(boot_now() is None, reason="no boot clock here")


def brake(state: Path, *arguments: str) -> Result:
    words = ["brake", "--state", str(state), *arguments]
    return CliRunner().invoke(main, words, catch_exceptions=False, env={"SUDO_UID": ""})


def test_it_is_pulled_for_a_time_and_lifted(tmp_path: Path) -> None:
    result = brake(tmp_path, "--for", "2h", "--reason", "an audit of ours")
    assert result.exit_code == 0
    assert result.stdout.startswith("braked until 2")
    assert "aipolicy brake --off" in result.stdout
    assert "no agent answers here now" in result.stderr
    held, now = LocalBrake(tmp_path, boot_now).held(), boot_now()
    assert held is not None
    assert now is not None
    assert 7100 < held.until_s - now.seconds <= 7200
    assert held.reason == "an audit of ours"
    assert held.by
    assert brake(tmp_path, "--off").stdout == "lifted: the policy's own mode is in force again\n"
    assert LocalBrake(tmp_path, boot_now).held() is None
    assert brake(tmp_path, "--off").stdout == "no brake held\n"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--for", "2h", "--off"),
        ("--for", ""),
        ("--for", "2"),
        ("--for", "0m"),
        ("--for", "25h"),
        ("--for", "1441m"),
        ("--for", "-1h"),
        ("--for", "2d"),
        ("--for", "²h"),
        ("--for", "99999999h"),
        ("--for", "2h", "--reason", "two\nlines"),
        ("--for", "2h", "--reason", "x" * 501),
    ],
)
def test_what_makes_no_sense_says_what_to_write(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = brake(tmp_path, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--" in result.stderr
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_where_no_agent_ever_ran_is_named(tmp_path: Path) -> None:
    result = brake(tmp_path / "none", "--for", "2h")
    assert result.exit_code == 2
    assert f"{tmp_path}/none: no agent has run with this folder" in result.stderr
