"""Which device is calling: wrong tokens are refused before any query, revoked ones as such."""

import pytest

from aipolicy.core import wire
from aipolicy_server import tokens
from aipolicy_server.clock import to_us
from aipolicy_server.store import devices
from server_lab import START, Lab, batch_body, outcome, problem


@pytest.mark.parametrize("path", [wire.EVENTS_PATH, wire.CHECK_IN_PATH])
@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Basic YTpi",
        "Bearer aipd_" + "A" * 43,
        "Bearer aipd_" + "A" * 42 + "=",
        "Bearer " + "x" * 5000,
        "bearer\taipd_" + "A" * 43,
    ],
)
def test_a_token_that_we_never_made_costs_no_query(sqlite_lab: Lab, path: str, header: str | None) -> None:
    device = sqlite_lab.enrol()
    queries: list[object] = []
    remove = count_queries(sqlite_lab, queries)
    reply = device.post(b"not even gzip", path, authorization=header or "")
    remove()
    assert problem(reply) == (401, "bad-token")
    assert reply.headers["www-authenticate"] == "Bearer"
    assert queries == []


def count_queries(lab: Lab, into: list[object]):  # type: ignore[no-untyped-def]
    from sqlalchemy import event

    def note(*arguments: object) -> None:
        into.append(arguments)

    event.listen(lab.store.engine, "before_cursor_execute", note)
    return lambda: event.remove(lab.store.engine, "before_cursor_execute", note)


def test_a_token_of_the_right_form_that_no_device_has_is_refused(lab: Lab) -> None:
    made = tokens.new_device_token(lab.store.token_key, lambda n: b"z" * n)
    device = lab.enrol()
    device.token = made
    assert problem(device.post(batch_body(device.batch(outcome())))) == (401, "bad-token")


@pytest.mark.parametrize("kind", ["admin_token", "secret"])
def test_tokens_for_other_purposes_are_no_device(sqlite_lab: Lab, kind: str) -> None:
    device = sqlite_lab.enrol()
    device.token = getattr(sqlite_lab, kind)
    assert problem(device.post(batch_body(device.batch(outcome())))) == (401, "bad-token")


def test_a_revoked_device_is_told_so_and_not_to_enrol_again(lab: Lab) -> None:
    device = lab.enrol()
    assert lab.store.write_now(lambda connection: devices.revoke(connection, device.id, to_us(START)))
    assert problem(device.post(batch_body(device.batch(outcome())))) == (403, "revoked")
    assert lab.count("events") == 0
    assert lab.get("/overview")["devices"] == 0


def test_device_tokens_carry_their_own_check() -> None:
    token = tokens.new_device_token(b"key", lambda n: b"r" * n)
    assert tokens.is_device_token(token, b"key")
    assert not tokens.is_device_token(token, b"another key")
    for place in range(len(token)):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert not tokens.is_device_token(changed, b"key")
