"""The pages about policies: history, who has which, what one changed; and the brake on every page."""

from datetime import timedelta

import pytest

from aipolicy_server.console.policy import diff_lines
from server.console.reader import Company, Reader
from server.console.synthetic import POLICY, Fleet


def test_the_history_says_who_published_what(company: Company) -> None:
    page = company.page("/policy")
    rows = [row for row in page.rows() if row.startswith(("1 ", "2 "))]
    assert rows == [
        "2 c0ffee123456 block 2026-11-24 14:35:04 jonas@example.com aiko@example.com —",
        "1 3f0c9a1b7d42 block 2026-11-15 16:35:04 mara@example.com — 5d1f0c2e9ab4",
    ]
    assert page.links()["2"] == "/policy/2"
    assert "To be in force: number 2" in page.text


@pytest.mark.parametrize(
    ("words", "standing", "names"),
    [
        ("were given it and refuse it", "refusing", ["dev-aiko"]),
        ("enforce another one that was published", "older", ["build-01", "ci-runner-04", "dev-jonas"]),
        ("have a policy of their own, a file", "own", ["lab-kiosk-2"]),
        ("never said what they enforce", "unknown", ["new-laptop"]),
    ],
)
def test_it_says_who_stands_where_and_leads_there(
    company: Company, words: str, standing: str, names: list[str]
) -> None:
    page = company.page("/policy")
    address = page.links()[words]
    assert address == f"/devices?standing={standing}"
    listed = [row.split()[0] for row in company.page(address).rows()]
    assert listed[: len(names)] == names


def test_a_policy_shows_its_text_and_what_it_changed(company: Company) -> None:
    page = company.page("/policy/2")
    assert page.one("h1").text == "Policy number 2"
    lines = [e for e in page.all("span") if e.attributes.get("class", "").startswith("line")]
    changed = [e.text for e in lines if e.attributes["class"] in ("line added", "line removed")]
    assert changed == [
        "-banned: [claude-code] # source code may not leave",
        "+banned: [claude-code, windsurf] # source code may not leave",
    ]
    assert page.one("span", id="line-3").text == "banned: [claude-code, windsurf] # source code may not leave"
    assert page.links()["number 1"] == "/policy/1"
    assert page.links()["show them"] == "/devices?policy=c0ffee123456"
    assert "It is the first one." in company.page("/policy/1").text


def test_every_verdict_leads_to_the_policy_that_made_it_and_to_its_line(company: Company) -> None:
    version = f"/policy/versions/{POLICY}"
    for address in ("/events?done=ended", f"/devices/{company.devices['dev-mara']}", "/tools/claude-code"):
        links = company.page(address).links()
        assert links[POLICY] == version, address
        assert links["policy.yaml:3"] == f"{version}#line-3", address
    page = company.page(version)
    assert page.one("h1").text == f"Policy version {POLICY}"
    assert page.one("span", id="line-3").text.startswith("banned: [claude-code]")


def test_a_version_that_was_never_published_is_no_link(company: Company) -> None:
    page = company.page(f"/devices/{company.devices['lab-kiosk-2']}")
    assert "9d77aa02e6c1" in page.text
    assert not [a for a in page.links().values() if "9d77aa02e6c1" in a]
    assert "a file of its own" in page.text


def test_a_device_says_what_it_refuses_and_what_holds_it_back(company: Company) -> None:
    refusing = company.page(f"/devices/{company.devices['dev-aiko']}")
    assert "It refuses policy number 2" in refusing.text
    assert "unknown tool 'windsurf'" in refusing.text
    assert "number 1" in refusing.links()
    held = company.page(f"/devices/{company.devices['lab-kiosk-2']}")
    assert "It does less than its policy says" in held.text
    assert "pulled by kiosk: a demonstration" in held.text


def test_the_overview_says_what_of_it_needs_attention(company: Company) -> None:
    links = company.page("/").links()
    assert links["1 device refuses the policy."] == "/devices?standing=refusing"
    assert links["1 device does less than the policy says."] == "/devices?held=1"
    assert [row.split()[0] for row in company.page("/devices?held=1").rows()] == ["lab-kiosk-2"]


