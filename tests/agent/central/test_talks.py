"""Enrolment, upload and check-in against the fake server: what is said, what is kept, how long is waited."""

import gzip

import msgspec
import pytest

import faults as fault
from aipolicy.central.backoff import Backoff
from aipolicy.central.check_in import CheckInCaller, Enforced
from aipolicy.central.enrol import Enroller, NoSecret, secret_of
from aipolicy.central.http import Client
from aipolicy.central.upload import Uploader
from aipolicy.core.model import Health, Outcome
from aipolicy.core.wire import CHECK_IN_PATH, ENROL_PATH, EVENTS_PATH, findings_digest
from aipolicy.state.changes import full_look
from aipolicy.state.identity import Identity
from aipolicy.state.records import Changes, Look, Told
from fault_server import SECRET, FaultServer
from sending_agent import HOST
from sightings import NOON, numbered, open_store, seen, tell_numbers

ENFORCED = Enforced(policy="0123456789ab", mode="report", catalog="ba9876543210", process_events="kernel")


class Agent:
    """The parts of an agent that talk, with the chance at its highest."""

    def __init__(self, folder, server, secret=lambda: SECRET):
        self.store = open_store(folder / "state")
        self.client = Client(server.url, deadline_s=10)
        self.enroller = Enroller(
            self.store, self.client, secret, lambda: HOST, lambda: NOON, Backoff(lambda: 1.0)
        )
        self.uploader = Uploader(self.store, self.client, self.enroller, lambda: NOON, Backoff(lambda: 1.0))
        self.caller = CheckInCaller(
            self.store,
            self.client,
            self.enroller,
            lambda: HOST,
            lambda: ENFORCED,
            lambda: NOON,
            Backoff(lambda: 1.0),
        )


def test_the_first_upload_enrols(tmp_path):
    with FaultServer() as server:
        agent = Agent(tmp_path, server)
        tell_numbers(agent.store, [1])
        result = agent.uploader.run_once()
        assert (result.condition, result.events, result.wait_s) == ("ok", 1, None)
        assert [e.path for e in server.exchanges] == [ENROL_PATH, EVENTS_PATH]
        assert server.events[0].device == agent.store.identity().device == "device-1"
        assert agent.uploader.run_once().wait_s is None
        assert len(server.exchanges) == 2, "with nothing to say nothing is said"


def test_a_wrong_secret_is_not_hammered_and_says_so(tmp_path):
    with FaultServer() as server:
        agent = Agent(tmp_path, server, secret=lambda: "wrong")
        tell_numbers(agent.store, [1])
        results = [agent.uploader.run_once() for _ in range(8)]
        assert {r.condition for r in results} == {"not enrolled"}
        assert "unknown" in results[0].detail
        assert [r.wait_s for r in results] == [2, 4, 8, 16, 32, 64, 128, 256]
        assert agent.store.pending() == 1


def test_a_secret_file_is_read_anew(tmp_path):
    path = tmp_path / "secret"
    with FaultServer() as server:
        agent = Agent(tmp_path, server, secret=lambda: secret_of(str(path), None))
        tell_numbers(agent.store, [1])
        missing = agent.uploader.run_once()
        assert (missing.condition, missing.wait_s) == ("not enrolled", 2)
        assert str(path) in missing.detail
        assert server.exchanges == []
        path.write_text(f"{SECRET}\n")
        assert agent.uploader.run_once().condition == "ok"


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines", b"\xff\xfe", b"x" * 5000, b"a\x00b"])
def test_a_file_that_holds_no_secret(content, tmp_path):
    path = tmp_path / "secret"
    path.write_bytes(content)
    with pytest.raises(NoSecret, match="secret"):
        secret_of(str(path), None)


def test_no_file_set():
    with pytest.raises(NoSecret, match="enrolment_secret_file"):
        secret_of(None, None)


