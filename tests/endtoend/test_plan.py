"""A policy planned against a server with a made-up fleet, as a person and as CI do it."""

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from server_process import ServerProcess

NEW = "mode: block\nbanned: [github-copilot, opencode]\napproved: [claude-code]\n"


def aipolicy(*words: str, expect: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "aipolicy", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == expect, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    data = tmp_path_factory.mktemp("fleet") / "data"
    aipolicy("server", "simulate", "--data", str(data), "--devices", "1200")
    with ServerProcess.start(data) as started:
        yield started


@pytest.fixture
def new(tmp_path: Path) -> str:
    path = tmp_path / "policy.yaml"
    path.write_text(NEW)
    return str(path)


def at(server: ServerProcess) -> tuple[str, ...]:
    return "--server", f"http://127.0.0.1:{server.port}", "--token-file", str(server.data / "admin-token")


def test_whom_it_hits_then_published_then_nobody(server: ServerProcess, new: str, tmp_path: Path) -> None:
    saved = tmp_path / "fleet.gz"
    report = json.loads(
        aipolicy("policy", "plan", new, *at(server), "--format", "json", "--save-snapshot", str(saved))
    )
    assert report["inventory"]["devices"] == 1200
    assert (report["policy"]["name"], report["against"]["name"]) == ("policy", "simulated")
    blocked = report["totals"][0]
    assert blocked["effect"] == "blocked"
    assert 0 < blocked["hit"]["running_machines"] < blocked["hit"]["machines"] < 1200
    assert {change["tool"] for change in report["changes"] if change["effect"] == "blocked"} == {
        "github-copilot"
    }
    # the same counts as on the server's pages
    token = {"authorization": f"Bearer {(server.data / 'admin-token').read_text().strip()}"}
    _, _, body = server.request("GET", "/api/v1/tools/github-copilot", headers=token)
    tool = json.loads(body)["tool"]
    hits = [change["hit"] for change in report["changes"] if change["tool"] == "github-copilot"]
    assert sum(hit["findings"] for hit in hits) == tool["findings"]
    assert sum(hit["running"] for hit in hits) == tool["running"]

    offline = aipolicy("policy", "plan", new, "--snapshot", str(saved), "--limit", "people=5", expect=4)
    assert "over the limit" in offline
    comment = aipolicy("policy", "plan", new, "--snapshot", str(saved), "--format", "markdown")
    assert comment.startswith("### newly blocked ")
    assert len(comment) < 10_000
    assert b'"pid"' not in gzip.decompress(saved.read_bytes())

    aipolicy("policy", "publish", new, *at(server))
    assert "Nothing changes for anybody." in aipolicy("policy", "plan", new, *at(server))


def test_a_canary_wave_with_the_plan_as_forecast(server: ServerProcess, tmp_path: Path) -> None:
    new, foreseen = tmp_path / "policy.yaml", tmp_path / "plan.json"
    new.write_text(NEW + "# for a few first\n")
    foreseen.write_text(aipolicy("policy", "plan", str(new), *at(server), "--format", "json"))
    assert json.loads(foreseen.read_text())["blocked"]["machines"] > 0
    said = aipolicy("policy", "publish", str(new), *at(server), "--canary", "5", "--plan", str(foreseen))
    assert "5 % of the devices take it at their next check-in" in said
    number = said.split("number ")[1].split(",")[0]
    assert f"number {number} goes to 5 % of the devices first" in aipolicy("policy", "history", *at(server))
    # what everybody has is still the one before
    again = json.loads(aipolicy("policy", "plan", str(new), *at(server), "--format", "json"))
    assert again["against"]["version"] != again["policy"]["version"]
    released = aipolicy("policy", "release", number, *at(server))
    assert "goes to every device" in released
    assert "goes to 5 %" not in aipolicy("policy", "history", *at(server))
    new.write_text(NEW + "# another text\n")
    wrong = ("--canary", "5", "--plan", str(foreseen))
    aipolicy("policy", "publish", str(new), *at(server), *wrong, expect=2)


def test_a_wrong_token_is_said(server: ServerProcess, new: str, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("aipa_" + "x" * 43)
    where = ("--server", f"http://127.0.0.1:{server.port}", "--token-file", str(token))
    done = subprocess.run(
        [sys.executable, "-m", "aipolicy", "policy", "plan", new, *where],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "HTTP 401" in done.stderr
    assert "admin-token" in done.stderr


def test_a_stream_that_broke_off_is_never_taken_for_a_small_fleet(server: ServerProcess, new: str) -> None:
    whole = server.request(
        "GET",
        "/api/v1/inventory",
        headers={"authorization": f"Bearer {(server.data / 'admin-token').read_text().strip()}"},
    )[2]
    half = Path(new).with_name("half.ndjson")
    half.write_bytes(whole[: len(whole) // 2])
    done = subprocess.run(
        [sys.executable, "-m", "aipolicy", "policy", "plan", new, "--snapshot", str(half)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "get it again" in done.stderr
