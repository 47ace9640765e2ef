"""POST /v1/enrol: a good secret against a bearer of the device's own, and a bounded number of guesses."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from aipolicy.core import wire
from aipolicy_server import tokens
from aipolicy_server.clock import to_us
from aipolicy_server.store import admins, devices
from server_lab import HOST, START, Lab, problem


def add_secret(lab: Lab, name: str, uses: int | None = None, expires_us: int | None = None) -> str:
    made = tokens.new(tokens.SECRET_PREFIX, lambda n: name.encode().ljust(n, b"."))
    lab.store.write_now(
        lambda connection: admins.add_secret(
            connection, name, tokens.hashed(made), to_us(START), expires_us=expires_us, uses=uses
        )
    )
    return made


def test_a_device_gets_an_id_and_a_token_of_its_own(lab: Lab) -> None:
    one, other = lab.enrol("pc-1"), lab.enrol("pc-2")
    assert one.id != other.id
    assert one.token != other.token
    assert [d["hostname"] for d in lab.get("/devices")["rows"]] == ["pc-1", "pc-2"]


def test_the_same_host_again_is_a_new_device_and_both_are_visible(lab: Lab) -> None:
    lab.enrol("pc-1"), lab.enrol("pc-1")
    assert [d["same_name"] for d in lab.get("/devices")["rows"]] == [1, 1]


def test_the_database_holds_no_token_and_no_secret(sqlite_lab: Lab) -> None:
    device = sqlite_lab.enrol()
    device.send()
    sqlite_lab.store.engine.dispose()
    stored = b"".join(path.read_bytes() for path in Path(sqlite_lab.settings.data).glob("server.db*"))
    for token in (device.token, sqlite_lab.secret, sqlite_lab.admin_token):
        assert token.encode() not in stored
    assert tokens.hashed(device.token).encode() in stored


@pytest.mark.parametrize("secret", ["", "x", "aips_wrong", "aips_" + "A" * 43, "aipd_" + "A" * 43, "=\u2028"])
def test_a_wrong_secret_lets_nobody_in(lab: Lab, secret: str) -> None:
    assert problem(lab.ask_to_enrol(secret)) == (401, "bad-secret")
    assert lab.count("devices") == 0


def test_a_secret_with_uses_is_used_up(lab: Lab) -> None:
    secret = add_secret(lab, "two", uses=2)
    assert [lab.ask_to_enrol(secret).status_code for _ in range(3)] == [200, 200, 401]
    assert lab.count("devices") == 2


def test_many_at_once_do_not_share_a_use(lab: Lab) -> None:
    secret = add_secret(lab, "ten", uses=10)
    with ThreadPoolExecutor(50) as pool:
        replies = list(pool.map(lambda _: lab.ask_to_enrol(secret).status_code, range(50)))
    assert sorted(replies) == [200] * 10 + [401] * 40
    assert lab.count("devices") == 10


def test_an_expired_secret_lets_nobody_in(lab: Lab) -> None:
    secret = add_secret(lab, "hour", expires_us=to_us(START) + 3_600_000_000)
    assert lab.ask_to_enrol(secret).status_code == 200
    lab.clock.advance(hours=1)
    assert problem(lab.ask_to_enrol(secret)) == (401, "bad-secret")


def test_a_withdrawn_secret_lets_nobody_in_and_its_devices_stay(lab: Lab) -> None:
    secret = add_secret(lab, "gone")
    reply = msgspec.json.decode(lab.ask_to_enrol(secret).content, type=wire.EnrolReply)
    assert lab.store.write_now(lambda connection: admins.revoke_secret(connection, "gone", to_us(START)))
    assert problem(lab.ask_to_enrol(secret)) == (401, "bad-secret")
    with lab.store.reading() as connection:
        known = devices.by_token_hash(connection, tokens.hashed(reply.token))
    assert known == devices.Known(device=reply.device, revoked=False)


def test_too_many_wrong_secrets_are_slowed_down_but_a_right_one_is_not(data: Path) -> None:
    with Lab.open(data, wrong_per_minute=3) as lab:
        lab.enrol()
        codes = [lab.ask_to_enrol("aips_wrong").status_code for _ in range(5)]
        assert codes == [401, 401, 401, 429, 429]
        assert lab.ask_to_enrol("aips_wrong").headers["retry-after"] == "60"
        assert lab.ask_to_enrol(lab.secret).status_code == 200


def test_a_herd_of_new_devices_is_told_when_to_come_back(data: Path) -> None:
    with Lab.open(data, enrol_per_s=1e-9) as lab:
        reply = lab.ask_to_enrol(lab.secret)
        assert problem(reply) == (429, "too-many")
        assert int(reply.headers["retry-after"]) >= 1


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b"", (400, "malformed")),
        (b"{", (400, "malformed")),
        (b"[]", (422, "bad-request")),
        (b'{"secret":1}', (422, "bad-request")),
        (
            b'{"schema":"aipolicy.enrol/9","secret":"s","host":%s}' % msgspec.json.encode(HOST),
            (422, "schema"),
        ),
        (
            b'{"secret":"s","host":%s}' % msgspec.json.encode(HOST).replace(b"lab-1", b"\\u0000"),
            (422, "bad-request"),
        ),
        (
            b'{"secret":"s","host":%s}' % msgspec.json.encode(HOST).replace(b"lab-1", b"x" * 300),
            (422, "bad-request"),
        ),
        (b" " * 20_000, (413, "too-large")),
    ],
)
def test_a_bad_request_is_refused_with_its_reason(
    sqlite_lab: Lab, body: bytes, answer: tuple[int, str]
) -> None:
    assert problem(sqlite_lab.http.post(wire.ENROL_PATH, content=body)) == answer
