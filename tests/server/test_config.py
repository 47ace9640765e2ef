"""`server.yaml`: what stands there is as if given as an option, and what is wrong is named with its line."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aipolicy_server.cli import run as run_command
from aipolicy_server.cli import server
from aipolicy_server.config import Failure, read
from server_lab import Lab


def run(*arguments: str | Path, **environ: str) -> Result:
    return CliRunner().invoke(server, [str(a) for a in arguments], env=environ)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "server.yaml"


def test_every_verb_takes_its_part_of_it(data: Path, file: Path) -> None:
    with Lab.open(data) as lab:
        lab.enrol("alice-pc")
    file.write_text(f"data: {data}\nlisten: 127.0.0.1:1\ncheck_in_s: 60\nkeep_events: 10d\n")
    for verb in (["secret", "list"], ["device", "list"], ["export"], ["migrate"]):
        result = run(*verb, "--config", file)
        assert result.exit_code == 0, result.output
    assert "alice-pc" in run("device", "list", AIPOLICY_SERVER_CONFIG=str(file)).output


def test_what_is_said_nearer_stands_above_it(data: Path, file: Path, tmp_path: Path) -> None:
    with Lab.open(data):
        pass
    file.write_text(f"data: {tmp_path / 'typo'}\n")
    assert "no server has run" in run("secret", "list", "--config", file).output
    assert run("secret", "list", "--config", file, "--data", data).exit_code == 0
    assert run("secret", "list", "--config", file, AIPOLICY_DATA=str(data)).exit_code == 0


def test_every_option_of_run_may_stand_there(file: Path) -> None:
    values = {"boolean": "true", "integer range": "900", "days": "400d", "text": "x"}
    options = [option for option in run_command.params if option.expose_value]
    assert len(options) > 10
    file.write_text("".join(f"{option.name}: {values[option.type.name]}\n" for option in options))
    assert len(read(str(file))) == len(options)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("data: /x\nlitsen: 127.0.0.1:1\n", "server.yaml:2:1: unknown setting 'litsen'; known: behind_proxy"),
        ("check_in_s: soon\n", "server.yaml:1:13: check_in_s: "),
        ("check_in_s: 1\n", "server.yaml:1:13: check_in_s: "),
        ("\nkeep_events: a year\n", "server.yaml:2:14: keep_events: 'a year': write days, as in 400d"),
        ("data: [a, b]\n", "server.yaml:1:1: data is one text"),
        ("data:\n", "server.yaml:1:1: data is one text"),
        ("- data\n", "server.yaml:1:1: a mapping is needed"),
        ("config: other.yaml\n", "server.yaml:1:1: unknown setting 'config'"),
        ("data: a\ndata: b\n", "server.yaml:2:1"),
    ],
)
def test_what_is_wrong_is_named(file: Path, text: str, says: str) -> None:
    file.write_text(text)
    with pytest.raises(Failure) as caught:
        read(str(file))
    assert says in caught.value.message
    result = run("run", "--config", file)
    assert (result.exit_code, says in result.output) == (2, True)


def test_a_file_that_is_not_there_is_named(file: Path) -> None:
    result = run("secret", "list", "--config", file)
    assert result.exit_code == 2
    assert f"{file}: No such file" in result.output
