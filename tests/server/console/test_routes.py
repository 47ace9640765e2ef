"""What holds for every page: behind the sign-in, strict about scripts, readable with and without eyes."""

import itertools
import re

import pytest
from fastapi import FastAPI
from starlette.routing import Route
from starlette.testclient import TestClient

from aipolicy_server.console.routes import GUARDED
from server.console.markup import Element, Markup
from server.console.reader import Company
from server.console.synthetic import POLICY

WITHOUT_STORE = ("/sign-in", "/nowhere")


def addresses(company: Company) -> dict[str, str]:
    """A real address for every route. A new route without one fails here."""
    known = {"device": company.devices["dev-mara"], "tool:path": "claude-code", "event": ""}
    known |= {"number": "2", "version": POLICY}
    for link in company.page("/events?done=ended").all("a"):
        if link.attributes["href"].startswith("/events/"):
            known["event"] = link.attributes["href"].removeprefix("/events/")
    return {
        path: re.sub(r"\{([\w:]+)\}", lambda match: known[match[1]], path)
        for path in (*GUARDED, *WITHOUT_STORE)
    }


@pytest.fixture(scope="module")
def pages(company: Company) -> dict[str, Markup]:
    return {
        path: Markup(company.get(address).text)
        for path, address in addresses(company).items()
        if not path.endswith(".csv")
    }


def test_every_page_asks_a_stranger_to_sign_in_and_remembers_where_to(stranger: TestClient) -> None:
    for path in GUARDED:
        answer = stranger.get(path)
        assert answer.status_code == 303, path
        assert answer.headers["location"].startswith("/sign-in"), path
        if path != "/":
            assert "next=%2F" in answer.headers["location"], path
        assert "claude" not in answer.text


def test_nothing_but_reading_is_offered(app: FastAPI) -> None:
    for route in app.router.routes:
        if isinstance(route, Route) and route.path in GUARDED:
            assert route.methods == {"GET", "HEAD"}, route.path


def test_every_page_carries_the_strict_headers(company: Company) -> None:
    for address in addresses(company).values():
        headers = company.get(address).headers
        policy = headers["content-security-policy"]
        assert "unsafe" not in policy, address
        assert "script-src 'self'" in policy, address
        assert "default-src 'none'" in policy, address
        assert "frame-ancestors 'none'" in policy, address
        assert headers["cache-control"] == "no-store", address
        assert headers["x-content-type-options"] == "nosniff", address


def test_no_page_has_inline_script_style_or_handler(pages: dict[str, Markup]) -> None:
    for path, page in pages.items():
        for element in page.elements:
            assert element.tag != "style", path
            assert "style" not in element.attributes, (path, element)
            assert not [a for a in element.attributes if a.startswith("on") or "hx-on" in a], (path, element)
            assert not element.attributes.get("href", "").lower().startswith(("javascript:", "data:")), path
            if element.tag == "script":
                assert element.attributes["src"].startswith("/static/"), path
                assert not element.text, path


def test_no_page_links_to_another_host(pages: dict[str, Markup]) -> None:
    for path, page in pages.items():
        for element in page.elements:
            for name in ("href", "src", "action", "hx-get", "poster", "srcset"):
                value = element.attributes.get(name)
                assert value is None or re.match(r"/(?!/)|#", value), (path, element.tag, name, value)


def test_htmx_is_told_not_to_inject_style_nor_to_evaluate(pages: dict[str, Markup]) -> None:
    for page in pages.values():
        config = page.one("meta", name="htmx-config").attributes["content"]
        for setting in ('"includeIndicatorStyles":false', '"allowEval":false', '"historyCacheSize":0'):
            assert setting in config


def test_every_page_has_one_heading_a_title_and_a_way_past_the_menu(pages: dict[str, Markup]) -> None:
    titles = set()
    for path, page in pages.items():
        assert page.one("html").attributes["lang"] == "en"
        assert page.one("h1").text, path
        titles.add(page.one("title").text)
        assert next(page.all("a")).attributes["href"] == "#main", path
        assert page.one("main").attributes["id"] == "main"
        levels = [int(e.tag[1]) for e in page.elements if re.fullmatch("h[1-6]", e.tag)]
        assert all(b - a <= 1 for a, b in itertools.pairwise(levels)), (path, levels)
    assert len(titles) == len(pages), "two pages carry one title"


def test_ids_are_unique_and_references_hit_one(pages: dict[str, Markup]) -> None:
    for path, page in pages.items():
        ids = [e.attributes["id"] for e in page.elements if "id" in e.attributes]
        assert len(ids) == len(set(ids)), path
        for element in page.elements:
            for name in ("aria-labelledby", "aria-describedby", "for"):
                if name in element.attributes:
                    assert element.attributes[name] in ids, (path, element)


def test_the_menu_says_where_one_is(pages: dict[str, Markup]) -> None:
    for path, where in (
        ("/", "Overview"),
        ("/devices", "Devices"),
        ("/tools", "Tools"),
        ("/policy", "Policy"),
        ("/events", "Event log"),
    ):
        marked = [e for e in pages[path].all("a", aria_current="page") if "nav" in e.inside]
        assert where in [e.text for e in marked]
    assert pages["/devices/{device}"].one("a", aria_current="true").text == "Devices"


def test_tables_have_a_caption_and_scoped_headings(pages: dict[str, Markup]) -> None:
    seen = 0
    for path, page in pages.items():
        tables = list(page.all("table"))
        seen += len(tables)
        assert len(list(page.all("caption"))) == len(tables), path
        for heading in page.all("th"):
            assert heading.attributes.get("scope") in {"col", "row"}, (path, heading.text)
    assert seen > 8


def test_every_field_has_a_label(pages: dict[str, Markup]) -> None:
    for path, page in pages.items():
        labelled = {e.attributes["for"] for e in page.all("label") if "for" in e.attributes}
        for element in page.elements:
            if element.tag in {"input", "select"} and not _is_hidden(element):
                assert "label" in element.inside or element.attributes.get("id") in labelled, (path, element)


def _is_hidden(element: Element) -> bool:
    return element.attributes.get("type") == "hidden" or "hidden" in element.attributes


def test_times_are_for_machines_too(pages: dict[str, Markup]) -> None:
    for path, page in pages.items():
        for element in page.all("time"):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", element.attributes["datetime"]), path


def test_a_ruling_is_a_word_and_a_shape(pages: dict[str, Markup]) -> None:
    page = pages["/events"]
    for ruling in ("banned", "approved", "unlisted"):
        words = [e for e in page.all("span") if e.attributes.get("class") == f"word {ruling}"]
        assert words, ruling
        assert all(word.text == ruling for word in words)


def test_every_shape_in_use_is_drawn_and_hidden_from_screen_readers(pages: dict[str, Markup]) -> None:
    seen = set()
    for path, page in pages.items():
        drawn = {"#" + e.attributes["id"] for e in page.all("symbol")}
        used = {e.attributes["href"] for e in page.all("use")}
        assert used <= drawn, path
        seen |= used
        assert all(e.attributes["aria-hidden"] == "true" for e in page.all("svg", **{"class": "shape"}))
    assert {"#stop", "#open", "#check", "#alert", "#acted", "#sure-3"} <= seen


def test_a_cursor_that_no_page_gave_is_refused_kindly(company: Company) -> None:
    for address in ("/devices", f"/devices/{company.devices['dev-mara']}", "/tools/claude-code", "/events"):
        page = company.page(f"{address}?after=%00nonsense", status=400)
        assert page.one("h1").text == "This address cannot be used"
