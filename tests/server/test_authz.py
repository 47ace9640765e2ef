"""Every route of the application against everyone who may come: a route is covered the day it is added."""

import re
from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount, Route

from aipolicy.core import wire
from aipolicy.core.first_sights import FIRST_SIGHTS_PATH
from server_lab import Lab, outcome

PUBLIC = {
    ("GET", "/healthz"),
    ("GET", "/sign-in"),
    ("POST", "/sign-in"),  # checks the token in its form
    ("POST", "/sign-out"),
    ("POST", wire.ENROL_PATH),  # checks the secret in its body
    ("GET", "/static/{digest}/{name:path}"),
}
FOR_DEVICES = {
    ("POST", wire.EVENTS_PATH),
    ("POST", wire.CHECK_IN_PATH),
    ("GET", wire.POLICY_PATH),
    ("POST", wire.UNENROL_PATH),
    ("POST", FIRST_SIGHTS_PATH),
}


def routes(found: list[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str]]:
    for route in found:
        if isinstance(route, Mount):
            yield from routes(list(route.routes), prefix + route.path)
        elif isinstance(route, Route | APIRoute):
            for method in sorted((route.methods or {"GET"}) - {"HEAD"}):
                yield method, prefix + route.path
        else:
            pytest.fail(f"a kind of route that this test does not know: {route!r}")


def filled(path: str, device_id: str) -> str:
    return re.sub(r"\{[^}]*\}", device_id, path)


@pytest.fixture
def places(sqlite_lab: Lab) -> list[tuple[str, str]]:
    app = sqlite_lab.http.app
    found = list(routes(app.routes))  # type: ignore[attr-defined]
    assert ("GET", "/api/v1/overview") in found
    assert ("GET", "/devices/{device}") in found
    assert len(found) > 20
    return found


def test_only_the_right_caller_gets_an_answer(sqlite_lab: Lab, places: list[tuple[str, str]]) -> None:
    lab = sqlite_lab
    device = lab.enrol()
    device.send(outcome())
    callers = {
        "nobody": {},
        "a wrong token": {"authorization": "Bearer aipa_" + "x" * 43},
        "a wrong cookie": {"cookie": "aipolicy_session=aipw_" + "x" * 43},
        "a device": {"authorization": f"Bearer {device.token}"},
        "a device, as a cookie": {"cookie": f"aipolicy_session={device.token}"},
        "the enrolment secret": {"authorization": f"Bearer {lab.secret}"},
        "an admin's token as a cookie": {"cookie": f"aipolicy_session={lab.admin_token}"},
    }
    for method, path in places:
        if (method, path) in PUBLIC:
            continue
        for caller, headers in callers.items():
            if (method, path) in FOR_DEVICES and caller == "a device":
                continue
            reply = lab.http.request(method, filled(path, device.id), headers=headers)
            refused = reply.status_code == 401 or (
                reply.status_code == 303 and reply.headers["location"].startswith("/sign-in")
            )
            assert refused, f"{method} {path} answers {caller} with {reply.status_code}"
            assert device.id not in reply.text


def test_an_admin_gets_every_page_and_the_api(sqlite_lab: Lab, places: list[tuple[str, str]]) -> None:
    lab = sqlite_lab
    device = lab.enrol()
    device.send(outcome())
    session = lab.http.get("/", params={"token": lab.admin_token}).cookies["aipolicy_session"]
    for method, path in places:
        if (method, path) in PUBLIC | FOR_DEVICES:
            continue
        ways = {"cookie": {"cookie": f"aipolicy_session={session}"}}
        if path.startswith("/api/"):
            ways["bearer"] = {"authorization": f"Bearer {lab.admin_token}"}
        for way, headers in ways.items():
            reply = lab.http.request(method, filled(path, device.id), headers=headers)
            # Without a number, a body or a precondition it is refused; but not for who asks.
            lets_in = {200, 404, 422} if method == "GET" else {400, 404, 422, 428}
            assert reply.status_code in lets_in, f"{method} {path} by {way}: {reply.status_code}"


def test_an_admin_is_no_device(sqlite_lab: Lab) -> None:
    for method, path in FOR_DEVICES:
        reply = sqlite_lab.http.request(
            method, path, headers={"authorization": f"Bearer {sqlite_lab.admin_token}"}
        )
        assert reply.status_code == 401


def test_every_answer_carries_the_security_headers(sqlite_lab: Lab, places: list[tuple[str, str]]) -> None:
    lab = sqlite_lab
    session = lab.http.get("/", params={"token": lab.admin_token}).cookies["aipolicy_session"]
    for headers in ({}, {"cookie": f"aipolicy_session={session}"}):
        for method, path in [*places, ("GET", "/no/such/place"), ("DELETE", "/"), ("GET", "/api/v1/none")]:
            reply = lab.http.request(method, filled(path, "x"), headers=headers)
            policy = reply.headers["content-security-policy"]
            assert "default-src" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert reply.headers["x-content-type-options"] == "nosniff"
            assert reply.headers["referrer-policy"] in {"no-referrer", "same-origin"}
            assert "server" not in reply.headers


def test_every_refusal_for_programs_is_a_problem(sqlite_lab: Lab, places: list[tuple[str, str]]) -> None:
    for method, path in [*places, ("GET", "/api/v1/none"), ("PUT", "/v1/events"), ("GET", "/v1/none")]:
        if path.startswith(("/api/", "/v1/")):
            reply = sqlite_lab.http.request(method, filled(path, "x"))
            assert reply.status_code >= 400
            assert reply.json()["schema"] == "aipolicy.problem/1"
            assert reply.json()["status"] == reply.status_code
