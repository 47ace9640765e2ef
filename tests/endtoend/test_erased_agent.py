"""An agent whose device was erased on the server: refused, told why, and not enrolled anew by itself."""

import subprocess
from pathlib import Path

from aipolicy.central.backoff import Backoff
from aipolicy.central.check_in import CheckInCaller, Enforced
from aipolicy.central.enrol import Enroller
from aipolicy.central.http import Client
from server_lab import HOST
from server_process import COMMAND, ServerProcess
from sightings import NOON, open_store


def test_it_is_told_that_it_is_not_enrolled_any_more(tmp_path: Path) -> None:
    with ServerProcess.start(tmp_path / "data") as server:
        secret = (server.data / "enrolment-secret").read_text().strip()
        store = open_store(tmp_path / "state")
        client = Client(f"http://127.0.0.1:{server.port}")
        backoff = Backoff(lambda: 0.5)
        enroller = Enroller(store, client, lambda: secret, lambda: HOST, lambda: NOON, backoff)
        enforced = Enforced(policy="", mode="report", catalog="", process_events="kernel")
        caller = CheckInCaller(store, client, enroller, lambda: HOST, lambda: enforced, lambda: NOON, backoff)
        assert caller.run_once().condition == "ok"
        device = store.identity().device
        where = ("--data", str(server.data))
        erase = [*COMMAND, "erase", *where, "--device", device, "--reason", "sold", "--yes"]
        erased = subprocess.run(erase, capture_output=True, text=True, timeout=60)
        assert erased.returncode == 0, erased.stderr
        assert "devices 1" in erased.stdout
        server.terminate()
        server.start_again()  # the running one believes what it knew of a token for some seconds
        for _ in range(3):
            result = caller.run_once()
            assert result.condition == "refused"
            assert "aipolicy unenrol --offline" in result.detail
        assert store.identity().device == device
        store.close()
        listed = subprocess.run(
            [*COMMAND, "device", "list", *where], capture_output=True, text=True, timeout=60
        )
        assert listed.stdout == "", "no machine came back by itself"
