"""Given a policy that hides people, then no login name and no user id of theirs reaches the real server."""

import re

from endtoend.lab import Lab, await_that

HIDING = "banned: [claude-code]\nprivacy: {usernames: hash}\n"


def owners(lab: Lab) -> set[str]:
    return {finding["owner"] for finding in lab.server.findings()}


def test_from_the_moment_that_the_policy_says_so(lab: Lab) -> None:
    lab.install("claude-code-1.0.100")
    agent = lab.begin("banned: [claude-code]\n")
    (name,) = owners(lab)
    assert not name.startswith("user-")
    lab.policy(HIDING)
    await_that(lambda: name not in owners(lab), "the old name is gone", agent.log)
    lab.await_settled(agent)
    (other,) = owners(lab)
    assert re.fullmatch("user-[0-9a-f]{12}", other)
    assert name not in str(lab.server.device()["findings"])
    agent.stop()
    scans = agent.scans()
    agent.start()
    lab.await_scan(agent, scans)
    lab.await_settled(agent)
    assert owners(lab) == {other}
