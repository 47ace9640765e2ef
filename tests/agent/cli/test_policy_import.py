"""Given a file of another product's rules, then what `policy import` prints, writes and exits with."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aipolicy.cli import main


def import_(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["policy", "import", *arguments], input=stdin)


@pytest.fixture
def names(tmp_path: Path) -> str:
    path = tmp_path / "names.txt"
    path.write_text("Cursor\nFirefox\n")
    return str(path)


def test_the_policy_goes_to_standard_output_and_what_is_left_to_standard_error(names: str) -> None:
    said = import_(names)
    assert said.exit_code == 0
    assert "- cursor  # line 1" in said.stdout
    assert "1 of 2 rules carried over" in said.stderr


def test_a_dash_is_standard_input() -> None:
    assert "- cursor" in import_("-", stdin="cursor\n").stdout


@pytest.mark.parametrize("text", ["", "# none yet\n", '{"rules": []}', '<AppLockerPolicy Version="1"/>'])
def test_a_file_without_any_rule_is_no_policy(tmp_path: Path, text: str) -> None:
    path = tmp_path / "theirs"
    path.write_text(text)
    said = import_(str(path), "--output", str(tmp_path / "policy.yaml"))
    assert said.exit_code == 2
    assert f"{path}: no rule is in it" in said.stderr
    assert not (tmp_path / "policy.yaml").exists()


def test_a_full_disk_leaves_no_half_policy(tmp_path: Path, names: str) -> None:
    output = tmp_path / "policy.yaml"
    said = subprocess.run(
        [sys.executable, "-m", "aipolicy", "policy", "import", names, "--output", str(output)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8, 8)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 2
    assert f"{output}: cannot be written: File too large" in said.stderr
    assert not output.exists()
