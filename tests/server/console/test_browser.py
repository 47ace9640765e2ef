"""The pages in Chromium: quiet console, one host, no sideways scrolling, readable, alive where asked."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from aipolicy_server.app import build
from aipolicy_server.settings import Settings
from aipolicy_server.store import queries
from aipolicy_server.store.rows import EventFilter
from server.console.browser import CHROMIUM, chromium, serving, tab
from server.console.hostile import fill_with_hostile
from server.console.synthetic import ADMIN_TOKEN, NOW, Fleet, fill, outcome

pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"needs a browser: {CHROMIUM} is missing (apt-get install chromium)"
)

PHONE, DESK = 375, 1280


class Site:
    """A server with a company's devices on it."""

    def __init__(self, fleet: Fleet, base: str, devices: dict[str, str]) -> None:
        self.fleet = fleet
        self.base = base
        self.devices = devices

    def paths(self) -> list[str]:
        """Every kind of page once."""
        with self.fleet.store.reading() as connection:
            event = queries.events(connection, EventFilter(done="ended")).rows[0].id
        return [
            "/",
            "/devices",
            f"/devices/{self.devices['dev-mara']}",
            f"/devices/{self.devices['new-laptop']}",
            "/tools",
            "/tools/claude-code",
            "/events",
            "/events?q=zzz",
            f"/events/{event}",
            "/sign-in",
            "/api/v1/docs",
        ]


def open_site(folder: Path, *, hostile: bool = False) -> Iterator[Site]:
    fleet = Fleet.in_folder(folder)
    devices = fill_with_hostile(fleet) if hostile else fill(fleet)
    app = build(Settings(data=str(folder)), clock=lambda: NOW, store=fleet.store)
    with serving(app) as base:
        yield Site(fleet, base, devices)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    yield from open_site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def hostile_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    yield from open_site(tmp_path_factory.mktemp("hostile"), hostile=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.mark.parametrize("javascript", [True, False], ids=["js", "no-js"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_every_page_is_quiet_and_fits(
    site: Site, browser: Browser, width: int, scheme: str, javascript: bool
) -> None:
    with tab(browser, site.base, width=width, scheme=scheme, javascript=javascript) as found:
        for path in site.paths():
            page = found.open(path)
            expect(page.locator("h1")).to_have_count(1)
            assert found.width() <= width, path


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_hostile_names_neither_run_nor_break_the_layout(
    hostile_site: Site, browser: Browser, width: int
) -> None:
    with tab(browser, hostile_site.base, width=width) as found:
        for path in [
            "/",
            "/devices",
            "/tools",
            "/events",
            *(f"/devices/{d}" for d in hostile_site.devices.values()),
        ]:
            page = found.open(path)
            for summary in page.locator("summary").all():
                summary.click()
            assert found.width() <= width, path
            expect(page.locator("nav[aria-label=Main]")).to_be_visible()


# For every piece of text on the page: the contrast between its colour and what lies behind it.
CONTRASTS = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => {
    const f = (v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b);
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] > 0.5) return colour;
    }
    return parse(getComputedStyle(document.documentElement).backgroundColor);
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || !element.checkVisibility()) continue;
    const a = light(parse(getComputedStyle(element).color)), b = light(behind(element));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    found.push([Math.round(ratio * 100) / 100, node.textContent.trim().slice(0, 40)]);
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(site: Site, browser: Browser, scheme: str) -> None:
    with tab(browser, site.base, scheme=scheme) as found:
        for path in site.paths():
            pieces = found.open(path).evaluate(CONTRASTS)
            assert len(pieces) > 5, path
            assert [piece for piece in pieces if piece[0] < 4.5] == [], path


def test_one_can_skip_the_menu_and_see_where_the_focus_is(site: Site, browser: Browser) -> None:
    with tab(browser, site.base) as found:
        page = found.open("/tools")
        page.keyboard.press("Tab")
        skip = page.locator(".skip")
        expect(skip).to_be_focused()
        expect(skip).to_be_in_viewport()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"


def test_a_phone_still_says_which_value_is_what(site: Site, browser: Browser) -> None:
    with tab(browser, site.base, width=PHONE) as found:
        page = found.open("/tools")
        table = page.get_by_role("table")
        expect(table.get_by_role("row")).to_have_count(5)
        expect(table.get_by_role("columnheader", name="Ruling")).to_have_count(1)
        cell = table.get_by_role("row", name="Claude Code").get_by_role("cell").first
        assert "Vendor" in cell.evaluate("e => getComputedStyle(e, '::before').content")


