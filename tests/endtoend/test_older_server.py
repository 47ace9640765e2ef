"""The server of before the last migration, with its own code, while the database is migrated under it."""

import io
import subprocess
import sys
import tarfile
from pathlib import Path

import msgspec
import pytest

from aipolicy.central.backoff import Backoff
from aipolicy.central.check_in import CheckInCaller, Enforced
from aipolicy.central.enrol import Enroller
from aipolicy.central.first_sights import SightsExchange
from aipolicy.central.http import Client
from aipolicy.core import wire
from aipolicy.state.sights import Sights
from aipolicy_server.store import migrate
from aipolicy_server.store.engine import open_engine, parse_url
from named_tests import ROOT
from postgres import Cluster, why_not
from server_lab import HOST, batch_body, event, outcome
from server_process import ServerProcess
from sightings import NOON, open_store

VERSIONS = "server/aipolicy_server/store/migrations/versions"


def _git(*arguments: str) -> bytes:
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, timeout=60)
    if done.returncode:
        pytest.skip(f"no history here: {done.stderr.decode(errors='replace')[:100]}")
    return done.stdout


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code as it was before the last migration was added."""
    last = max(path.name for path in (ROOT / VERSIONS).glob("[0-9]*.py"))
    added = _git("log", "--diff-filter=A", "--format=%H", "-1", "--", f"{VERSIONS}/{last}").decode().strip()
    if not added:
        pytest.skip(f"{last} is not in the history yet")
    folder = tmp_path_factory.mktemp("older")
    with tarfile.open(fileobj=io.BytesIO(_git("archive", f"{added}^", "agent", "server"))) as archive:
        archive.extractall(folder, filter="data")
    assert not (folder / VERSIONS / last).exists()
    return folder


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_it_goes_on_taking_what_agents_send(
    kind: str, older: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "sqlite":
        _go_on(older, tmp_path, None, monkeypatch)
        return
    if why_not():
        pytest.skip(why_not())
    with Cluster.start() as cluster:
        _go_on(older, tmp_path, cluster.new_database(), monkeypatch)


def _go_on(older: Path, tmp_path: Path, database: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{older / 'agent'}:{older / 'server'}")
    data = tmp_path / "data"
    options = () if database is None else ("--database", database)
    if database is not None:
        run = "from aipolicy_server.cli import server; server()"
        subprocess.run(
            [sys.executable, "-c", run, "migrate", "--data", str(data), *options], check=True, timeout=60
        )
    with ServerProcess.start(data, *options) as server:
        device = server.enrol()
        assert _send(server, device, 1) == 200
        engine = open_engine(parse_url(database or f"sqlite:///{data / 'server.db'}"))
        assert migrate.outdated(engine) is not None, "it is the older one that runs"
        assert migrate.upgrade(engine) is True
        assert [_send(server, device, seq) for seq in (2, 3)] == [200, 200]
        assert _check_in(server, device) == 200
        _newer_agent_goes_on(server, tmp_path / "agent")
        assert _send(server, server.enrol("pc-2"), 1) == 200
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM events").scalar() == 4
        engine.dispose()
        server.terminate()
        with pytest.raises(AssertionError, match="newer version"):
            server.start_again()


def _newer_agent_goes_on(server: ServerProcess, folder: Path) -> None:
    """The agent of now enrols there, checks in, and keeps what that server does not ask for."""
    store, client = open_store(folder / "state"), Client(f"http://127.0.0.1:{server.port}")
    secret, backoff = (server.data / "enrolment-secret").read_text().strip(), Backoff(lambda: 0.5)
    enroller = Enroller(store, client, lambda: secret, lambda: HOST, lambda: NOON, backoff)
    enforced = Enforced(policy="", mode="report", catalog="", process_events="kernel")
    sights = Sights(folder)
    sights.note("claude-code", "0123456789abcdef", NOON)
    caller = CheckInCaller(
        store,
        client,
        enroller,
        lambda: HOST,
        lambda: enforced,
        lambda: NOON,
        backoff,
        sights=SightsExchange(client, sights, lambda: "an installation", lambda: NOON),
    )
    assert [caller.run_once().condition for _ in range(2)] == ["ok", "ok"]
    assert sights.of("claude-code") == {"0123456789abcdef": NOON}
    store.close()


def _send(server: ServerProcess, device: wire.EnrolReply, seq: int) -> int:
    about = outcome(path=f"~/{seq}")
    batch = wire.Batch(device=device.device, spool="s", seq=seq, events=(event(about, device=device.device),))
    return _post(server, wire.EVENTS_PATH, device, batch_body(batch), {"content-encoding": "gzip"})


def _check_in(server: ServerProcess, device: wire.EnrolReply) -> int:
    said = wire.CheckIn(
        host=HOST, policy="", mode="report", catalog="", findings="", pending=0, process_events="kernel"
    )
    return _post(server, wire.CHECK_IN_PATH, device, msgspec.json.encode(said), {})


def _post(
    server: ServerProcess, path: str, device: wire.EnrolReply, body: bytes, headers: dict[str, str]
) -> int:
    sent = {"authorization": f"Bearer {device.token}", "content-type": "application/json", **headers}
    return server.request("POST", path, body, sent)[0]
