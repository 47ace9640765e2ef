"""The list of tools, and one tool: which devices and owners, which versions, what was done and why."""

import pytest

from aipolicy.core.model import Gone, Owner, State
from server.console.reader import Company, Reader
from server.console.synthetic import Fleet, hours, outcome


def test_the_list_can_be_narrowed_to_a_ruling(company: Company) -> None:
    assert [row.split()[0] for row in company.page("/tools").rows()] == ["Claude", "GitHub", "Qoder", "Aider"]
    assert [row.split()[0] for row in company.page("/tools?ruling=unlisted").rows()] == ["Aider"]
    assert "No exempt tool is on any device." in company.page("/tools?ruling=exempt").text
    assert len(company.page("/tools?ruling=nonsense").rows()) == 4


def test_no_tool_yet_says_what_that_means(reader: Reader) -> None:
    assert "No AI tool has been found yet." in reader.page("/tools").text


def test_a_tool_shows_versions_owners_and_what_was_done(company: Company) -> None:
    page = company.page("/tools/claude-code")
    rows = page.rows()
    assert rows[:3] == ["2.0.10 1 1", "2.0.12 1 1", "2.0.14 1 1"]
    assert rows[3:6] == ["aiko 1 1", "mara 1 1", "runner 1 1"]
    assert rows[6].startswith("ended 3 ")
    assert "3 devices, 3 people" in page.text
    assert page.links()["ended"] == "/events?tool=claude-code&done=ended"


def test_a_tool_shows_each_place_with_the_reason_of_its_ruling(company: Company) -> None:
    row = company.page("/tools/claude-code").rows()[-1]
    assert row.startswith("dev-mara mara 2.0.14 installed, native ~/.local/share/claude/versions/2.0.14")
    assert "policy.yaml:3: Source code may not leave the company." in row


def test_an_unreadable_version_is_said_to_be_so(company: Company) -> None:
    assert "not readable 2 2" in company.page("/tools/aider").rows()


def test_a_tool_that_is_gone_everywhere_keeps_its_history(fleet: Fleet, reader: Reader) -> None:
    device = fleet.enrol("dev")
    there = outcome()
    finding = there.verdict.finding
    gone = Gone(
        tool=finding.tool, state=State.INSTALLED, owner=Owner(uid=1004, name="mara"), path=finding.path
    )
    fleet.report(device, [(hours(2), there), (hours(1), gone)])
    page = reader.page("/tools/claude-code")
    assert "It is on no device now." in page.text
    assert len(reader.page(page.links()["What was reported about it before"]).rows()) == 2


def test_a_tool_on_many_devices_is_paged(fleet: Fleet, reader: Reader) -> None:
    for number in range(103):
        fleet.report(fleet.enrol(f"host-{number:03}"), [(hours(1), outcome())])
    page = reader.page("/tools/claude-code")
    assert sum("host-" in row for row in page.rows()) == 100
    assert sum("host-" in row for row in reader.page(page.links()["More devices"]).rows()) == 3


@pytest.mark.parametrize("tool", ["none", "%00", "a/b", "..%2f..", "x" * 3000])
def test_an_unknown_tool_is_a_page(reader: Reader, tool: str) -> None:
    assert reader.page(f"/tools/{tool}", status=404).one("h1").text == "No such tool"
