"""The policy's retention on the machine itself: what is old and delivered goes, what is here stays."""

import contextlib
import json
import sqlite3
from datetime import UTC, datetime, timedelta

from endtoend.lab import Agent, Lab, await_that


def let_it_be_long_ago(agent: Agent, days: int) -> None:
    """As if what is in the spool had been told three times so many days ago."""
    then = (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    with contextlib.closing(sqlite3.connect(agent.state / "spool.db")) as connection, connection:
        for n, record in connection.execute("SELECT n, record FROM event").fetchall():
            old = json.dumps({**json.loads(record), "time": then}).encode()
            connection.execute("UPDATE event SET record = ? WHERE n = ?", (old, n))
            again = (
                "INSERT INTO event (uid, status, size, record) SELECT uid, status, size, record FROM event"
            )
            for _ in range(2):
                connection.execute(f"{again} WHERE n = ?", (n,))


def old_ones(agent: Agent) -> int:
    limit = datetime.now(UTC) - timedelta(days=30)
    return sum(datetime.fromisoformat(event["time"]) < limit for event in agent.spool())


def test_what_is_old_goes_from_the_machine_and_what_is_here_is_still_shown(lab: Lab) -> None:
    lab.install("claude-code-1.0.100")
    agent = lab.begin("banned: [claude-code]\n")
    agent.stop()
    let_it_be_long_ago(agent, days=31)
    agent.start()
    lab.await_settled(agent)
    assert old_ones(agent) >= 3, "without a retention they stay"
    lab.policy("banned: [claude-code]\nprivacy: {retention: 30d}\n")
    await_that(lambda: old_ones(agent) == 1, "they go once the policy says so", agent.log)
    assert "claude-code 1.0.100 installed" in agent.ask("mine").stdout, (
        "the server has it as what is here now"
    )
