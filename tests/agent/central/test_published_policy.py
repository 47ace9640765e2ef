"""The server's policy on its way to the device: TUF's attacks by name, a lost file, and what is kept.

Extraneous dependencies cannot be: a policy refers to nothing else. Against a stolen key of the server there
is no defence here: see docs/limitations.md.
"""

import hashlib
import os
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import faults as fault
from aipolicy.central.http import Client
from aipolicy.central.policy_source import LastGood, NoPolicy, PolicyText
from aipolicy.central.published_policy import (
    OfServerElseFile,
    PolicyFetcher,
    PublishedPolicy,
    Refused,
    Unfetched,
)
from aipolicy.core.published import MOST_NUMBER, PolicyAnswer, PolicyTag, told_wrongly
from aipolicy.core.wire import POLICY_PATH
from fault_server import FaultServer, tag_of
from sightings import NOON

TEXT = "banned: [claude-code]\n"


def policy(number: int, text: str = TEXT) -> PolicyAnswer:
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return PolicyAnswer(number=number, sha256=sha256, name="policy.yaml", content=text)


class Device:
    """What follows the server, over its lives."""

    def __init__(self, state: Path, server: FaultServer, deadline_s: float = 10) -> None:
        state.mkdir(exist_ok=True)
        self.state, self.server = state, server
        self.published = PublishedPolicy(state)
        self.client = Client(server.url, deadline_s=deadline_s)
        self.token = server.enrol()[1]

    def follow(self, told: PolicyTag | None = None) -> PolicyAnswer | Refused | Unfetched | None:
        """As a check-in leads to it; what is right is taken."""
        told = told or self.server.told or tag_of(self.server.policy)
        found = PolicyFetcher(self.client, self.published).follow(told, self.token)
        if isinstance(found, PolicyAnswer):
            self.published.take(found)
        return found

    def number(self) -> int:
        kept = PublishedPolicy(self.state).read()
        return kept.number if kept else 0


def asked(server: FaultServer) -> int:
    return sum(exchange.path == POLICY_PATH for exchange in server.exchanges)


def test_each_one_is_fetched_once_and_kept_over_restarts(tmp_path: Path) -> None:
    with FaultServer(policy=policy(1)) as server:
        device = Device(tmp_path / "state", server)
        assert device.follow() == policy(1)
        assert device.follow() is None
        assert asked(server) == 1
        again = Device(tmp_path / "state", server)
        assert again.follow() is None
        assert again.published.read() == PolicyText(
            name="policy.yaml", content=TEXT.encode(), sha256=policy(1).sha256, number=1
        )
        server.policy = policy(2, "banned: []\n")
        assert again.follow() == server.policy
        assert asked(server) == 2
        assert (tmp_path / "state/policy.published.json").stat().st_mode & 0o777 == 0o600


def test_where_the_server_publishes_none_nothing_is_asked(tmp_path: Path) -> None:
    with FaultServer() as server:
        device = Device(tmp_path / "state", server)
        assert device.follow() is None
        assert asked(server) == 0
        assert device.published.read() is None


def test_what_the_device_has_is_not_sent_again(tmp_path: Path) -> None:
    """A check-in may name one that was taken back by the time it is asked for."""
    with FaultServer(policy=policy(1)) as server:
        device = Device(tmp_path / "state", server)
        device.follow()
        refused = device.follow(PolicyTag(number=2, sha256=policy(2, "banned: []\n").sha256))
        assert isinstance(refused, Refused)
        assert "nothing has changed" in refused.why
        assert server.exchanges[-1].headers["if-none-match"] == f'"1-{policy(1).sha256[:16]}"'


# --- the attacks that TUF names --------------------------------------------------------------------------


def test_rollback(tmp_path: Path) -> None:
    """A server that was set back, or an answer of last week."""
    with FaultServer(policy=policy(7)) as server:
        Device(tmp_path / "state", server).follow()
        server.policy = policy(6, "banned: []\n")
        device = Device(tmp_path / "state", server)
        refused = device.follow()
        assert isinstance(refused, Refused)
        assert refused.why == "number 6 is older than number 7, which was in force here before"
        assert device.number() == 7
        server.policy = None
        assert isinstance(device.follow(), Refused)
        assert device.number() == 7


def test_rollback_where_the_kept_file_is_lost(tmp_path: Path) -> None:
    with FaultServer(policy=policy(7)) as server:
        device = Device(tmp_path / "state", server)
        device.follow()
        kept = device.published.read()
        assert kept is not None
        LastGood(tmp_path / "state").keep(kept)
        (tmp_path / "state/policy.published.json").write_bytes(b"\0damaged")
        server.policy = policy(6, "banned: []\n")
        assert isinstance(Device(tmp_path / "state", server).follow(), Refused)
        server.policy = policy(7)
        assert Device(tmp_path / "state", server).follow() == policy(7), "the same one is fetched again"


def test_fast_forward(tmp_path: Path) -> None:
    """A number so high that none could ever follow is no number."""
    with FaultServer(policy=policy(1)) as server:
        device = Device(tmp_path / "state", server)
        for number in (MOST_NUMBER, 10**18, 0, -1):
            refused = device.follow(PolicyTag(number=number, sha256=policy(1).sha256))
            assert isinstance(refused, Refused), number
        server.policy = policy(MOST_NUMBER)
        assert isinstance(device.follow(PolicyTag(number=1, sha256=policy(1).sha256)), Refused)
        assert device.number() == 0


