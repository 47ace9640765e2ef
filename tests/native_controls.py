"""Policies turned into bans, and a fake machine's vendors' files, for the tests of native controls."""

import json
import sys
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from aipolicy.core.policy import parse
from aipolicy.core.status import ControlStatus
from aipolicy.core.tools import Catalog
from aipolicy.daemon.judge import Judge, Surroundings
from aipolicy.enforce.controls import CONTROLS
from aipolicy.enforce.controls.control import Ban, bans
from aipolicy.enforce.controls.keep import put_in_force
from aipolicy.enforce.controls.memory import Memory
from aipolicy.tools import load
from host import FakeMachine

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
CLAUDE = "/etc/claude-code/managed-settings.json"
CLAUDE_OURS = "/etc/claude-code/managed-settings.d/50-aipolicy.json"
CODEX = "/etc/codex/requirements.toml"
GEMINI = "/etc/gemini-cli/settings.json"
QWEN = "/etc/qwen-code/settings.json"
VSCODE = "/etc/vscode/policy.json"
BLOCK = "mode: block\nbanned: [claude-code, codex, gemini-cli, qwen-code]\n"
FREE = "mode: block\nbanned: []\n"


@cache
def catalog() -> Catalog:
    return load()


def judge(policy: str) -> Judge:
    return Judge(
        catalog=catalog(),
        policy=parse(policy, "policy.yaml", catalog().known),
        surroundings=Surroundings(device="d", hostname="h", os="linux"),
    )


def banned(policy: str) -> tuple[Ban, ...]:
    judging = judge(policy)
    return bans(catalog(), judging.policy, lambda finding: judging.verdict(finding, NOON))


class Host:
    """A machine with a state folder, on which policies come into force one after the other."""

    def __init__(self, folder: Path) -> None:
        self.machine = FakeMachine(folder / "machine")
        self.machine.file("/etc/hostname", b"testhost\n", 0o644)
        self.state = folder / "state"
        self.state.mkdir(exist_ok=True)

    def enforce(self, policy: str) -> dict[str, ControlStatus]:
        """By a new agent each time: what it knows of earlier ones is in the state folder."""
        states = put_in_force(CONTROLS, banned(policy), self.machine, Memory(self.state))
        return {state.name: state for state in states}

    def put(self, path: str, text: str, mode: int = 0o644) -> Path:
        return Path(self.machine.file(path, text.encode(), mode))

    def path(self, path: str) -> Path:
        return Path(self.machine.at(path))

    def text(self, path: str) -> str:
        return self.path(path).read_text()

    def json(self, path: str) -> Any:
        return json.loads(self.text(path))

    def etc(self) -> dict[str, bytes]:
        """Every file below /etc, and every folder as an empty name."""
        found: dict[str, bytes] = {}
        for place in sorted(self.path("/etc").rglob("*")):
            name = str(place.relative_to(self.path("/etc")))
            found[name] = place.read_bytes() if place.is_file() else b""
        return found


if __name__ == "__main__":
    host = Host(Path(sys.argv[1]))
    while True:
        for policy in (BLOCK, FREE):
            host.enforce(policy)
            print("turn", flush=True)  # noqa: T201
