"""When graces began is told to the server where it asks; what comes back can only let a grace end sooner."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

import faults as fault
from aipolicy.central.backoff import Backoff
from aipolicy.central.check_in import CheckInCaller, Enforced
from aipolicy.central.enrol import Enroller
from aipolicy.central.first_sights import SightsExchange
from aipolicy.central.http import Client
from aipolicy.core.first_sights import FIRST_SIGHTS_PATH, FirstSight, KnownSights, digest, machine_name
from aipolicy.state.sights import Sights
from fault_server import SECRET, Fault, FaultServer
from sending_agent import HOST
from sightings import NOON, open_store

ENFORCED = Enforced(policy="0123456789ab", mode="report", catalog="ba9876543210", process_events="kernel")
ENTRY = "0123456789abcdef"
DAY = timedelta(days=1)


class Agent:
    def __init__(self, folder: Path, server: FaultServer) -> None:
        self.sights = Sights(folder)
        store, client = open_store(folder / "state"), Client(server.url, deadline_s=10)
        enroller = Enroller(store, client, lambda: SECRET, lambda: HOST, lambda: NOON, Backoff(lambda: 1.0))
        self.caller = CheckInCaller(
            store,
            client,
            enroller,
            lambda: HOST,
            lambda: ENFORCED,
            lambda: NOON,
            Backoff(lambda: 1.0),
            sights=SightsExchange(client, self.sights, lambda: "an installation", lambda: NOON),
        )


def sight(tool: str = "claude-code", **changes: Any) -> FirstSight:
    return msgspec.structs.replace(FirstSight(tool=tool, entry=ENTRY, at=NOON - 3 * DAY), **changes)


def test_what_it_knows_is_told_and_what_is_earlier_taken_over(tmp_path: Path) -> None:
    with FaultServer(first_sights=(sight(), sight("qoder", at=NOON - DAY), sight("aider"))) as server:
        agent = Agent(tmp_path, server)
        agent.sights.note("claude-code", ENTRY, NOON)
        agent.sights.note("qoder", ENTRY, NOON - 2 * DAY)
        own = agent.sights.told()
        assert agent.caller.run_once().condition == "ok"
        assert server.check_ins[0].first_sights == digest(own)
        (told,) = server.told_sights
        assert told.sights == own
        assert told.machine == machine_name("an installation")
        assert agent.sights.all() == {
            "claude-code": {ENTRY: NOON - 3 * DAY},
            "qoder": {ENTRY: NOON - 2 * DAY},
            "aider": {ENTRY: NOON - 3 * DAY},
        }
        assert Sights(tmp_path).all() == agent.sights.all(), "it is on disk"
        assert agent.sights.handed_back == 1


def test_a_server_that_does_not_ask_gets_nothing(tmp_path: Path) -> None:
    with FaultServer() as server:
        agent = Agent(tmp_path, server)
        agent.sights.note("claude-code", ENTRY, NOON)
        assert agent.caller.run_once().condition == "ok"
        assert server.told_sights == []


MANY = tuple(sight(f"t{number}") for number in range(2_001))


@pytest.mark.parametrize(
    "answer",
    [
        fault.other_json(b"{}"),
        fault.other_json(b'{"sights": 7}'),
        fault.other_json(b'{"schema": "other/1", "sights": []}'),
        fault.other_json(b'{"sights": [{"tool": "claude-code"}]}'),
        fault.other_json(msgspec.json.encode(KnownSights(sights=MANY))),
        fault.other_json(msgspec.json.encode(KnownSights(sights=(sight(at=NOON + DAY),)))),
        fault.other_json(msgspec.json.encode(KnownSights(sights=(sight(at=NOON - 9000 * 4 * DAY),)))),
        fault.other_json(msgspec.json.encode(KnownSights(sights=(sight("../../x"), sight(entry="all"))))),
    ],
    ids=["empty", "a number", "another kind", "no entry", "too many", "to come", "long ago", "other forms"],
)
def test_nonsense_changes_nothing_and_costs_nothing(answer: Fault, tmp_path: Path) -> None:
    with FaultServer(faults=[answer], on=FIRST_SIGHTS_PATH, first_sights=()) as server:
        agent = Agent(tmp_path, server)
        agent.sights.note("claude-code", ENTRY, NOON)
        assert agent.caller.run_once().condition == "ok"
        assert agent.sights.all() == {"claude-code": {ENTRY: NOON}}


@pytest.mark.parametrize("answer", [fault.status(503), fault.captive_portal, fault.garbage])
def test_an_exchange_that_fails_is_tried_again_soon(answer: Fault, tmp_path: Path) -> None:
    with FaultServer(faults=[answer], on=FIRST_SIGHTS_PATH, first_sights=(sight(),)) as server:
        agent = Agent(tmp_path, server)
        failed = agent.caller.run_once()
        assert (failed.condition, failed.wait_s) == ("unreachable", 2)
        assert "first sights" in failed.detail
        assert agent.caller.run_once().condition == "ok"
        assert agent.sights.of("claude-code") == {ENTRY: NOON - 3 * DAY}


def test_a_server_that_asks_for_ever_is_told_ever_more_seldom(tmp_path: Path) -> None:
    with FaultServer(first_sights=()) as server:
        agent = Agent(tmp_path, server)
        for _ in range(64):
            agent.caller.run_once()
        assert len(server.told_sights) == 7
