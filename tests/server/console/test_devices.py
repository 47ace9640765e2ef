"""The list of devices, and one device: everything the server holds about it, for whoever it is about."""

from aipolicy_server.clock import to_us
from aipolicy_server.store import devices as store_devices
from server.console.reader import Company, Reader
from server.console.synthetic import NOW, Fleet, hours, outcome


def test_the_list_says_what_each_device_enforces(company: Company) -> None:
    rows = company.page("/devices").rows()
    assert rows[0] == "build-01 Debian GNU/Linux 12 0 1 3f0c9a1b7d42 block 0.1.0 3 minutes ago"
    assert rows[5] == "lab-kiosk-2 Debian GNU/Linux 12 0 1 9d77aa02e6c1 report 0.1.0 3 days ago"
    assert rows[6].endswith("— — 0.1.0 never")


def test_the_list_is_filtered(company: Company) -> None:
    assert len(company.page("/devices?q=DEV-").rows()) == 3
    assert len(company.page("/devices?tool=aider").rows()) == 2
    assert len(company.page("/devices?policy=9d77aa02e6c1").rows()) == 1
    assert len(company.page("/devices?banned=1&q=dev").rows()) == 2
    assert "No device matches." in company.page("/devices?q=zzz").text


def test_a_filter_stays_in_its_fields(company: Company) -> None:
    page = company.page("/devices?q=dev&banned=1")
    assert page.one("input", name="q").attributes["value"] == "dev"
    assert "checked" in page.one("input", name="banned").attributes
    assert "checked" not in page.one("input", name="silent").attributes


def test_the_list_is_paged_without_losing_or_doubling(fleet: Fleet, reader: Reader) -> None:
    for number in range(205):
        fleet.enrol(f"host-{number:03}")
    seen: list[str] = []
    address = "/devices?q=host"
    for _ in range(3):
        page = reader.page(address)
        seen += [row.split()[0] for row in page.rows()]
        address = page.links().get("More devices", "")
    assert seen == [f"host-{number:03}" for number in range(205)]
    assert address == ""


def test_no_device_yet_says_how_to_enrol(reader: Reader) -> None:
    assert "enrolment-secret" in reader.page("/devices").text


def test_a_device_shows_its_findings_with_rule_evidence_and_policy(company: Company) -> None:
    page = company.page(f"/devices/{company.devices['dev-mara']}")
    assert page.one("h1").text == "dev-mara"
    row = page.rows()[0]
    assert "Claude Code 2.0.14 mara installed, native ~/.local/share/claude/versions/2.0.14" in row
    assert "Rule policy.yaml:3: Source code may not leave the company." in row
    assert "mark inside the file claude-code:@anthropic-ai/claude-code" in row
    assert "version 3f0c9a1b7d42, catalog 8e21c0ffee91" in row
    assert "banned" in row
    assert "certain" in row
    assert page.rows()[1].startswith("Qoder 0.2.21 mara")


def test_a_device_shows_every_event_it_sent(company: Company) -> None:
    page = company.page(f"/devices/{company.devices['dev-mara']}")
    events = [row for row in page.rows() if row.startswith("2026-") and "UTC" not in row]
    assert len(events) == 5
    assert "Claude Code is gone" in events[0]
    assert "ended policy.yaml:3" in events[1]
    assert "Agent started" in events[4]
    assert page.links()["CSV"] == f"/events.csv?device={company.devices['dev-mara']}"


def test_a_device_with_many_events_pages_through_all_of_them(fleet: Fleet, reader: Reader) -> None:
    device = fleet.enrol("busy")
    fleet.report(device, [(hours(n / 10), outcome(path=f"~/p{n}")) for n in range(1, 121)])
    seen = 0
    address = f"/devices/{device}"
    while address:
        page = reader.page(address)
        seen += sum(row.startswith("2026-") for row in page.rows())
        address = page.links().get("Older events", "")
    assert seen == 120


def test_a_device_that_never_reported_says_so(company: Company) -> None:
    text = company.page(f"/devices/{company.devices['new-laptop']}").text
    assert "It has enrolled but not reported yet." in text
    assert "not heard of yet" in text


def test_a_withdrawn_device_says_so(fleet: Fleet, reader: Reader) -> None:
    device = fleet.enrol("lost-laptop")
    assert fleet.store.write_now(lambda c: store_devices.revoke(c, device, to_us(NOW)))
    assert "withdrawn 2026-11-24 16:35:04 UTC" in reader.page(f"/devices/{device}").text
    assert "withdrawn" in reader.page("/devices").rows()[0]


def test_two_devices_of_one_name_point_at_each_other(fleet: Fleet, reader: Reader) -> None:
    device = fleet.enrol("twin")
    fleet.enrol("twin")
    page = reader.page(f"/devices/{device}")
    assert len(reader.page(page.links()["1 other device with this hostname"]).rows()) == 2


def test_an_unknown_device_is_a_page(reader: Reader) -> None:
    for address in ("/devices/none", "/devices/%00", "/devices/%F0%9F%92%A9"):
        assert reader.page(address, status=404).one("h1").text == "No such device"