def test_signing_in_with_the_form(site: Site, browser: Browser) -> None:
    with tab(browser, site.base, signed_in=False, javascript=False) as found:
        page = found.open("/events?tool=aider")
        expect(page.locator("h1")).to_have_text("Sign in")
        page.get_by_label("Admin token").fill("aipa_wrong")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("not the admin token")
        page.get_by_label("Admin token").fill(ADMIN_TOKEN)
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(f"{site.base}/events?tool=aider")
        expect(page.locator("tbody tr")).to_have_count(4)
        page.get_by_role("button", name="Sign out").click()
        expect(page.locator("h1")).to_have_text("Sign in")
        found.complaints.clear()  # Chromium notes the 401 of the wrong token


def test_the_printed_address_signs_in_and_hides_its_token(site: Site, browser: Browser) -> None:
    with tab(browser, site.base, signed_in=False) as found:
        page = found.open(f"/?token={ADMIN_TOKEN}")
        expect(page).to_have_url(f"{site.base}/")
        expect(page.locator("h1")).to_have_text("Overview")


def test_the_event_log_filters_while_one_types(site: Site, browser: Browser) -> None:
    with tab(browser, site.base) as found:
        page = found.open("/events")
        page.evaluate("window.sameDocument = true")
        page.get_by_label("Owner", exact=True).fill("mara")
        expect(page.locator("tbody tr")).to_have_count(4)
        page.get_by_label("Done").select_option("ended")
        expect(page.locator("tbody tr")).to_have_count(1)
        expect(page).to_have_url(f"{site.base}/events?done=ended&owner=mara")
        expect(page.get_by_text("Export what matches as CSV")).to_have_attribute(
            "href", "/events.csv?done=ended&owner=mara"
        )
        expect(page.locator("#count")).to_have_text("1 event shown")
        assert page.evaluate("window.sameDocument")
        page.go_back()
        expect(page.locator("tbody tr")).to_have_count(4)
        expect(page.get_by_label("Owner", exact=True)).to_have_value("mara")


def test_the_event_log_filters_without_javascript(site: Site, browser: Browser) -> None:
    with tab(browser, site.base, javascript=False) as found:
        page = found.open("/events")
        page.get_by_label("Owner", exact=True).fill("mara")
        page.get_by_label("Ruling").select_option("banned")
        page.get_by_role("button", name="Show").click()
        expect(page.locator("tbody tr")).to_have_count(2)
        expect(page.get_by_label("Owner", exact=True)).to_have_value("mara")


def test_the_reasons_open_without_javascript(site: Site, browser: Browser) -> None:
    with tab(browser, site.base, javascript=False) as found:
        page = found.open(f"/devices/{site.devices['dev-mara']}")
        evidence = page.get_by_text("mark inside the file").first
        expect(evidence).to_be_hidden()
        page.get_by_text("Why").first.click()
        expect(evidence).to_be_visible()


def test_the_csv_is_a_download_of_what_is_filtered(site: Site, browser: Browser) -> None:
    with tab(browser, site.base) as found:
        page = found.open("/events?owner=mara")
        with page.expect_download() as waiting:
            page.get_by_text("Export what matches as CSV").click()
        assert waiting.value.suggested_filename == "aipolicy-events-2026-11-24.csv"
        assert len(waiting.value.path().read_text().splitlines()) == 5


def test_the_overview_keeps_itself_current_until_paused(site: Site, browser: Browser) -> None:
    with tab(browser, site.base) as found:
        found.page.clock.install()
        page = found.open("/")
        before = page.locator(".strip .count").first
        expect(before).to_have_text("4")
        page.evaluate("window.sameDocument = true")
        device = site.fleet.enrol("fresh")
        site.fleet.report(device, [(timedelta(minutes=1), outcome(owner="new"))])
        page.clock.run_for(10_500)
        expect(page.locator(".strip .count").first).to_have_text("5")
        assert page.evaluate("window.sameDocument")

        page.get_by_role("button", name="Pause updates").click()
        site.fleet.report(device, [(timedelta(seconds=30), outcome(owner="newer"))])
        page.clock.run_for(30_500)
        expect(page.locator(".strip .count").first).to_have_text("5")
        page.get_by_role("button", name="Resume updates").click()
        page.clock.run_for(10_500)
        expect(page.locator(".strip .count").first).to_have_text("6")


def test_a_refresh_takes_no_focus_away(site: Site, browser: Browser) -> None:
    with tab(browser, site.base) as found:
        found.page.clock.install()
        page = found.open("/")
        link = page.locator("#live a").first
        link.focus()
        page.clock.run_for(30_500)
        expect(link).to_be_focused()


def test_a_session_that_ended_leads_to_the_sign_in(site: Site, browser: Browser) -> None:
    with tab(browser, site.base) as found:
        found.page.clock.install()
        page = found.open("/")
        page.context.clear_cookies()
        page.clock.run_for(10_500)
        expect(page).to_have_url(re.compile(r"/sign-in\?next=%2F$"))
        expect(page.locator("h1")).to_have_text("Sign in")
