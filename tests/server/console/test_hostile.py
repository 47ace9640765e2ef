"""Whatever a device sends is text on the page: no markup, no direction tricks, no formula."""

import csv
import io
import unicodedata
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from databases import KINDS, database_of
from server.console.hostile import NAMES, fill_with_hostile
from server.console.markup import Element, Markup
from server.console.reader import Company, open_company

LONGEST_PAGE = 1_500_000


@pytest.fixture(scope="module", params=KINDS)
def hostile(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    yield from open_company(tmp_path_factory.mktemp("hostile"), database_of(request), fill_with_hostile)


@pytest.fixture(scope="module")
def pages(hostile: Company) -> dict[str, str]:
    """The text of every page on which the names appear."""
    addresses = ["/", "/devices", "/tools", "/events"]
    addresses += [f"/devices/{device}" for device in hostile.devices.values()]
    # Starlette's paths know no line breaks: such a tool has its row in the lists, and no page.
    addresses += [f"/tools/{quote(name, safe='')}" for name in NAMES.values() if "\n" not in name]
    addresses += [f"/events?q={quote(name[:190])}" for name in NAMES.values() if name[:190].isprintable()]
    log = hostile.page("/events")
    addresses += [e.attributes["href"] for e in log.all("a") if e.attributes["href"].startswith("/events/")]
    found = {}
    for address in addresses:
        answer = hostile.get(address)
        assert answer.status_code == 200, address
        found[address] = answer.text
    return found


def hostile_elements(page: Markup) -> Iterator[Element]:
    for element in page.elements:
        handlers = [name for name in element.attributes if name.startswith("on")]
        if (
            element.tag in {"img", "iframe", "object"}
            or handlers
            or "alert" in element.attributes.get("src", "")
        ):
            yield element
        if element.attributes.get("href", "").lower().startswith("javascript"):
            yield element


def test_names_never_become_markup(pages: dict[str, str]) -> None:
    assert len(pages) > 80
    for address, text in pages.items():
        page = Markup(text)  # also fails on a tag that a name closed
        assert not list(hostile_elements(page)), address
        assert all(script.attributes["src"].startswith("/static/") for script in page.all("script")), address
        assert "49" not in page.one("title").text


def test_the_text_that_was_sent_is_what_is_read(pages: dict[str, str]) -> None:
    text = Markup(pages["/tools"]).text
    assert "<script>alert(1)</script>" in text
    assert "{{ 7 * 7 }}{% raw %}" in text
    assert '" onmouseover="alert(2)" x="' in text


def test_no_control_or_direction_character_reaches_the_reader(pages: dict[str, str]) -> None:
    for address, text in pages.items():
        for element in Markup(text).elements:
            seen = "".join([*element.pieces, element.attributes.get("title", "")])
            bad = {c for c in seen if unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp", "Cs"}} - {"\n"}
            assert not bad, (address, bad)


def test_text_from_devices_keeps_its_direction_to_itself(pages: dict[str, str]) -> None:
    for address, text in pages.items():
        for run, around in Markup(text).runs:
            if "\u05d0" in run:
                assert {"bdi", "title", "option"} & set(around), (address, around)


def test_long_names_keep_pages_small(pages: dict[str, str]) -> None:
    for address, text in pages.items():
        assert len(text) < LONGEST_PAGE, (address, len(text))
        assert "W" * 5000 not in Markup(text).text, address


def test_the_csv_disarms_formulas_and_keeps_lines_together(hostile: Company) -> None:
    rows = list(csv.DictReader(io.StringIO(hostile.get("/events.csv").text, newline="")))
    assert len(rows) == 4 * len(NAMES)
    for row in rows:
        for value in row.values():
            assert not value.lstrip().startswith(("=", "+", "-", "@", "\t", "\r")), value
            assert value.isprintable()