def test_a_rejected_token_is_exchanged_and_nothing_lost(tmp_path):
    with FaultServer() as server:
        agent = Agent(tmp_path, server)
        tell_numbers(agent.store, [1])
        agent.uploader.run_once()
        server.revoke_all()
        tell_numbers(agent.store, [2])
        refused = agent.uploader.run_once()
        assert (refused.condition, refused.wait_s) == ("refused", 2)
        assert agent.store.identity().token == "token-1", "kept until there is a new one"
        assert agent.uploader.run_once().condition == "ok"
        assert [e.about.condition for e in server.events] == ["number 1", "number 2"]


def test_without_a_secret_a_rejected_token_is_kept_and_tried_again(tmp_path):
    secrets = iter([SECRET])

    def once() -> str:
        for secret in secrets:
            return secret
        raise NoSecret("it was removed after the installation")

    with FaultServer(faults=[fault.status(401)] * 3) as server:
        agent = Agent(tmp_path, server, secret=once)
        tell_numbers(agent.store, [1])
        conditions = [agent.uploader.run_once().condition for _ in range(7)]
        assert conditions[-1] == "ok", "the server was mended meanwhile"
        assert [e.about.condition for e in server.events] == ["number 1"]
        assert "not enrolled" in conditions


def test_a_server_that_rejects_each_new_token_is_not_hammered(tmp_path):
    with FaultServer(faults=[fault.status(401)] * 6) as server:
        agent = Agent(tmp_path, server)
        tell_numbers(agent.store, [1])
        waits = [agent.uploader.run_once().wait_s for _ in range(6)]
        assert waits == [2, 4, 8, 16, 32, 64]


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"device":"","token":"t"}',
        b'{"device":"d","token":"a b"}',
        b'{"device":"d","token":"t\\r\\nX: 1"}',
        b'{"device":"d","token":7}',
        b'{"schema":"other/1","device":"d","token":"t"}',
    ],
)
def test_what_is_no_identity_is_not_taken(body, tmp_path):
    with FaultServer(faults=[fault.other_json(body)], on=ENROL_PATH) as server:
        agent = Agent(tmp_path, server)
        assert agent.enroller.run_once().condition == "unreachable"
        assert agent.store.identity().token is None


def test_retry_after_of_a_proxy_is_honoured(tmp_path):
    with FaultServer(faults=[fault.proxy_page(503, "Retry-After: 120")]) as server:
        agent = Agent(tmp_path, server)
        tell_numbers(agent.store, [1])
        assert agent.uploader.run_once().wait_s == pytest.approx(132)


def test_the_answer_must_name_the_batch(tmp_path):
    with FaultServer(faults=[fault.wrong_seq]) as server:
        agent = Agent(tmp_path, server)
        tell_numbers(agent.store, [1])
        result = agent.uploader.run_once()
        assert (result.condition, result.events) == ("unreachable", 0)
        assert "does not name the batch" in result.detail
        assert agent.store.pending() == 1
        assert agent.uploader.run_once().events == 1
        assert len(server.events) == 1
        bodies = [e.body for e in server.exchanges if e.path == EVENTS_PATH]
        assert bodies[0] == bodies[1]


def test_on_a_proxys_word_no_event_is_given_up(tmp_path):
    with FaultServer(proxy_bytes=10) as server:
        agent = Agent(tmp_path, server)
        agent.store.save_identity(Identity(device="device-1", token=server.enrol()[1]))
        tell_numbers(agent.store, range(2))
        conditions = [agent.uploader.run_once().condition for _ in range(5)]
        assert conditions == ["refused", *["unreachable"] * 4]
        assert agent.store.pending() == 2


def test_a_number_known_with_other_content_begins_a_new_spool(tmp_path):
    with FaultServer(faults=[fault.status(409)]) as server:
        agent = Agent(tmp_path, server)
        tell_numbers(agent.store, range(3))
        assert agent.uploader.run_once().condition == "refused"
        assert agent.uploader.run_once().condition == "ok"
        first, second = (server.batch(e) for e in server.exchanges if e.path == EVENTS_PATH)
        assert first.spool != second.spool
        assert (second.seq, second.events) == (1, first.events)


