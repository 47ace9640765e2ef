"""Given a fault between scan and server, then every event is at the server all the same, and once.

Everything is real: agent, server, disk and line; the line runs through relay.py, which breaks it as told.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from endtoend.lab import Agent, Lab, await_that, root
from endtoend.relay import (
    Fault,
    Relay,
    captive_portal,
    cut,
    dripping,
    held_after,
    held_before,
    lost_answer,
)
from installed import npm_package

POLICY = "banned: [claude-code]\n"
MORE_THAN_FITS = 400
"""Events of a kilobyte; the agent keeps a quarter of a megabyte aside for a full disk."""
CLAUDE = "~/.npm/lib/node_modules/@anthropic-ai/claude-code"


@pytest.fixture
def relay(lab: Lab) -> Iterator[Relay]:
    """A lab whose server runs and has handed out its secret, with a tool to report, and the line to it."""
    lab.policy(POLICY)
    lab.install("claude-code-1.0.100")
    lab.server.start()
    lab.hand_out_secret()
    with Relay(lab.server.url) as relay:
        yield relay


def await_exactly_once(lab: Lab, agent: Agent, forgotten: bool = False) -> list[dict[str, Any]]:
    """Until nothing waits; then what the agent recorded is what the server has, each event once.

    forgotten: whether the agent may have forgotten what the server has, to make room.
    """
    await_that(
        lambda: agent.scans() and not agent.pending(),
        "nothing waits",
        agent.log,
        lab.server.log,
        patience_s=180,
    )
    at_server = lab.server.events()
    stored, recorded = sorted(e["id"] for e in at_server), sorted(e["id"] for e in agent.spool())
    assert set(recorded) <= set(stored) if forgotten else recorded == stored
    assert len(set(stored)) == len(stored)
    device = lab.server.device()
    assert device["alarms"] == []
    known = {(r["tool"], r["state"], r["path"]) for r in device["findings"]}
    assert known == {
        tuple(key.split("\x1f")[i] for i in (0, 1, 3)) for (key,) in agent.rows("SELECT key FROM known")
    }
    claude = [e for e in at_server if e["place"] == CLAUDE]
    assert [(e["kind"], e["ruling"]) for e in claude] == [("outcome", "banned")]
    return at_server


def test_the_server_is_down_and_then_up(lab, relay):
    lab.server.stop()
    agent = lab.agent(url=relay.url)
    agent.start()
    await_that(lambda: agent.scans() and agent.pending(), "events wait", agent.log)
    await_that(lambda: agent.problem("server"), "status says so", agent.log)
    status = agent.status()
    assert status
    assert status["server"]["pending"] == agent.pending()
    lab.server.start()
    await_exactly_once(lab, agent)
    await_that(lambda: (agent.status() or {}).get("healthy"), "status says that it is over", agent.log)


@pytest.mark.parametrize("share", [0.3, 0.99, 1.0])
def test_the_server_is_killed_in_the_midst_of_a_request(share, lab, relay):
    relay.faults.append(cut(share))
    agent = lab.agent(url=relay.url)
    agent.start()
    await_that(relay.arrived.is_set, "the batch is on its way", agent.log)
    lab.server.kill()
    relay.go_on.set()
    lab.server.start()
    await_exactly_once(lab, agent)
    assert len(relay.batches) > 1
    assert relay.batches[0] == relay.batches[1], "the identical batch, again"


@pytest.mark.parametrize("where", [held_before, held_after])
def test_the_agent_is_killed_while_it_sends(where, lab, relay):
    relay.faults.append(where)
    agent = lab.agent(url=relay.url)
    agent.start()
    await_that(relay.arrived.is_set, "the batch is on its way", agent.log)
    agent.kill()
    relay.go_on.set()
    agent.start()
    await_exactly_once(lab, agent)
    assert relay.batches[0] == relay.batches[1], "the identical batch, again"


@pytest.mark.parametrize(
    "faults",
    [[captive_portal, captive_portal], [lost_answer, lost_answer], [dripping]],
    ids=lambda f: f[0].__name__,
)
def test_an_answer_that_is_not_the_servers_counts_for_nothing(faults: list[Fault], lab, relay):
    relay.faults += faults
    agent = lab.agent(url=relay.url)
    agent.start()
    await_exactly_once(lab, agent)
    assert not relay.faults, "they were all met"
    assert len(set(relay.batches[: len(faults) + 1])) == 1, "the identical batch, again"


@pytest.fixture
def small_disk(lab: Lab) -> Iterator[Path]:
    """A disk of 6 MB for the state folder."""
    if not root():
        pytest.skip("needs root on Linux: mounts a small disk")
    disk = lab.own(lab.folder / "agents")
    options = f"size=6m,mode=0755,uid={lab.python.uid},gid={lab.python.uid}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "aipolicy-test", str(disk)], check=True)
    yield disk
    for agent in lab.agents:
        if agent.running:
            agent.kill()
    subprocess.run(["umount", str(disk)], check=True)


def test_the_disk_is_full_and_then_freed(small_disk, lab, relay):
    agent = lab.agent(url=relay.url)
    agent.start()
    lab.await_settled(agent)
    fill(small_disk / "filling")
    projects = [lab.home / f"project-{number}" / "node_modules" for number in range(MORE_THAN_FITS)]
    for modules in projects:
        npm_package(modules, "qodercli-1.1.52")
    await_that(lambda: (agent.problem("spool") or {}).get("condition") == "disk", "status says so", agent.log)
    (small_disk / "filling").unlink()
    await_that(lambda: (agent.status() or {}).get("healthy"), "it goes on by itself", agent.log)
    events = await_exactly_once(lab, agent, forgotten=True)
    told = sorted(e["place"] for e in events if (e["place"] or "").startswith("~/project-"))
    assert told == sorted(f"~/{modules.parent.name}/node_modules/@qoder-ai/qodercli" for modules in projects)


def fill(file: Path) -> None:
    """Until the disk takes not one byte more; what the agent tries to write meanwhile frees some."""
    with file.open("wb", buffering=0) as filling:
        while shutil.disk_usage(file.parent).free:
            for piece in (1 << 16, 1 << 12, 1):
                with contextlib.suppress(OSError):
                    while True:
                        filling.write(os.urandom(piece))
