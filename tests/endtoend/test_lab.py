"""Given two labs beside each other, then an agent that runs as an ordinary person sees its own alone."""

import json

from endtoend.lab import Lab, run


def test_what_another_test_installs_is_not_found(lab: Lab) -> None:
    with Lab.open() as other:
        other.install("claude-code-1.0.100")
        lab.policy("banned: [claude-code]\n")
        scan = ["scan", "--policy", str(lab.policy_file), "--format", "json"]
        assert json.loads(run(lab.python, scan, lab.environ).stdout)["verdicts"] == []
        lab.install("claude-code-1.0.100")
        assert len(json.loads(run(lab.python, scan, lab.environ).stdout)["verdicts"]) == 1
