"""`aipolicy unenrol`, against a real server: told, not told, told before."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import requests
from click.testing import CliRunner, Result

from aipolicy.cli import main
from aipolicy.core import wire
from aipolicy.state.identity import Identity, keep_identity, load_identity
from aipolicy.state.instance import InstanceLock
from server_lab import HOST
from server_process import ServerProcess


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess.start(tmp_path_factory.mktemp("server") / "data") as started:
        yield started


def url(server: ServerProcess) -> str:
    return f"http://127.0.0.1:{server.port}"


@pytest.fixture
def enrolled(server: ServerProcess, tmp_path: Path) -> tuple[Path, Identity]:
    """A state folder with a token, a spool and what an agent keeps for itself."""
    secret = (server.data / "enrolment-secret").read_text().strip()
    body = msgspec.json.encode(wire.EnrolRequest(secret=secret, host=HOST))
    reply = msgspec.json.decode(requests.post(url(server) + wire.ENROL_PATH, data=body, timeout=30).content)
    identity = Identity(device=reply["device"], token=reply["token"])
    assert keep_identity(tmp_path, identity)
    for name in ("spool.db", "spool.db-wal", "sights.json", "policy.last-good.yaml", "evidence.db"):
        (tmp_path / name).write_text("x")
    return tmp_path, identity


def unenrol(state: Path, *options: str) -> Result:
    words = ["unenrol", "--state", str(state), *options]
    return CliRunner().invoke(main, words, catch_exceptions=False, env={"AIPOLICY_SERVER": ""})


def refusal(server: ServerProcess, identity: Identity) -> tuple[int, str]:
    reply = requests.post(
        url(server) + wire.CHECK_IN_PATH, headers={"authorization": f"Bearer {identity.token}"}, timeout=30
    )
    return reply.status_code, reply.json()["code"]


def left(state: Path) -> set[str]:
    return {path.name for path in state.iterdir()} - {"instance.lock"}


KEPT = {"sights.json", "policy.last-good.yaml", "evidence.db"}


def test_the_server_is_told_and_token_and_spool_are_gone(
    server: ServerProcess, enrolled: tuple[Path, Identity]
) -> None:
    state, identity = enrolled
    assert refusal(server, identity) == (400, "malformed")
    result = unenrol(state, "--server", url(server))
    assert result.exit_code == 0, result.output
    assert identity.device in result.stdout
    assert refusal(server, identity) == (403, "unenrolled")
    assert load_identity(state) is None
    assert left(state) == KEPT
    assert "was not enrolled" in unenrol(state, "--server", url(server)).stdout


def test_a_try_that_broke_off_is_finished_by_the_next(
    server: ServerProcess, enrolled: tuple[Path, Identity]
) -> None:
    state, identity = enrolled
    unenrol(state, "--server", url(server))
    keep_identity(state, identity)
    result = unenrol(state, "--server", url(server))
    assert result.exit_code == 0
    assert "before" in result.stderr
    assert left(state) == KEPT


def test_a_server_that_is_away_changes_nothing(
    server: ServerProcess, enrolled: tuple[Path, Identity]
) -> None:
    state, identity = enrolled
    before = left(state)
    result = unenrol(state, "--server", "http://127.0.0.1:9")
    assert result.exit_code == 2
    assert "--offline" in result.stderr
    assert f"device revoke {identity.device}" in result.stderr
    assert left(state) == before
    assert refusal(server, identity) == (400, "malformed"), "it is enrolled still"


def test_what_is_no_server_of_ours_changes_nothing(
    server: ServerProcess, enrolled: tuple[Path, Identity]
) -> None:
    state, _ = enrolled
    before = left(state)
    assert unenrol(state, "--server", url(server) + "/sign-in").exit_code == 2
    assert left(state) == before


def test_offline_it_leaves_without_a_word(server: ServerProcess, enrolled: tuple[Path, Identity]) -> None:
    state, identity = enrolled
    result = unenrol(state, "--offline")
    assert result.exit_code == 0
    assert f"device revoke {identity.device}" in result.stderr
    assert left(state) == KEPT
    assert refusal(server, identity) == (400, "malformed")


def test_without_a_server_it_says_what_to_give(enrolled: tuple[Path, Identity]) -> None:
    result = unenrol(enrolled[0])
    assert result.exit_code == 2
    assert "--server" in result.stderr


def test_beside_a_running_agent_it_is_refused(enrolled: tuple[Path, Identity]) -> None:
    state, _ = enrolled
    lock = InstanceLock.take(state, 4242)
    assert lock is not None
    result = unenrol(state, "--offline")
    lock.release()
    assert result.exit_code == 2
    assert "4242" in result.stderr
    assert load_identity(state) is not None


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    assert unenrol(tmp_path / "typo", "--offline").exit_code == 2
    assert not (tmp_path / "typo").exists()
