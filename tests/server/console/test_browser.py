"""The pages in Chromium: quiet console, one host, no sideways scrolling, readable, alive where asked."""

import pytest
from playwright.sync_api import Browser, expect

from server.console.browser import CHROMIUM, Site, tab

pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"needs a browser: {CHROMIUM} is missing (apt-get install chromium)"
)

PHONE, DESK = 375, 1280


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
