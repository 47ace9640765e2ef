"""The command line is a contract: exit codes, the JSON's schema, where errors go, no progress in a pipe."""

import json
import os
import pty
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ptys import read_to_the_end

CHECKOUT = Path(__file__).parents[2]
AIPOLICY = [sys.executable, "-m", "aipolicy"]


def aipolicy(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command with an own home and PATH, so that the machine's other tools do not decide the test."""
    environ = {**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
    return subprocess.run(
        [*AIPOLICY, *arguments], env=environ, capture_output=True, text=True, check=False, timeout=300
    )


def schema(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((CHECKOUT / "docs/schemas" / f"{name}.json").read_text())
    return loaded


@pytest.fixture
def policy(tmp_path: Path) -> str:
    path = tmp_path / "policy.yaml"
    path.write_text("banned: [claude-code]\napproved: [qoder]\n")
    return str(path)


def test_the_json_fits_its_schema_and_says_what_the_exit_code_says(tmp_path: Path, policy: str) -> None:
    result = aipolicy(tmp_path, "scan", "--policy", policy, "--format", "json", "--all")
    report = json.loads(result.stdout)
    jsonschema.validate(report, schema("scan"))
    assert set(report["summary"]) == {"banned", "approved", "unlisted", "exempt"}
    certain = {v["ruling"] for v in report["verdicts"] if v["confidence"] == "certain"}
    expected = 1 if "banned" in certain else 0 if report["complete"] else 3
    assert result.returncode == expected
    assert result.stderr == ""  # no progress in a pipe, however long it took


def test_an_error_goes_to_standard_error_with_file_line_and_column(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("mode: blok\nbanned: [claud-code]\n")
    for command in (["scan", "--policy"], ["policy", "check"], ["explain", "qoder", "--policy"]):
        result = aipolicy(tmp_path, *command, str(bad))
        assert (result.returncode, result.stdout) == (2, ""), command
        assert f"{bad}:1:7: " in result.stderr
        assert f"{bad}:2:10: " in result.stderr
        assert "did you mean 'claude-code'?" in result.stderr


def test_a_wrong_flag_is_exit_code_2(tmp_path: Path) -> None:
    assert aipolicy(tmp_path, "scan", "--frmat", "json").returncode == 2


def test_in_a_terminal_the_table_keeps_to_standard_output(tmp_path: Path, policy: str) -> None:
    """Progress is drawn on standard error, so a terminal there must not spoil what is piped."""
    master, slave = pty.openpty()
    watching = threading.Thread(target=read_to_the_end, args=(master,), daemon=True)
    watching.start()  # a terminal that nobody reads is full after some minutes
    try:
        result = subprocess.run(
            [*AIPOLICY, "scan", "--policy", policy, "--format", "json"],
            env={**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / ".cache")},
            stdout=subprocess.PIPE,
            stderr=slave,
            check=False,
            timeout=300,
        )
    finally:
        os.close(slave)
        watching.join()
        os.close(master)
    assert json.loads(result.stdout)["schema"] == "aipolicy.scan/1"


def test_errors_are_coloured_in_a_terminal_only_and_not_where_nobody_wants_it(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("banned: [claud-code]\n")
    assert "\x1b[" not in aipolicy(tmp_path, "policy", "check", str(bad)).stderr
    for no_color, coloured in (("", True), ("1", False)):
        master, slave = pty.openpty()
        subprocess.run(
            [*AIPOLICY, "policy", "check", str(bad)],
            env={**os.environ, "NO_COLOR": no_color},
            stderr=slave,
            check=False,
            timeout=300,
        )
        os.close(slave)
        shown = read_to_the_end(master).decode()
        os.close(master)
        assert ("\x1b[31m" in shown or "\x1b[1" in shown) is coloured
        assert "did you mean 'claude-code'?" in shown
