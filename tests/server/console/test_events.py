"""The event log: every filter, paging and the CSV of exactly what is filtered."""

import csv
import io

import pytest

from aipolicy.core.model import Gone, Health, Owner, State
from server.console.reader import Company, Reader
from server.console.synthetic import QODER, Fleet, hours, outcome


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 28),
        ("tool=aider", 4),
        ("ruling=banned", 7),
        ("done=ended", 3),
        ("kind=unseen", 2),
        ("kind=health", 6),
        ("owner=mara", 4),
        ("q=copilot", 1),
        ("q=DEV-MARA", 5),
        ("q=permission", 2),
        ("from=2026-11-24", 9),
        ("from=2026-11-23&to=2026-11-23", 2),
        ("to=2026-11-12", 12),
        ("from=2026-11-24T14:00:00Z&to=2026-11-24T15:00:00%2B00:00", 3),
        ("tool=claude-code&owner=mara&done=ended&from=2026-11-24&q=local", 1),
        ("q=100%25", 0),
        ("owner=nobody", 0),
    ],
)
def test_filters(company: Company, query: str, count: int) -> None:
    page = company.page(f"/events?{query}")
    assert len(page.rows()) == count
    assert len(list(csv.DictReader(io.StringIO(company.get(f"/events.csv?{query}").text)))) == count


def test_a_device_filter(company: Company) -> None:
    assert len(company.page(f"/events?device={company.devices['dev-aiko']}").rows()) == 6


def test_the_filter_stays_in_its_fields_and_in_the_links(company: Company) -> None:
    query = "tool=claude-code&owner=mara&ruling=banned&done=ended&from=2026-11-20&to=2026-11-24&q=local"
    page = company.page(f"/events?{query}")
    chosen = [e.attributes["value"] for e in page.all("option") if "selected" in e.attributes]
    assert chosen == ["claude-code", "banned", "ended"]
    for name, value in (("owner", "mara"), ("from", "2026-11-20"), ("to", "2026-11-24"), ("q", "local")):
        assert page.one("input", name=name).attributes["value"] == value
    export = page.links()["Export what matches as CSV"]
    assert export.startswith("/events.csv?")
    assert sorted(export.partition("?")[2].split("&")) == sorted(query.split("&"))


@pytest.mark.parametrize(
    "query",
    ["from=yesterday", "to=2026-13-01", "ruling=red", "done=x", "kind=x", "q=" + "x" * 1001, "owner=%00"],
)
def test_a_filter_that_cannot_be_used_lists_nothing_and_says_why(company: Company, query: str) -> None:
    page = company.page(f"/events?{query}", status=400)
    field = query.partition("=")[0]
    assert page.rows() == []
    assert f": {field} " in page.one("div", role="alert").text
    assert company.get(f"/events.csv?{query}").status_code == 400


def test_the_days_in_the_wrong_order_are_pointed_out(reader: Reader) -> None:
    assert "to must not lie before" in reader.page("/events?from=2026-11-24&to=2026-11-20", status=400).text


def test_the_choice_of_tools_is_what_was_ever_reported_each_once(fleet: Fleet, reader: Reader) -> None:
    device = fleet.enrol("dev")
    old = ("claude-code", "Claude (old name)", "anthropic", "cli")
    gone = Gone(tool="never-there", state=State.INSTALLED, owner=Owner(uid=1, name="m"), path="~/x")
    fleet.report(device, [(hours(3), outcome(old)), (hours(2), outcome()), (hours(1), gone)])
    fleet.report(device, [(hours(1), outcome(QODER))])
    select = reader.page("/events").one("select", name="tool").text
    assert select == "any Claude Code Qoder"


def test_an_unknown_tool_stays_visible_in_its_choice(company: Company) -> None:
    page = company.page("/events?tool=zzz")
    assert [e.text for e in page.all("option") if "selected" in e.attributes] == ["zzz"]
    assert "No event matches." in page.text


def test_paging_shows_each_event_once_and_keeps_the_filter(fleet: Fleet, reader: Reader) -> None:
    device = fleet.enrol("busy")
    for batch in range(3):
        times = range(batch * 90 + 1, batch * 90 + 91)
        fleet.report(device, [(hours(n / 7), outcome(path=f"~/place-{n}")) for n in times])
    fleet.report(device, [(hours(1), Health(part="agent", condition="started"))])
    seen: list[str] = []
    address = "/events?kind=outcome"
    while address:
        page = reader.page(address)
        seen += [e.text for e in page.all("code") if e.text.startswith("~/place-")]
        address = page.links().get("Older", page.links().get("Older events", ""))
    assert seen == [f"~/place-{n}" for n in range(1, 271)]


def test_the_csv_holds_all_pages_of_the_filter(fleet: Fleet, reader: Reader) -> None:
    device = fleet.enrol("busy")
    for batch in range(6):
        times = range(batch * 400 + 1, batch * 400 + 401)
        fleet.report(device, [(hours(n / 100), outcome(path=f"~/place-{n}")) for n in times])
    answer = reader.get("/events.csv?ruling=banned")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="aipolicy-events-2026-11-24.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["place"] for row in rows] == [f"~/place-{n}" for n in range(1, 2401)]
    assert rows[0]["time"] == "2026-11-24T16:34:28.000000Z"


def test_no_events_yet_says_how_to_get_some(reader: Reader) -> None:
    assert "enrolment-secret" in reader.page("/events").text


def test_one_event_shows_all_its_fields(company: Company) -> None:
    links = company.page("/events?done=ended&owner=mara").links()
    page = company.page(links["2026-11-24 14:23:04"])
    for text in (
        "Finding: Claude Code",
        "banned by policy.yaml:3: Source code may not leave the company.",
        "ended: It was running and was ended.",
        "Use Qoder instead.",
        "certain: Independent evidence agrees.",
        "version 3f0c9a1b7d42, catalog 8e21c0ffee91",
        "ended 0.2 s after it started",
    ):
        assert text in page.text


def test_every_kind_of_event_has_a_page(company: Company) -> None:
    heads = {
        "outcome": "Finding: GitHub Copilot",
        "gone": "Gone: Claude Code",
        "unseen": "Could not look: /home/old-account",
        "health": "Agent: agent",
    }
    for kind, head in heads.items():
        log = company.page(f"/events?kind={kind}")
        first = next(e for e in log.all("a") if e.attributes["href"].startswith("/events/"))
        assert company.page(first.attributes["href"]).one("h1").text == head


def test_an_unknown_event_is_a_page(reader: Reader) -> None:
    for event in ("none", "%00", "a" * 500):
        assert reader.page(f"/events/{event}", status=404).one("h1").text == "No such event"


def test_the_live_filter_asks_the_same_addresses(company: Company) -> None:
    form = company.page("/events").one("form", method="get")
    assert form.attributes["action"] == form.attributes["hx-get"] == "/events"
    assert form.attributes["hx-push-url"] == "true"
    assert company.get("/events", HX_Request="true").text == company.get("/events").text
