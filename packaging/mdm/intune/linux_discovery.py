#!/usr/bin/env python3
"""Intune's custom compliance on Linux: one line of JSON on how the agent here is, for linux_rules.json.

It runs as whoever is signed in and needs no right but that. It always ends with 0: what is wrong stands
in its values. -1 banned tools: not known.
https://learn.microsoft.com/intune/device-security/compliance/create-custom-script
"""

import json
import subprocess


def status() -> dict:
    try:
        asked = subprocess.run(
            ["aipolicy", "status", "--format", "json"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return json.loads(asked.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return {}


now = status()
running = now.get("running") is True
scan = now.get("scan") if running else None
facts = {
    "AgentRunning": running,
    "AgentHealthy": running and now.get("healthy") is True,
    "BannedTools": scan["findings"].get("banned", 0) if scan else -1,
}
print(json.dumps(facts, separators=(",", ":")))
