"""Signing in: the page says where the token is, a wrong one is told kindly, and nobody is sent elsewhere."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from aipolicy_server.console.sign_in import safe_next
from server.console.markup import Markup
from server.console.synthetic import ADMIN_TOKEN


def test_the_page_says_where_the_token_is(stranger: TestClient) -> None:
    page = Markup(stranger.get("/sign-in").text)
    assert "In the file admin-token in the server's data folder" in page.text
    assert page.one("input", name="token").attributes["type"] == "password"
    assert not list(page.all("nav"))


def test_one_goes_on_to_the_page_one_wanted(stranger: TestClient) -> None:
    asked = stranger.get("/events?tool=aider&owner=m%26m")
    form = Markup(stranger.get(asked.headers["location"]).text)
    wanted = form.one("input", name="next").attributes["value"]
    assert wanted == "/events?tool=aider&owner=m%26m"
    answer = stranger.post("/sign-in", data={"token": f" {ADMIN_TOKEN}\n", "next": wanted})
    assert (answer.status_code, answer.headers["location"]) == (303, wanted)
    assert stranger.get(wanted).status_code == 200


def test_a_wrong_token_is_told_where_it_was_typed(stranger: TestClient) -> None:
    answer = stranger.post("/sign-in", data={"token": "aipa_" + "B" * 43, "next": "/tools"})
    page = Markup(answer.text)
    assert answer.status_code == 401
    assert "not the admin token" in page.one("p", id="problem").text
    field = page.one("input", name="token")
    assert field.attributes["aria-describedby"] == "problem"
    assert field.attributes["aria-invalid"] == "true"
    assert "value" not in field.attributes
    assert page.one("input", name="next").attributes["value"] == "/tools"


def test_signing_out_ends_it(stranger: TestClient) -> None:
    stranger.post("/sign-in", data={"token": ADMIN_TOKEN})
    assert stranger.get("/").status_code == 200
    assert stranger.post("/sign-out").status_code == 303
    assert stranger.get("/").status_code == 303


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "\\\\evil",
        "",
        None,
        "/sign-in",
        "/x\\..\\..",
        "/" + "x" * 3000,
    ],
)
def test_nobody_is_sent_elsewhere(path: str | None) -> None:
    assert safe_next(path) == "/"


@given(st.text() | st.text("/\\.:@ehtps\t\n").map(lambda text: "/" + text))
def test_whatever_is_asked_for_stays_on_this_server(path: str) -> None:
    parts = urlsplit(safe_next(path))
    assert not parts.scheme
    assert not parts.netloc
    assert safe_next(path)[:1] == "/"
    assert safe_next(path)[:2] not in {"//", "/\\"}
