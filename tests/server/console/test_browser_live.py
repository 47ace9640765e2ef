"""What one does on the pages in Chromium: sign in, filter, export, let the overview keep itself current."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, expect

from server.console.browser import CHROMIUM, Site, tab
from server.console.synthetic import ADMIN_TOKEN, outcome

pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"needs a browser: {CHROMIUM} is missing (apt-get install chromium)"
)


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
