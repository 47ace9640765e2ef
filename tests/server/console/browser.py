"""A real browser before a real server: what pages do that no parser shows. Chromium is Debian's own."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

from aipolicy_server.app import build
from aipolicy_server.settings import Settings
from aipolicy_server.store import queries
from aipolicy_server.store.rows import EventFilter
from server.console.company import fill
from server.console.hostile import fill_with_hostile
from server.console.synthetic import ADMIN_TOKEN, NOW, POLICY, Fleet

CHROMIUM = Path("/usr/bin/chromium")
PATIENCE_MS = 60_000.0
"""How long a page may take to show what it is to show; only a failing test waits so long."""

expect.set_options(timeout=PATIENCE_MS)
_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextlib.contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The application on a free port of this machine. Gives its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)
        listening.close()


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass(kw_only=True)
class Tab:
    """One tab and all that it complained about or asked for."""

    page: Page
    base: str
    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def open(self, path: str) -> Page:
        """Goes there; the server must answer with a page."""
        answer = self.page.goto(self.base + path)
        assert answer is not None
        assert answer.ok, (path, answer.status)
        return self.page

    def note_host(self, request: Request) -> None:
        self.hosts.add(urlsplit(request.url).netloc)

    def note_console(self, message: ConsoleMessage) -> None:
        self.complaints.append(message.text)

    def width(self) -> int:
        """How wide the content is; more than the window means scrolling sideways."""
        return int(self.page.evaluate("document.documentElement.scrollWidth"))

    def check(self) -> None:
        assert self.complaints == []
        assert self.hosts <= {urlsplit(self.base).netloc}


@contextlib.contextmanager
def tab(
    browser: Browser,
    base: str,
    *,
    width: int = 1280,
    scheme: str = "light",
    javascript: bool = True,
    signed_in: bool = True,
) -> Iterator[Tab]:
    """A fresh profile with one tab. What it complained about is checked at the end."""
    context: BrowserContext = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme="dark" if scheme == "dark" else "light",
        java_script_enabled=javascript,
    )
    context.set_default_timeout(PATIENCE_MS)
    try:
        if signed_in:
            form: dict[str, str | float | bool] = {"token": ADMIN_TOKEN}
            answer = context.request.post(f"{base}/sign-in", form=form, max_redirects=0, timeout=PATIENCE_MS)
            assert answer.status == 303
        found = Tab(page=context.new_page(), base=base)
        found.page.on("console", found.note_console)
        found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
        found.page.on("dialog", lambda dialog: found.complaints.append(f"dialog: {dialog.message}"))
        found.page.on("request", found.note_host)
        yield found
        found.check()
    finally:
        context.close()


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
            "/policy",
            "/policy/1",
            "/policy/2",
            f"/policy/versions/{POLICY}",
            "/devices?standing=refusing",
            f"/devices/{self.devices['dev-aiko']}",
            f"/devices/{self.devices['lab-kiosk-2']}",
            "/events?q=zzz",
            f"/events/{event}",
            "/sign-in",
            "/api/v1/docs",
        ]


def open_site(folder: Path, *, hostile: bool = False) -> Iterator[Site]:
    fleet = Fleet.in_folder(folder)
    devices = fill_with_hostile(fleet) if hostile else fill(fleet)
    fleet.brake("a wrong ban stops the build farm")
    app = build(Settings(data=str(folder)), clock=lambda: NOW, store=fleet.store)
    with serving(app) as base:
        yield Site(fleet, base, devices)
