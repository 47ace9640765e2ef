"""What went wrong is a page that says what to do, and never the fault's insides."""

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.testclient import TestClient

from aipolicy_server.console import problems
from aipolicy_server.console.render import Pages
from aipolicy_server.store.store import Unavailable
from server.console.markup import Markup
from server.console.reader import Reader


def test_an_unknown_address(stranger: TestClient) -> None:
    answer = stranger.get("/nowhere/<script>alert(1)</script>")
    assert answer.status_code == 404
    assert Markup(answer.text).one("h1").text == "No such page"
    assert "alert(1)" not in answer.text


def test_an_unknown_address_keeps_the_menu_of_who_is_signed_in(reader: Reader) -> None:
    links = reader.page("/nowhere", status=404).links()
    assert links["Devices"] == "/devices"
    assert "Sign in" not in links


def test_a_form_from_another_site(reader: Reader) -> None:
    answer = reader.client.post("/sign-out", headers={"origin": "https://evil.example"})
    assert answer.status_code == 403
    page = Markup(answer.text)
    assert page.one("h1").text == "Not allowed"
    assert "another site" in page.text


def test_a_fault_of_the_server_shows_nothing_of_its_insides(app: FastAPI, reader: Reader) -> None:
    def broken() -> None:
        raise RuntimeError("secret-inside")

    app.state.clock = broken
    answer = reader.get("/devices")
    assert answer.status_code == 500
    assert "secret-inside" not in answer.text
    assert "Traceback" not in answer.text


def test_a_database_that_does_not_answer(app: FastAPI, reader: Reader) -> None:
    class Away:
        def reading(self) -> None:
            raise Unavailable("locked")

    app.state.store = Away()
    answer = reader.get("/devices")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert "Nothing is lost" in Markup(answer.text).text


@pytest.mark.parametrize("name", ["forbidden", "failed", "unavailable", "not_found"])
def test_every_problem_page_is_whole(app: FastAPI, name: str) -> None:
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/x",
        "query_string": b"",
        "headers": [(b"host", b"h")],
        "app": app,
        "server": ("h", 80),
        "scheme": "http",
    }
    arguments = ("This form was sent from another site. Open it here.",) if name == "forbidden" else ()
    response = getattr(problems, name)(Request(scope), Pages(), *arguments)
    page = Markup(bytes(response.body).decode())
    assert page.one("h1").text
    assert len(page.one("main").text) > 60
    assert "unsafe" not in response.headers["content-security-policy"]
