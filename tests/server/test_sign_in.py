"""Signing in: by the printed address or the form, for some hours, from this site only, with few guesses."""

from pathlib import Path
from typing import Any

import pytest

from server_lab import Lab

COOKIE = "aipolicy_session"


def sign_in(lab: Lab, token: str | None = None, next_path: str = "/", **headers: str) -> Any:
    form = {"token": token or lab.admin_token, "next": next_path}
    return lab.http.post("/sign-in", data=form, headers=headers)


def test_the_printed_address_signs_in_and_becomes_a_clean_one(lab: Lab) -> None:
    reply = lab.http.get("/events", params={"tool": "x y", "token": lab.admin_token})
    assert (reply.status_code, reply.headers["location"]) == (303, "/events?tool=x+y")
    assert reply.headers["referrer-policy"] == "no-referrer"
    cookie = reply.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Secure" not in cookie
    assert lab.http.get("/").status_code == 200


@pytest.mark.parametrize("path", ["/", "/sign-in", "/devices/x", "/anything"])
def test_a_wrong_token_in_the_address_signs_nobody_in(sqlite_lab: Lab, path: str) -> None:
    for wrong in ("x", "", "aipa_" + "x" * 43, sqlite_lab.secret, "é\u2028"):
        reply = sqlite_lab.http.get(path, params={"token": wrong})
        assert reply.status_code == 401
        assert COOKIE not in reply.cookies


def test_https_makes_the_cookie_secure(sqlite_lab: Lab) -> None:
    reply = sqlite_lab.http.get("https://testserver/", params={"token": sqlite_lab.admin_token})
    assert "Secure" in reply.headers["set-cookie"]


def test_the_form_signs_in_and_leads_to_the_page_that_was_wanted(sqlite_lab: Lab) -> None:
    wanted = sqlite_lab.http.get("/events?tool=claude-code")
    assert wanted.headers["location"] == "/sign-in?next=%2Fevents%3Ftool%3Dclaude-code"
    assert sqlite_lab.http.get(wanted.headers["location"]).status_code == 200
    reply = sign_in(sqlite_lab, f"  {sqlite_lab.admin_token}\n", "/events?tool=claude-code")
    assert (reply.status_code, reply.headers["location"]) == (303, "/events?tool=claude-code")
    assert sqlite_lab.http.get("/events?tool=claude-code").status_code == 200


@pytest.mark.parametrize(
    "path", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", ""]
)
def test_signing_in_leads_to_no_other_host(sqlite_lab: Lab, path: str) -> None:
    assert sign_in(sqlite_lab, next_path=path).headers["location"] == "/"


def test_signing_out_ends_the_session_on_the_server(lab: Lab) -> None:
    lab = lab
    session = sign_in(lab).cookies[COOKIE]
    assert lab.http.post("/sign-out").headers["location"] == "/sign-in"
    reply = lab.http.get("/", headers={"cookie": f"{COOKIE}={session}"})
    assert reply.status_code == 303


def test_a_session_ends_after_its_hours(lab: Lab) -> None:
    sign_in(lab)
    lab.clock.advance(hours=11, minutes=59)
    assert lab.http.get("/").status_code == 200
    lab.clock.advance(minutes=1)
    assert lab.http.get("/").status_code == 303


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),  # no browser
        ({"origin": "http://testserver"}, 303),
        ({"sec-fetch-site": "same-origin"}, 303),
        ({"sec-fetch-site": "none"}, 303),
        ({"sec-fetch-site": "same-origin", "origin": "null"}, 303),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://testserver.evil.example"}, 403),
        ({"origin": "http://testserver:81"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "http://testserver"}, 403),
    ],
)
def test_a_form_of_another_site_is_refused(sqlite_lab: Lab, headers: dict[str, str], status: int) -> None:
    assert sign_in(sqlite_lab, **headers).status_code == status
    assert sqlite_lab.http.post("/sign-out", headers=headers).status_code == status


def test_guessing_is_slowed_down(data: Path) -> None:
    with Lab.open(data, wrong_per_minute=3) as lab:
        codes = [sign_in(lab, "aipa_guess").status_code for _ in range(5)]
        assert codes == [401, 401, 401, 429, 429]
        assert sign_in(lab, "aipa_guess").headers["retry-after"] == "60"
        assert sign_in(lab).status_code == 303  # a right one is not locked out
        api = lab.http.get("/api/v1/overview", headers={"authorization": "Bearer aipa_guess"})
        assert api.status_code == 429


@pytest.mark.parametrize("body", [b"", b"token", b"\xff\xfe=%", b"a=" * 10_000, b"token=" + b"x" * 100_000])
def test_a_broken_form_is_only_a_wrong_token(sqlite_lab: Lab, body: bytes) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert sqlite_lab.http.post("/sign-in", content=body, headers=headers).status_code == 401


def test_the_pages_hold_no_token(sqlite_lab: Lab) -> None:
    sign_in(sqlite_lab)
    for path in ("/", "/devices", "/tools", "/events", "/api/v1/docs"):
        assert sqlite_lab.admin_token not in sqlite_lab.http.get(path).text