@pytest.mark.parametrize(
    ("ceiling", "safe"),
    [
        ("safe mode: 3 starts went wrong", True),
        ("local brake: an audit; safe mode: 3 starts went wrong", True),
        ("local brake: not in safe mode: an audit", False),
    ],
)
def test_the_devices_in_safe_mode_are_said_and_listed(
    fleet: Fleet, reader: Reader, ceiling: str, safe: bool
) -> None:
    fleet.enrol("crashes", ceiling=ceiling)
    listed = [row.split()[0] for row in reader.page("/devices?safe=1").rows()]
    assert listed == (["crashes"] if safe else [])
    said = reader.page("/").links().get("1 device in safe mode only reports.")
    assert said == ("/devices?safe=1" if safe else None)


@pytest.mark.parametrize(
    "address", ["/policy/9", "/policy/0", "/policy/99999999999999999999", "/policy/x", "/policy/versions/zz"]
)
def test_what_was_never_published_is_a_page(company: Company, address: str) -> None:
    assert company.page(address, status=404).one("h1").text.startswith("No such p")


def test_a_made_up_standing_is_refused(company: Company) -> None:
    assert "standing must be one of" in company.page("/devices?standing=upright", status=400).text


def test_before_the_first_it_says_how_to_publish(reader: Reader) -> None:
    assert "aipolicy policy publish policy.yaml --server http://testserver" in reader.page("/policy").text


def test_hostile_texts_stay_texts(fleet: Fleet, reader: Reader) -> None:
    evil = "banned: []  # <script>alert(1)</script> \u202e\x1b[2J\n" + "x" * 5000 + "\n"
    words = {"author": "<b>eve</b>", "commit": "<i>", "approver": "'\"><img src=x>"}
    fleet.publish(evil, "abcdefabcdef", timedelta(hours=1), 0, **words)
    for address in ("/policy", "/policy/1", "/policy/versions/abcdefabcdef"):
        page = reader.page(address)
        assert not list(page.all("img"))
        assert all(e.attributes.get("src", "").startswith("/static/") for e in page.all("script"))
        assert "\u202e" not in page.text
    assert "<script>alert(1)</script>" in reader.page("/policy/1").text


def test_a_long_history_is_paged(fleet: Fleet, reader: Reader) -> None:
    for number in range(52):
        fleet.publish(f"banned: []  # {number}\n", f"{number:012x}", timedelta(hours=1), number)
    first = reader.page("/policy")
    second = reader.page(first.links()["Older policies"])
    numbers = [int(row.split()[0]) for page in (first, second) for row in page.rows() if row[0].isdigit()]
    assert numbers == list(range(52, 0, -1))


def test_the_brake_is_on_every_page_until_it_is_lifted(fleet: Fleet, reader: Reader) -> None:
    device = fleet.enrol("pc")
    assert "Emergency brake" not in reader.page("/").text
    fleet.brake("a wrong ban <b>")
    addresses = ("/", "/devices", f"/devices/{device}", "/tools", "/policy", "/events", "/devices/none")
    for address in addresses:
        page = reader.page(address, status=404 if address.endswith("none") else 200)
        said = [e.text for e in page.all("div") if e.attributes.get("class") == "brake"]
        assert said == [
            "Emergency brake: every device only reports, since 2026-11-24 15:35:04 UTC by mara:"
            " a wrong ban <b> To lift it: aipolicy server brake --off"
        ], address
    reader.client.cookies.clear()
    assert "a wrong ban" not in reader.get("/sign-in").text


def test_a_difference_is_told_line_by_line() -> None:
    lines = diff_lines("--- 1\n+++ 2\n@@ -1 +1 @@\n-a\n+b\n c\n")
    assert [(line.kind, line.text) for line in lines] == [
        ("place", "@@ -1 +1 @@"),
        ("removed", "-a"),
        ("added", "+b"),
        ("same", " c"),
    ]
