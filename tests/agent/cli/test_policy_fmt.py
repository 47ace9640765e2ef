"""`aipolicy policy fmt`, as a person, a pre-commit hook and an attacker's folder see it."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aipolicy.cli.policy import policy

UNTIDY = "mode: block\nname: acme\nbanned: [ 'claude-code' ] # why\n"
TIDY = "name: acme\nmode: block\nbanned: [claude-code]  # why\n"


def fmt(*arguments: str | Path, given: bytes | None = None) -> Result:
    return CliRunner().invoke(policy, ["fmt", *map(str, arguments)], input=given, catch_exceptions=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(UNTIDY)
    return path


def test_it_is_written_once(file: Path) -> None:
    result = fmt(file)
    assert (result.exit_code, result.stdout) == (0, f"{file}: written in its normal form\n")
    assert file.read_text() == TIDY
    before = file.stat()
    assert (fmt(file).stdout, file.stat()) == ("", before)


def test_check_and_diff_write_nothing_and_say_what_would_change(file: Path) -> None:
    checked, shown = fmt(file, "--check"), fmt(file, "--diff")
    assert (checked.exit_code, shown.exit_code, file.read_text()) == (1, 1, UNTIDY)
    assert checked.stdout == f"{file}: not in its normal form; `aipolicy policy fmt` writes it\n"
    assert shown.stdout.splitlines()[2:] == [
        "@@ -1,3 +1,3 @@",
        "+name: acme",
        " mode: block",
        "-name: acme",
        "-banned: [ 'claude-code' ] # why",
        "+banned: [claude-code]  # why",
    ]
    fmt(file)
    assert (fmt(file, "--check").exit_code, fmt(file, "--diff").stdout) == (0, "")


def test_a_diff_of_a_file_without_a_last_line_end(file: Path) -> None:
    file.write_text("banned: []")
    assert fmt(file, "--diff").stdout.endswith("-banned: []\n\\ No newline at end of file\n+banned: []\n")


@pytest.mark.parametrize("wrong", ["banned: [\n", "a: 1\na: 2\n", "- x\n", "", "banned: \x07\n", "\udcff"])
def test_what_is_broken_stays_untouched_and_the_others_are_written(file: Path, wrong: str) -> None:
    broken = file.with_name("broken.yaml")
    broken.write_text(wrong, errors="surrogateescape")
    before = broken.read_bytes(), broken.stat()
    result = fmt(broken, file)
    assert (result.exit_code, file.read_text()) == (2, TIDY)
    assert "it stays as it is" in result.stderr
    assert (broken.read_bytes(), broken.stat()) == before


def test_the_standard_input_goes_to_the_standard_output() -> None:
    result = fmt("-", given=UNTIDY.encode())
    assert (result.exit_code, result.stdout) == (0, TIDY)
    assert fmt("-", "--check", given=UNTIDY.encode()).exit_code == 1
    assert fmt("-", given=b"banned: [").stdout == ""


def test_a_folder(file: Path) -> None:
    other = file.with_name("other.yml")
    other.write_text(UNTIDY)
    assert fmt(file.parent).exit_code == 0
    assert {other.read_text(), file.read_text()} == {TIDY}


def test_mode_and_owner_stay(file: Path) -> None:
    file.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(file, 4242, 4343)
    before = file.stat()
    assert fmt(file).exit_code == 0
    after = file.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert after.st_ino != before.st_ino


def test_a_link_is_neither_followed_nor_replaced(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    result = fmt(link)
    assert result.exit_code == 2
    assert f"it is a link to {file}: name that file" in result.stderr
    assert (link.is_symlink(), file.read_text()) == (True, UNTIDY)


def test_a_link_laid_where_the_new_text_is_written_first_is_not_followed(file: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / ".policy.yaml.new").symlink_to(victim)
    assert fmt(file).exit_code == 0
    assert (file.read_text(), victim.read_text()) == (TIDY, "precious")


def test_a_pipe_in_a_folder_is_not_waited_for(file: Path) -> None:
    os.mkfifo(file.with_name("pipe.yaml"))
    result = fmt(file.parent)
    assert (result.exit_code, file.read_text()) == (2, TIDY)
    assert "pipe.yaml:1:1: the file cannot be read: it is no regular file" in result.stderr


def test_what_cannot_be_replaced_says_so(file: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    file.parent.chmod(0o500)
    try:
        result = fmt(file)
    finally:
        file.parent.chmod(0o700)
    assert result.exit_code == 2
    assert "it cannot be written: Permission denied" in result.stderr
    assert file.read_text() == UNTIDY


def test_schema_is_the_file_beside_the_examples() -> None:
    """Without tool files of one's own the catalog is the same."""
    examples = Path(__file__).parents[3] / "policies"
    result = CliRunner().invoke(policy, ["schema"], catch_exceptions=False)
    assert (result.exit_code, result.stdout) == (0, (examples / "policy.schema.json").read_text())


def test_the_example_policies_are_in_their_normal_form() -> None:
    assert fmt(Path(__file__).parents[3] / "policies", "--diff").stdout == ""
