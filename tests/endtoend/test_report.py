"""From the scan to the page: given what is installed, then what the server has of it, each event once."""

import hashlib
import re
import shutil
import time
from typing import Any

from endtoend.lab import Agent, Lab, await_that, figure

BANNED = "banned: [claude-code]\napproved: [qoder]\n"
CLAUDE = "~/.npm/lib/node_modules/@anthropic-ai/claude-code"
QODER = "~/.npm/lib/node_modules/@qoder-ai/qodercli"


def finding(lab: Lab, path: str) -> dict[str, Any] | None:
    """What the server says of the tool at `path` in the lab's home."""
    found = [row for row in lab.server.findings() if row["path"] == path]
    assert len(found) < 2
    return found[0] if found else None


def ruling(lab: Lab, path: str) -> str:
    """Of the tool at `path`; empty where the server has none."""
    return str((finding(lab, path) or {}).get("ruling", ""))


def ids(events: list[dict[str, Any]]) -> list[str]:
    return sorted(event["id"] for event in events)


def about_ours(lab: Lab, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without what others do on this machine meanwhile: a person sees /opt, root sees everything."""
    return [e for e in events if (e["place"] or "").startswith("~/.npm/") or _is_a_persons(lab, e)]


def _is_a_persons(lab: Lab, event: dict[str, Any]) -> bool:
    return lab.python.uid is not None and not (event["place"] or "").startswith("/")


def await_delivery(lab: Lab, agent: Agent) -> None:
    """Until the server has every event of the spool, once; another may come to both at any moment."""
    await_that(
        lambda: ids(lab.server.events()) == ids(agent.spool()),
        "events in = events out",
        agent.log,
        lab.server.log,
    )


def test_what_is_installed_is_at_the_server_with_its_ruling(either_lab):
    lab = either_lab
    lab.install("claude-code-1.0.100")
    lab.install("qodercli-1.1.52")
    agent = lab.begin(BANNED)
    claude, qoder = finding(lab, CLAUDE), finding(lab, QODER)
    assert claude
    assert qoder
    assert (claude["tool"], claude["version"], claude["confidence"]) == ("claude-code", "1.0.100", "certain")
    assert (claude["ruling"], claude["action"], claude["reason"]) == ("banned", "report", "policy.yaml:1")
    assert (qoder["version"], qoder["ruling"], qoder["done"]) == ("1.1.52", "approved", "allowed")
    uid = lab.python.uid or 0
    assert {claude["uid"], qoder["uid"]} == {uid}
    await_delivery(lab, agent)


def test_a_restart_reports_nothing_that_did_not_change(either_lab):
    lab = either_lab
    lab.install("claude-code-1.0.100")
    agent = lab.begin(BANNED)
    before = lab.server.events()
    for end in (agent.stop, agent.kill):
        end()
        scans = agent.scans()
        agent.start()
        lab.await_scan(agent, scans)
        await_delivery(lab, agent)
    after = lab.server.events()
    assert about_ours(lab, after) == about_ours(lab, before)


def test_a_tool_that_was_removed_leaves_the_server(either_lab):
    lab = either_lab
    package = lab.install("claude-code-1.0.100")
    lab.install("qodercli-1.1.52")
    agent = lab.begin(BANNED)
    page = f"/devices/{lab.server.device()['device']['id']}"
    assert CLAUDE in _on_it_now(lab.server.page(page))
    shutil.rmtree(package)
    await_that(lambda: finding(lab, CLAUDE) is None, "the server forgets it", agent.log, lab.server.log)
    assert finding(lab, QODER)
    gone = [event for event in lab.server.events(kind="gone") if event["place"] == CLAUDE]
    assert [(event["tool"], event["state"]) for event in gone] == [("claude-code", "installed")]
    assert CLAUDE not in _on_it_now(lab.server.page(page))


def _on_it_now(page: str) -> str:
    """The text of a device's page above its event log, which goes on to name what was there."""
    return re.sub(r"<[^>]*>", "", page.partition('id="events"')[0])


def test_a_new_install_is_seen_soon(either_lab):
    lab = either_lab
    agent = lab.begin(BANNED, "--scan-every-s", "86400")
    lab.install("claude-code-1.0.100")
    begun = time.monotonic()
    await_that(lambda: CLAUDE in str(agent.spool()), "the install is told", agent.log)
    figure(f"a new install was told after {time.monotonic() - begun:.2f} s (promised: 5)")
    await_that(lambda: finding(lab, CLAUDE), "the install is at the server", agent.log)
    begun = time.monotonic()
    lab.install("qodercli-1.1.52")
    await_that(lambda: finding(lab, QODER), "another one is at the server", agent.log)
    figure(f"another one was at the server after {time.monotonic() - begun:.2f} s")


def test_an_edited_policy_is_in_force_soon(either_lab):
    lab = either_lab
    lab.install("claude-code-1.0.100")
    agent = lab.begin("banned: []\nunlisted: report\n")
    found = finding(lab, CLAUDE)
    assert found
    assert (found["ruling"], found["reason"]) == ("unlisted", "policy.yaml:2")
    lab.policy(BANNED)
    begun = time.monotonic()
    await_that(lambda: _policy(agent).get("version") == _version(BANNED), "it is in force", agent.log)
    figure(f"an edited policy was in force after {time.monotonic() - begun:.2f} s (promised: 2)")
    await_that(lambda: ruling(lab, CLAUDE) == "banned", "the server says so", agent.log)
    await_that(lambda: lab.server.device()["device"]["policy"] == _version(BANNED), "the check-in", agent.log)
    assert (finding(lab, CLAUDE) or {})["reason"] == "policy.yaml:1"


def test_a_policy_rewritten_in_place_is_taken(lab):
    agent = lab.begin(BANNED)
    text = "mode: warn\n" + BANNED
    lab.policy_file.write_text(text)
    await_that(lambda: _policy(agent).get("version") == _version(text), "it is in force", agent.log)
    assert _policy(agent)["mode"] == "warn"


def test_a_broken_policy_changes_nothing_and_status_says_where(lab):
    lab.install("claude-code-1.0.100")
    agent = lab.begin(BANNED)
    lab.policy("banned:\n  - claude-code\n  - claud-code\n")
    problem = await_that(lambda: agent.problem("policy"), "status says so", agent.log)
    assert problem["condition"] == "rejected"
    assert "policy.yaml:3:5" in problem["detail"]
    assert _version(BANNED) in problem["detail"]
    assert _policy(agent)["version"] == _version(BANNED)
    said = agent.ask("status")
    assert said.returncode == 1
    assert "policy.yaml:3:5: unknown tool 'claud-code'" in said.stdout
    assert ruling(lab, CLAUDE) == "banned"

    agent.kill()  # the last good one outlives the agent
    agent.start()
    problem = await_that(lambda: agent.problem("policy"), "it runs beside the broken policy", agent.log)
    assert problem["condition"] == "rejected"
    assert _policy(agent)["version"] == _version(BANNED)

    lab.policy("approved: [claude-code]\n")
    await_that(lambda: (agent.status() or {}).get("healthy"), "a good policy mends it", agent.log)
    await_that(lambda: ruling(lab, CLAUDE) == "approved", "and holds", agent.log)
    await_delivery(lab, agent)
    told = [e["reason"] for e in lab.server.events(kind="health") if e["place"] == "policy"]
    assert told == ["rejected", "in force"]


def test_a_policy_that_vanished_changes_nothing(lab):
    agent = lab.begin(BANNED)
    lab.policy_file.unlink()
    problem = await_that(lambda: agent.problem("policy"), "status says so", agent.log)
    assert problem["condition"] == "unreadable"
    assert _policy(agent)["version"] == _version(BANNED)


def _policy(agent: Agent) -> dict[str, Any]:
    said: dict[str, Any] = (agent.status() or {}).get("policy", {})
    return said


def _version(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
