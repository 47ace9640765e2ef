"""Several servers on one database: what one does holds at the others, and what must happen once happens once.

On SQLite they share a folder, as two processes on one machine; on PostgreSQL each has its own.
"""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection

from aipolicy.core.publishing import BrakeRequest, Step
from aipolicy_server.app import open_store
from aipolicy_server.settings import Settings
from aipolicy_server.store import admins, rollouts
from aipolicy_server.store.store import Store
from server_lab import FakeClock, Lab, outcome

NODES = 6
BEFORE = "name: ours\nbanned: [claude-code]\n"
NEW = "name: ours\nmode: block\nbanned: [claude-code, cursor]\n"


@pytest.fixture
def nodes(data: Path, database: str | None, tmp_path: Path) -> Iterator[tuple[Lab, Lab]]:
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(Lab.open(data, database))
        folder = data if database is None else tmp_path / "second"
        yield first, stack.enter_context(Lab.open(folder, database))


def together(count: int, what: Callable[[int], Store]) -> list[Store]:
    """Begun in the same moment."""
    barrier = threading.Barrier(count)

    def one(place: int) -> Store:
        barrier.wait()
        return what(place)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_nodes_that_first_start_together_make_one_secret_that_is_good(
    data: Path, database: str | None, tmp_path: Path
) -> None:
    folders = [data if database is None else tmp_path / f"node-{place}" for place in range(NODES)]
    opened = together(
        NODES, lambda place: open_store(Settings(data=str(folders[place]), database=database), FakeClock())
    )
    with opened[0].reading() as connection:
        assert [row.name for row in admins.secrets(connection)] == ["first"]
    for store in opened:
        store.close()
    written = {folder for folder in folders if (folder / "enrolment-secret").exists()}
    assert len(written) == 1, "only the secret that is good lies in a file"
    with Lab.open(written.pop(), database) as lab:
        lab.enrol()
        for folder in folders:
            token = (folder / "admin-token").read_text().strip()
            reply = lab.http.get("/api/v1/overview", headers={"authorization": f"Bearer {token}"})
            assert reply.status_code == 200


def test_processes_that_share_a_folder_share_the_tokens(data: Path, database: str | None) -> None:
    settings = Settings(data=str(data), database=database)
    for store in together(NODES, lambda _place: open_store(settings, FakeClock())):
        store.close()
    with Lab.open(data, database) as lab:
        lab.enrol()
        assert lab.get("/overview")["devices"] == 1
        assert lab.count("admins") == 1


def test_a_machine_that_was_renamed_starts_and_its_token_stays_good(
    data: Path, database: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a container, which has another name at each start."""
    with Lab.open(data, database) as lab:
        token = lab.admin_token
    monkeypatch.setattr(socket, "gethostname", lambda: "another-name")
    with Lab.open(data, database) as lab:
        assert lab.admin_token == token
        assert lab.get("/overview")["devices"] == 0
        assert lab.count("admins") == 1


def test_a_browser_is_signed_in_and_out_at_all_nodes(nodes: tuple[Lab, Lab]) -> None:
    here, there = nodes
    signed_in = here.http.post("/sign-in", data={"token": here.admin_token})
    cookie = {"cookie": f"aipolicy_session={signed_in.cookies['aipolicy_session']}"}
    assert there.http.get("/api/v1/overview", headers=cookie).status_code == 200
    assert here.http.post("/sign-out", headers=cookie).status_code == 303
    assert there.http.get("/api/v1/overview", headers=cookie).status_code == 401


def test_a_batch_that_came_to_one_is_known_at_the_other(nodes: tuple[Lab, Lab]) -> None:
    here, there = nodes
    device = here.enrol()
    batch = device.batch(outcome(), outcome(path="~/b"))
    assert device.deliver(batch).stored == 2
    device.http = there.http
    assert device.deliver(batch).stored == 0
    assert there.get("/overview")["devices"] == 1


def test_a_policy_and_a_brake_of_one_node_are_told_by_the_other(nodes: tuple[Lab, Lab]) -> None:
    here, there = nodes
    device = here.enrol()
    device.http = there.http
    assert device.check_in().policy is None
    published = here.publish(BEFORE)
    told = device.check_in().policy
    assert (told.number if told else 0) == published.number
    assert device.policy().status_code == 200
    assert device.check_in().brake is None
    here.post("/brake", BrakeRequest(pulled=True, reason="a wrong ban"))
    assert device.check_in().brake is not None


def test_two_nodes_hold_a_wave_once(nodes: tuple[Lab, Lab]) -> None:
    _wave_in_doubt(nodes[0])
    barrier = threading.Barrier(2)

    def hold(lab: Lab) -> bool:
        barrier.wait()
        return lab.store.write_now(_hold)

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(hold, nodes)) == [False, True]
    assert nodes[0].count("rollouts") == 2  # begun, held


def test_what_was_released_at_one_node_is_not_held_at_another(nodes: tuple[Lab, Lab]) -> None:
    """The other node has found its doubt before, and writes it while the release is being committed."""
    here, there = nodes
    _wave_in_doubt(here)
    held: list[bool] = []

    late = threading.Thread(target=lambda: held.append(there.store.write_now(_hold)))
    with here.store.engine.begin() as connection:
        assert rollouts.go_on(connection, 2, Step.EVERYBODY, "", "alice", 0)
        late.start()
        late.join(1.0)  # it waits here, and goes on once this is committed
    late.join(30)
    assert held == [False]
    told = here.enrol("outside-the-wave").check_in().policy
    assert told is not None
    assert told.number == 2


def _wave_in_doubt(lab: Lab) -> None:
    lab.publish(BEFORE)
    lab.publish(NEW, 1, canary=0.001)


def _hold(connection: Connection) -> bool:
    return rollouts.go_on(connection, 2, Step.HELD, "in doubt", "the server", 0)