def test_mix_and_match(tmp_path: Path) -> None:
    """The check-in of one moment, the text of another; or two texts under one number."""
    with FaultServer(policy=policy(6, "banned: []\n")) as server:
        device = Device(tmp_path / "state", server)
        older = device.follow(PolicyTag(number=7, sha256=policy(7).sha256))
        assert isinstance(older, Refused)
        assert older.why == "number 6 was sent, and number 7 was named"
        other = device.follow(PolicyTag(number=6, sha256=policy(6).sha256))
        assert isinstance(other, Refused)
        assert "another text" in other.why
        server.policy = policy(6)
        device.follow()
        server.policy = policy(6, "banned: []\n")
        assert isinstance(device.follow(), Refused)
        assert device.published.read() == PolicyText(
            name="policy.yaml", content=TEXT.encode(), sha256=policy(6).sha256, number=6
        )


def test_a_newer_one_than_was_named_is_taken(tmp_path: Path) -> None:
    """It was published between the two questions."""
    with FaultServer(policy=policy(8)) as server:
        device = Device(tmp_path / "state", server)
        assert device.follow(PolicyTag(number=7, sha256="0" * 64)) == policy(8)


def test_arbitrary_installation(tmp_path: Path) -> None:
    """A text that is not the one that its hash names."""
    with FaultServer(policy=msgspec.structs.replace(policy(1), content="banned: []\n")) as server:
        device = Device(tmp_path / "state", server)
        refused = device.follow()
        assert isinstance(refused, Refused)
        assert "SHA-256" in refused.why
        assert device.number() == 0


@pytest.mark.parametrize(
    "attack", [fault.endless_body, fault.endless_headers, fault.gzip_bomb], ids=lambda one: one.__name__
)
def test_endless_data(tmp_path: Path, attack: fault.Fault) -> None:
    with FaultServer(policy=policy(1), faults=[attack], on=POLICY_PATH) as server:
        device = Device(tmp_path / "state", server)
        assert isinstance(device.follow(), Unfetched)
        assert device.number() == 0
        assert device.follow() == policy(1), "the next time all is well"


@pytest.mark.parametrize(
    "attack", [fault.drip_body, fault.drip_headers, fault.hang], ids=lambda o: o.__name__
)
def test_slow_retrieval(tmp_path: Path, attack: fault.Fault) -> None:
    with FaultServer(policy=policy(1), faults=[attack], on=POLICY_PATH) as server:
        device = Device(tmp_path / "state", server)
        fetcher = PolicyFetcher(device.client, device.published, deadline_s=1.0)
        found = fetcher.follow(tag_of(server.policy), device.token)
        assert isinstance(found, Unfetched)
        assert "within 1 s" in found.why


@pytest.mark.parametrize(
    "attack",
    [fault.captive_portal, fault.status(500), fault.status(401), fault.redirect, fault.close_at_once],
)
def test_what_is_no_answer_changes_nothing(tmp_path: Path, attack: fault.Fault) -> None:
    with FaultServer(policy=policy(1), faults=[attack], on=POLICY_PATH) as server:
        device = Device(tmp_path / "state", server)
        found = device.follow()
        assert isinstance(found, Unfetched)
        assert found.why.startswith("the policy could not be fetched: ")
        assert device.number() == 0


@pytest.mark.parametrize("body", [b"{}", b'{"number": "1"}', b'{"schema": "aipolicy.policy/2"}'])
def test_json_that_is_no_policy_is_refused(tmp_path: Path, body: bytes) -> None:
    with FaultServer(policy=policy(1), faults=[fault.other_json(body)], on=POLICY_PATH) as server:
        device = Device(tmp_path / "state", server)
        assert isinstance(device.follow(), Refused)
        assert device.number() == 0


NUMBERS = st.integers(min_value=-2, max_value=MOST_NUMBER + 2)
TAGS = st.builds(PolicyTag, number=NUMBERS, sha256=st.sampled_from(["a" * 64, "b" * 64]))


@given(st.none() | TAGS, st.none() | TAGS)
def test_whatever_is_named_the_number_never_falls(told: PolicyTag | None, held: PolicyTag | None) -> None:
    if told_wrongly(told, held) == "" and held is not None:
        assert told is not None
        assert told.number >= held.number
        assert told.number != held.number or told == held


# --- what is kept ----------------------------------------------------------------------------------------


def test_the_file_counts_until_the_server_has_one(tmp_path: Path) -> None:
    class File:
        def read(self) -> PolicyText | NoPolicy:
            return NoPolicy(reason="the file was asked")

    published = PublishedPolicy(tmp_path)
    source = OfServerElseFile(published, File())
    assert source.read() == NoPolicy(reason="the file was asked")
    published.take(policy(1))
    found = source.read()
    assert isinstance(found, PolicyText)
    assert found.number == 1


def test_a_disk_that_takes_nothing_does_not_keep_it_from_force(tmp_path: Path) -> None:
    published = PublishedPolicy(tmp_path / "missing")
    published.take(policy(1))
    published.confirm(NOON)
    found = published.read()
    assert found is not None
    assert found.number == 1
    assert published.confirmed() is None


def test_when_the_server_confirmed_it_is_remembered(tmp_path: Path) -> None:
    published = PublishedPolicy(tmp_path)
    published.take(policy(1))
    published.confirm(NOON + timedelta(hours=1))
    assert PublishedPolicy(tmp_path).confirmed() == NOON + timedelta(hours=1)


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff", b'{"number":1,"sha256":"","name":"","content":""}'])
def test_a_damaged_one_is_none(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "policy.published.json").write_bytes(damage)
    published = PublishedPolicy(tmp_path)
    assert (published.read(), published.tag) == (None, None)


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    PublishedPolicy(tmp_path).take(policy(1))
    os.rename(tmp_path / "policy.published.json", tmp_path / "elsewhere")
    (tmp_path / "policy.published.json").symlink_to("elsewhere")
    assert PublishedPolicy(tmp_path).read() is None
