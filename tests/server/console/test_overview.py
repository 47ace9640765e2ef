"""The first page: counts are the fleet's, what needs attention is said, an empty fleet is told what to do."""

from datetime import timedelta

from aipolicy.core.model import Action, Done, Outcome, Ruling
from server.console.reader import Company, Reader
from server.console.synthetic import QODER, Fleet, hours, outcome


def approved() -> Outcome:
    return outcome(QODER, ruling=Ruling.APPROVED, action=Action.ALLOW, done=Done.ALLOWED, why="")


def test_counts_by_ruling(company: Company) -> None:
    strip = company.page("/").one("ul", aria_label="Findings by ruling").text
    assert "4 banned 2 tools · 3 devices · 3 people" in strip
    assert "4 unlisted 1 tool · 2 devices · 2 people" in strip
    assert "6 approved 1 tool · 6 devices · 6 people" in strip
    assert "0 exempt" in strip


def test_counts_by_tool_link_to_the_tool(company: Company) -> None:
    page = company.page("/")
    assert page.rows()[3] == "Claude Code anthropic cli banned 3 0 3 3"
    assert page.links()["Claude Code"] == "/tools/claude-code"


def test_what_needs_attention_is_said_and_linked(company: Company) -> None:
    links = company.page("/").links()
    assert links["2 banned tools on 3 devices."] == "/devices?banned=1"
    assert links["A ban could not be enforced lately on 1 device."] == "/events?done=not_enforceable"
    assert links["1 device has not been heard of for 45 minutes."] == "/devices?silent=1"
    assert links["1 device enrolled and never reported."] == "/devices"


def test_the_links_of_attention_lead_to_what_they_say(company: Company) -> None:
    assert len(company.page("/devices?banned=1").rows()) == 3
    assert [row.split()[0] for row in company.page("/devices?silent=1").rows()] == ["lab-kiosk-2"]
    assert len(company.page("/events?done=not_enforceable").rows()) == 1


def test_recent_enforcement_shows_what_the_agents_did(company: Company) -> None:
    rows = [row for row in company.page("/").rows() if row.startswith("2026-")]
    assert "GitHub Copilot 1.250.0 installed" in rows[0]
    assert rows[0].endswith("runner banned not enforceable policy.yaml:4 3f0c9a1b7d42")
    assert [r.split()[-3] for r in rows[1:]] == ["ended", "warned", "ended", "warned", "ended"]


def test_an_empty_fleet_is_told_how_to_enrol(reader: Reader) -> None:
    page = reader.page("/")
    assert "No device is enrolled yet" in page.text
    assert "enrolment-secret" in page.text
    assert "server: http://testserver" in page.text


def test_a_fleet_in_order_is_said_to_be_so(fleet: Fleet, reader: Reader) -> None:
    fleet.report(fleet.enrol("tidy"), [(hours(1), approved())])
    page = reader.page("/")
    assert "Nothing needs attention." in page.text
    assert "The agents have not had to act." in page.text


def test_a_withdrawn_alarm_free_device_is_not_counted(fleet: Fleet, reader: Reader) -> None:
    fleet.enrol("one")
    fleet.enrol("two", seen=timedelta(days=2))
    assert "2 devices enrolled, 1 heard of lately, 0 with a banned tool." in reader.page("/").text


def test_the_refreshed_region_is_all_of_it_under_the_same_address(company: Company) -> None:
    region = company.page("/").one("div", id="live")
    assert region.attributes["hx-get"] == "/"
    assert region.attributes["hx-trigger"] == "every 10s"
    assert region.attributes["hx-select"] == "#live"
    assert company.get("/", HX_Request="true").text == company.get("/").text
