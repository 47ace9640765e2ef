"""Bodies: bounded in size, before and after decompression, and refused with what is wrong with them."""

import gzip
import tracemalloc
import zlib

import msgspec
import pytest

from aipolicy.core import wire
from server_lab import Lab, batch_body, event, outcome, problem

DEEP = b'{"device":"d","spool":"s","seq":1,"events":[],"x":%s}' % (b"[" * 400_000 + b"]" * 400_000)
BOMB = zlib.compress(b"\0" * 300_000_000, 9, wbits=31)


def test_a_decompression_bomb_costs_no_more_than_the_limit(sqlite_lab: Lab) -> None:
    device = sqlite_lab.enrol()
    assert len(BOMB) < wire.MAX_BODY_BYTES
    tracemalloc.start()
    reply = device.post(BOMB)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert problem(reply) == (413, "too-large")
    assert peak < 20_000_000


UNREADABLE: dict[str, tuple[bytes, tuple[int, str]]] = {
    "nothing": (b"", (400, "malformed")),
    "not gzip": (b"plain text", (400, "malformed")),
    "a byte missing": (gzip.compress(b"{}")[:-1], (400, "malformed")),
    "a wrong length in the trailer": (gzip.compress(b"{}")[:-4] + b"\0\0\0\0", (400, "malformed")),
    "more behind it": (gzip.compress(b"{}") + b"more", (400, "malformed")),
    "two gzip members": (gzip.compress(b"{}") * 2, (400, "malformed")),
    "zlib": (zlib.compress(b"{}"), (400, "malformed")),
    "too large as sent": (b"\x1f\x8b" + b"\0" * wire.MAX_BODY_BYTES, (413, "too-large")),
    "too large unpacked": (gzip.compress(b" " * (wire.MAX_BODY_BYTES + 1)), (413, "too-large")),
    "nothing in gzip": (gzip.compress(b""), (400, "malformed")),
    "UTF-16": (gzip.compress(b"\xff\xfe"), (400, "malformed")),
    "not UTF-8": (gzip.compress(b'{"device":"\xff"}'), (400, "malformed")),
    "deep": (gzip.compress(DEEP), (400, "malformed")),
    "deep from the start": (gzip.compress(b"[" * 900_000), (422, "bad-batch")),
    "an empty object": (gzip.compress(b"{}"), (422, "bad-batch")),
    "null": (gzip.compress(b"null"), (422, "bad-batch")),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_body_that_cannot_be_read_is_refused(sqlite_lab: Lab, case: str) -> None:
    body, answer = UNREADABLE[case]
    assert problem(sqlite_lab.enrol().post(body)) == answer


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "zstd", "x-gzip"])
def test_other_encodings_are_refused(sqlite_lab: Lab, encoding: str) -> None:
    device = sqlite_lab.enrol()
    reply = device.post(batch_body(device.batch(outcome())), **{"content-encoding": encoding})
    assert problem(reply) == (415, "encoding")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"schema": "aipolicy.batch/2"}, "schema"),
        ({"spool": ""}, "bad-batch"),
        ({"spool": "x" * 65}, "bad-batch"),
        ({"spool": "a b\n"}, "bad-batch"),
        ({"seq": 0}, "bad-batch"),
        ({"seq": -1}, "bad-batch"),
        ({"seq": 2**63}, "bad-batch"),
        ({"seq": 10**30}, "bad-batch"),
        ({"seq": 1.5}, "bad-batch"),
        ({"seq": "1"}, "bad-batch"),
        ({"events": None}, "bad-batch"),
        ({"events": {}}, "bad-batch"),
    ],
)
def test_a_bad_envelope_is_refused(sqlite_lab: Lab, change: dict[str, object], code: str) -> None:
    device = sqlite_lab.enrol()
    whole = {**msgspec.to_builtins(device.batch(outcome())), **change}
    assert problem(device.post(gzip.compress(msgspec.json.encode(whole)))) == (422, code)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        (b'"installed"', b'"melted"', "melted"),
        (b'"what":"outcome"', b'"what":"poem"', "poem"),
        (b"2026-03-01T12:00:00Z", b"2026-03-01T12:00:00", "time"),
        (b"2026-03-01T12:00:00Z", b"1969-12-31T23:59:59Z", "1970"),
        (b"2026-03-01T12:00:00Z", b"0001-01-01T00:00:00+14:00", "1970"),
        (b"2026-03-01T12:00:00Z", b"9999-12-31T23:59:59-12:00", "9999"),
        (b"2026-03-01T12:00:00Z", b"2026-02-30T12:00:00Z", "time"),
        (b'"uid":1000', b'"uid":99999999999999999999', "uid"),
        (b'"uid":1000', b'"uid":true', "uid"),
        (b'"claude-code"', b'""', "tool"),
        (b'"claude-code"', b'"' + b"t" * 201 + b'"', "tool"),
        (b'"native"', b'"\\u0000"', "NUL"),
        (b'"native"', b'"' + b"f" * 300 + b'"', "form"),
        (b'~/.local/bin/claude"', b"p" * 9000 + b'"', "path"),
        (b'"pid":null', b'"pid":-1', "pid"),
        (b'"native"', b"null", "form"),
    ],
)
def test_a_bad_event_is_named(sqlite_lab: Lab, old: bytes, new: bytes, named: str) -> None:
    device = sqlite_lab.enrol()
    good, bad, last = event(outcome(tool="cursor")), event(outcome()), event(outcome(tool="qoder"))
    changed = msgspec.json.encode(bad).replace(old, new)
    assert changed != msgspec.json.encode(bad)
    body = b'{"device":"%s","spool":"a","seq":1,"events":[%s,%s,%s]}' % (
        device.id.encode(),
        msgspec.json.encode(good),
        changed,
        msgspec.json.encode(last),
    )
    reply = device.post(gzip.compress(body))
    assert problem(reply) == (422, "bad-event")
    title = reply.json()["title"]
    assert title.startswith(f"event 1 (id {bad.id})")
    assert named in title
    assert sqlite_lab.count("events") == 0


def test_every_bad_event_is_named_up_to_a_few(sqlite_lab: Lab) -> None:
    device = sqlite_lab.enrol()
    events = [b"{}"] * 8
    body = b'{"device":"d","spool":"a","seq":1,"events":[%s]}' % b",".join(events)
    title = device.post(gzip.compress(body)).json()["title"]
    assert "event 0" in title
    assert "event 4" in title
    assert title.endswith("and 3 more")


def test_unknown_fields_are_passed_over(sqlite_lab: Lab) -> None:
    device = sqlite_lab.enrol()
    body = msgspec.json.encode(device.batch(outcome())).replace(b'"what":', b'"new":[{"x":1}],"what":', 1)
    assert device.post(gzip.compress(b'{"later":null,' + body[1:])).status_code == 200
    assert sqlite_lab.count("events") == 1


def test_a_text_that_only_looks_like_a_nul_is_taken(sqlite_lab: Lab) -> None:
    device = sqlite_lab.enrol()
    device.send(outcome(path="~/\\u0000"))
    assert sqlite_lab.get("/events")["rows"][0]["place"] == "~/\\u0000"


def test_only_post_is_taken(sqlite_lab: Lab) -> None:
    for path in (wire.EVENTS_PATH, wire.CHECK_IN_PATH, wire.ENROL_PATH):
        assert problem(sqlite_lab.http.get(path)) == (405, "method")
        assert sqlite_lab.http.get(path + "/").status_code == 404
