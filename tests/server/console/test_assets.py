"""The pages' own files: unchanged vendored copies with their licences, cached by content, no other host."""

import hashlib
import re
from importlib import resources

import pytest
from starlette.testclient import TestClient

from aipolicy_server.console.assets import Asset, load_assets

CONSOLE = resources.files("aipolicy_server.console")
VENDOR = CONSOLE / "static" / "vendor"
SHEETS = ("frame.css", "parts.css", "tables.css", "forms.css", "phone.css")
OURS = (*SHEETS, "console.js", "icon.svg")


def test_vendored_files_are_what_was_recorded() -> None:
    lines = [line.split() for line in (VENDOR / "SHA256SUMS").read_text().splitlines()]
    recorded = {name: digest for digest, name in lines}
    present = {entry.name: entry for entry in VENDOR.iterdir()}
    assert set(recorded) == set(present) - {"SHA256SUMS", "THIRD_PARTY.md"}
    for name, digest in recorded.items():
        assert hashlib.sha256(present[name].read_bytes()).hexdigest() == digest, name


def test_every_vendored_file_has_its_notice_version_and_licence() -> None:
    notice = (VENDOR / "THIRD_PARTY.md").read_text()
    for name, version in (("pico.min.css", "2.1.1"), ("htmx.min.js", "2.0.11")):
        row = next(line for line in notice.splitlines() if line.startswith(f"| `{name}`"))
        assert version in row
        licence = re.search(r"\(`([\w.]+)`\)", row)
        assert licence
        assert (
            "WITHOUT WARRANTY" in (VENDOR / licence[1]).read_text()
            or "DISCLAIMS ALL" in (VENDOR / licence[1]).read_text()
        )
        assert version.encode() in (VENDOR / name).read_bytes()


def test_our_own_files_and_templates_name_no_other_host() -> None:
    files = [CONSOLE / "static" / name for name in OURS] + list((CONSOLE / "templates").iterdir())
    for file in files:
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|//[a-z]+\.|@import|url\(", text), file.name


def test_templates_switch_off_no_escaping_and_hold_no_inline_style_or_script() -> None:
    for template in (CONSOLE / "templates").iterdir():
        text = template.read_text()
        assert not re.search(r"\|\s*safe\b|autoescape|Markup", text), template.name
        assert not re.search(r"\sstyle=|<style|\son\w+=|hx-on|javascript:", text), template.name
        assert not re.search(r"<script(?![^>]*\bsrc=)", text), template.name


def test_every_asset_is_in_use(stranger: TestClient) -> None:
    page = stranger.get("/sign-in").text
    assert all(asset.url in page for asset in load_assets().values())
    assert set(load_assets()) == {*OURS, "vendor/htmx.min.js", "vendor/pico.min.css"}


@pytest.mark.parametrize("name", [*OURS, "vendor/htmx.min.js", "vendor/pico.min.css"])
def test_a_file_is_kept_for_a_year_under_its_digest(stranger: TestClient, name: str) -> None:
    asset = load_assets()[name]
    answer = stranger.get(asset.url)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.content == asset.body
    assert stranger.get(asset.url, headers={"accept-encoding": "identity"}).content == asset.body
    again = stranger.get(asset.url, headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_another_versions_digest_is_answered_but_not_kept(stranger: TestClient) -> None:
    answer = stranger.get("/static/0000000000000000/frame.css")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["x/none.css", "x/vendor/SHA256SUMS", "x/..%2frender.py", "x/", "x/vendor/"])
def test_nothing_else_is_served(stranger: TestClient, path: str) -> None:
    assert stranger.get(f"/static/{path}").status_code == 404


def test_media_types() -> None:
    kinds = {name: asset.media_type for name, asset in load_assets().items()}
    assert kinds["frame.css"].startswith("text/css")
    assert kinds["console.js"].startswith("text/javascript")
    assert kinds["icon.svg"].startswith("image/svg+xml")


def test_digests_follow_the_content() -> None:
    asset: Asset = load_assets()["console.js"]
    assert asset.digest == hashlib.sha256(asset.body).hexdigest()[:16]
    assert asset.url == f"/static/{asset.digest}/console.js"
