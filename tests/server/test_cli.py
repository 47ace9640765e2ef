"""`aipolicy server`: clear words and exit code 2 for what a person can put right, no secret shown twice."""

import csv
import io
import socket
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aipolicy_server.cli import server
from aipolicy_server.serve import BadListen, is_loopback, parse_listen
from server_lab import Lab, outcome


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(server, [str(a) for a in arguments])


class Filled:
    """A server that ran, with what names it on the command line."""

    def __init__(self, data: Path, database: str | None) -> None:
        self._data, self._database = data, database
        self.where = ("--data", data, *(("--database", database) if database else ()))

    def lab(self) -> AbstractContextManager[Lab]:
        """It runs again."""
        return Lab.open(self._data, self._database)


@pytest.fixture
def filled(data: Path, database: str | None) -> Filled:
    found = Filled(data, database)
    with found.lab() as lab:
        lab.enrol("alice-pc").send(outcome(), outcome(tool="qoder"))
    return found


def test_secrets_are_made_shown_once_listed_and_withdrawn(filled: Filled) -> None:
    made = run("secret", "new", *filled.where, "--name", "sales", "--uses", "5", "--expires", "30d")
    secret = made.output.strip()
    assert made.exit_code == 0
    assert secret.startswith("aips_")
    listed = run("secret", "list", *filled.where).output
    assert "sales" in listed
    assert "5 uses left, until" in listed
    assert secret not in listed
    with filled.lab() as lab:
        assert lab.ask_to_enrol(secret).status_code == 200
    assert run("secret", "revoke", *filled.where, "sales").exit_code == 0
    assert "withdrawn" in run("secret", "list", *filled.where).output
    assert run("secret", "revoke", *filled.where, "sales").exit_code == 2


@pytest.mark.parametrize(
    "options",
    [
        ["--name", "first"],
        ["--name", "a b"],
        ["--name", ""],
        ["--name", "x", "--uses", "0"],
        ["--name", "x", "--expires", "soon"],
        ["--name", "x", "--expires", "0d"],
        ["--name", "x", "--expires", "99999d"],
        [],
    ],
)
def test_a_secret_that_cannot_be_made_is_explained(filled: Filled, options: list[str]) -> None:
    result = run("secret", "new", *filled.where, *options)
    if options == ["--name", "x", "--expires", "99999d"]:
        assert result.exit_code == 0
        return
    assert result.exit_code == 2
    assert "aips_" not in result.output


def test_devices_are_listed_and_withdrawn(filled: Filled) -> None:
    listed = run("device", "list", *filled.where).output
    device, hostname, _, state = listed.rstrip("\n").split("\t")
    assert (hostname, state) in {("alice-pc", "ok"), ("alice-pc", "silent")}
    assert run("device", "revoke", *filled.where, device).exit_code == 0
    assert run("device", "list", *filled.where).output.endswith("withdrawn\n")
    again = run("device", "revoke", *filled.where, device)
    assert again.exit_code == 2
    assert "device list" in again.output


def test_the_log_is_exported(filled: Filled) -> None:
    rows = list(csv.DictReader(io.StringIO(run("export", *filled.where).output)))
    assert sorted(row["tool"] for row in rows) == ["claude-code", "qoder"]
    only = list(csv.DictReader(io.StringIO(run("export", *filled.where, "--tool", "qoder").output)))
    assert [row["tool"] for row in only] == ["qoder"]


@pytest.mark.parametrize("verb", [["secret", "list"], ["device", "list"], ["export"]])
def test_a_folder_without_a_server_is_not_made_one(tmp_path: Path, verb: list[str]) -> None:
    result = run(*verb, "--data", tmp_path / "typo")
    assert result.exit_code == 2
    assert "no server has run" in result.output
    assert not (tmp_path / "typo").exists()


def test_migrate_says_what_it_did(tmp_path: Path) -> None:
    assert "is up to date now" in run("migrate", "--data", tmp_path / "d").output
    assert "was up to date" in run("migrate", "--data", tmp_path / "d").output


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--listen", "0.0.0.0:0"], "unencrypted"),
        (["--listen", "[::]:0"], "unencrypted"),
        (["--listen", "192.0.2.1:0"], "unencrypted"),
        (["--listen", "8320"], "HOST:PORT"),
        (["--listen", "127.0.0.1:99999"], "HOST:PORT"),
        (["--listen", "127.0.0.1:-1"], "HOST:PORT"),
        (["--listen", "127.0.0.1:http"], "HOST:PORT"),
        (["--database", "mysql://h/d"], "postgresql"),
        (["--database", "postgresql://u:hunter2@/none?host=/nowhere"], "nowhere"),
        (["--data", "/dev/null/x"], "--data"),
        (["--data", "/proc"], "--data"),
    ],
)
def test_a_server_that_cannot_run_says_why(tmp_path: Path, options: list[str], says: str) -> None:
    listen = [] if "--listen" in options else ["--listen", "127.0.0.1:0"]
    data = [] if "--data" in options else ["--data", str(tmp_path / "d")]
    result = run("run", *data, *listen, *options)
    assert result.exit_code == 2
    assert says in result.output
    assert "hunter2" not in result.output
    assert "Traceback" not in result.output


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run("run", "--data", tmp_path / "d", "--listen", f"127.0.0.1:{port}")
    assert result.exit_code == 2
    assert f"127.0.0.1:{port}" in result.output
    assert "another port" in result.output


@pytest.mark.parametrize(
    ("text", "place"),
    [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:0", ("::1", 0)), ("localhost:8320", ("localhost", 8320))],
)
def test_where_to_listen(text: str, place: tuple[str, int]) -> None:
    assert parse_listen(text) == place
    assert is_loopback(place[0])


@pytest.mark.parametrize("text", ["", ":", ":80", "host", "host:", "host:٣", "host:1.5"])
def test_where_one_cannot_listen(text: str) -> None:
    with pytest.raises(BadListen):
        parse_listen(text)


@pytest.mark.parametrize("host", ["192.0.2.1", "::", "10.0.0.1", "example.com", "localhost.example.com", ""])
def test_what_others_can_reach(host: str) -> None:
    assert not is_loopback(host)


def test_the_brake_is_pulled_with_a_reason_and_lifted(filled: Filled) -> None:
    pulled = run("brake", *filled.where, "--reason", "a wrong ban")
    assert pulled.exit_code == 0, pulled.output
    assert "aipolicy server brake --off" in pulled.output
    with filled.lab() as lab:
        said = lab.enrol().check_in().brake
        assert said is not None
        assert (said.reason, bool(said.by)) == ("a wrong ban", True)
    assert "act again" in run("brake", *filled.where, "--off").output
    assert "it was not pulled" in run("brake", *filled.where, "--off").output
    with filled.lab() as lab:
        assert lab.enrol().check_in().brake is None


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "x" * 501])
def test_a_brake_without_a_reason_is_not_pulled(filled: Filled, reason: str) -> None:
    result = run("brake", *filled.where, "--reason", reason)
    assert result.exit_code == 2
    assert "--reason" in result.output