def test_a_batch_is_gzip_and_says_so(tmp_path):
    with FaultServer() as server:
        agent = Agent(tmp_path, server)
        tell_numbers(agent.store, range(3))
        agent.uploader.run_once()
        exchange = server.exchanges[-1]
        assert exchange.headers["content-encoding"] == "gzip"
        assert exchange.headers["content-type"] == "application/json"
        assert exchange.headers["authorization"] == "Bearer token-1"
        assert len(msgspec.json.decode(gzip.decompress(exchange.body))["events"]) == 3


def test_uploads_follow_at_once_while_more_waits(tmp_path):
    with FaultServer() as server:
        agent = Agent(tmp_path, server)
        agent.store.commit(Changes(tell=tuple(Told(about=numbered(n)) for n in range(700))))
        assert [agent.uploader.run_once().wait_s for _ in range(2)] == [0, None]


def test_a_check_in_says_what_is_enforced_and_found(tmp_path):
    with FaultServer(next_s=600) as server:
        agent = Agent(tmp_path, server)
        agent.store.change(lambda ledger: full_look(ledger, [seen()], Look()))
        result = agent.caller.run_once()
        assert (result.condition, result.wait_s) == ("ok", 600)
        (said,) = server.check_ins
        assert (said.host, said.policy, said.mode, said.catalog) == (
            HOST,
            "0123456789ab",
            "report",
            "ba9876543210",
        )
        assert (said.findings, said.pending) == (findings_digest([seen().outcome]), 1)


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        ((), ()),
        (("ci", "build-farm", "ci"), ("build-farm", "ci")),
        (tuple(f"tag-{n}" for n in range(101)), None),
        (("x" * 101,), None),
        (("a\0b",), None),
    ],
)
def test_tags_that_the_server_would_refuse_do_not_cost_the_check_in(tags, told, tmp_path):
    with FaultServer() as server:
        agent = Agent(tmp_path, server)
        agent.caller = CheckInCaller(
            agent.store,
            agent.client,
            agent.enroller,
            lambda: HOST,
            lambda: msgspec.structs.replace(ENFORCED, tags=tags),
            lambda: NOON,
            Backoff(lambda: 1.0),
        )
        assert agent.caller.run_once().condition == "ok"
        assert [said.tags for said in server.check_ins] == [told]


def test_drift_is_repaired_by_telling_all_again(tmp_path):
    with FaultServer(resend=True) as server:
        agent = Agent(tmp_path, server)
        agent.store.change(lambda ledger: full_look(ledger, [seen()], Look()))
        agent.uploader.run_once()
        agent.caller.run_once()
        agent.uploader.run_once()
        assert [type(e.about) for e in server.events] == [Outcome, Health, Outcome]


def test_a_server_that_asks_for_all_for_ever_gets_it_ever_more_seldom(tmp_path):
    with FaultServer(resend=True) as server:
        agent = Agent(tmp_path, server)
        agent.store.change(lambda ledger: full_look(ledger, [seen()], Look()))
        for _ in range(64):
            agent.caller.run_once()
        assert agent.store.pending() == 1 + 2 * 7


@pytest.mark.parametrize(("next_s", "wait_s"), [(-5, 1), (0, 1), (900, 900), (10**9, 86_400)])
def test_the_next_check_in_is_in_bounds(next_s, wait_s, tmp_path):
    with FaultServer(next_s=next_s) as server:
        assert Agent(tmp_path, server).caller.run_once().wait_s == wait_s


@pytest.mark.parametrize(
    "answer",
    [fault.status(500), fault.captive_portal, fault.other_json(b"{}"), fault.garbage, fault.status(401)],
)
def test_a_check_in_that_fails_is_tried_again(answer, tmp_path):
    with FaultServer(faults=[answer], on=CHECK_IN_PATH) as server:
        agent = Agent(tmp_path, server)
        failed = agent.caller.run_once()
        assert failed.condition in ("unreachable", "refused")
        assert failed.wait_s == 2
        assert agent.caller.run_once().condition == "ok"
