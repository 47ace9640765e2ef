"""The corpus of tests/corpus through public tools that run here, beside our own look.

- agentic-detector (github.com/karmine05/agentic-detector at ff5825f, whose detection Fleet's `ai_tools` took
  over in fleetdm/fleet#52054). It is written in Go and was not built here: its published rules for agents in
  a home are expressed again below (internal/agents/agents.go, internal/evidence/toolhomes.go, score.go). Left
  out are its system folders, workspace and framework signals. A running form counts as found where the tool
  is reported at all, which is to its favour.
- snyk-agent-scan from PyPI: its own discovery, run as it is, in a virtual environment of its own. It goes by
  the folder that a tool makes at its first start; the corpus never starts a tool, so each home is also looked
  at with that folder made: the second line, the most that it can find.

A recall counts a tool that the peer does not know as missed; "of known" leaves it out.

    python benchmarks/peers_identity.py [--suite]     # --suite: the part that the test suite builds
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from aipolicy.core.model import Confidence
from corpus.cases import lookalikes, positives
from corpus.scoring import Answer, build, look
from host import FakeMachine
from machine.real_packages import CACHE, fetched, locked
from machine_needs import Started

SNYK = "snyk-agent-scan==0.6.9"

# --- agentic-detector: (our id, program names, npm package, pipx name) of knownAgents() -----------------

FLEET_AGENTS = (
    ("claude-code", ("claude",), "@anthropic-ai/claude-code", ""),
    ("gemini-cli", ("gemini",), "@google/gemini-cli", ""),
    ("codex", ("codex",), "@openai/codex", ""),
    ("aider", ("aider",), "", "aider-chat"),
    ("goose", ("goose",), "", ""),
    ("opencode", ("opencode",), "opencode-ai", ""),
    ("cline", ("cline",), "cline", ""),
    ("continue", ("cn",), "@continuedev/cli", ""),
    ("cursor", ("cursor-agent",), "", ""),
    ("amazon-q", ("q", "kiro"), "", ""),
    ("grok-cli", ("grok",), "", ""),
)
FLEET_BINS = (
    ".local/bin",
    "bin",
    ".bun/bin",
    ".cargo/bin",
    ".deno/bin",
    ".opencode/bin",
    ".npm-global/bin",
    "go/bin",
    ".grok/bin",
    ".hermes/bin",
    ".openclaw/bin",
)
FLEET_MODULES = (
    ".npm-global/lib/node_modules",
    ".bun/install/global/node_modules",
    ".nvm/versions/node/*/lib/node_modules",
)
FLEET_HOMES = (("openclaw", ".openclaw", "openclaw"), ("hermes", ".hermes", "hermes"))
"""Tool homes of tools that are not in the list above: with a program near them 45 points, where 40 report."""


def fleet(home: Path) -> set[str]:
    """The tools that its rules report for a home."""
    found = {tool for tool, names, npm, pipx in FLEET_AGENTS if _fleet_agent(home, names, npm, pipx)}
    for tool, folder, name in FLEET_HOMES:
        near = (home / folder / "bin" / name, home / ".local/bin" / name, home / "bin" / name)
        if (home / folder).is_dir() and any(_is_program(path) for path in near):
            found.add(tool)
    return found


def _fleet_agent(home: Path, names: Sequence[str], npm: str, pipx: str) -> bool:
    if npm and any(list(home.glob(f"{folder}/{npm}/package.json")) for folder in FLEET_MODULES):
        return True
    if pipx and (home / ".local/pipx/venvs" / pipx).is_dir():
        return True
    return any(_is_program(home / folder / name) for name in names for folder in FLEET_BINS)


def _is_program(path: Path) -> bool:
    return path.is_symlink() or path.is_file()


# --- snyk-agent-scan ------------------------------------------------------------------------------------

SNYK_NAMES = {
    "claude code": "claude-code",
    "claude desktop": "claude-desktop",
    "gemini cli": "gemini-cli",
    "github copilot": "github-copilot",
    "amazon_q": "amazon-q",
    "vscode": "",
}
"""Its names that differ from our ids. VS Code is no AI tool."""
SNYK_FOLDERS = {
    "claude-code": ".claude",
    "codex": ".codex",
    "gemini-cli": ".gemini",
    "github-copilot": ".copilot",
    "openclaw": ".openclaw",
    "opencode": ".config/opencode",
    "amp": ".config/agents",
}
"""The folders of its list that the corpus' tools make when they start."""

_SNYK_PROGRAM = """
import asyncio, json, os, sys
from agent_scan.well_known_clients import get_well_known_clients
from agent_scan import inspect
from pathlib import Path
async def look(home):
    os.environ["HOME"] = home
    names = []
    for client in get_well_known_clients():
        if await inspect.get_mcp_config_per_client(client, [(Path(home), "x")]):
            names.append(client.name)
    return names
print(json.dumps([asyncio.run(look(home)) for home in json.load(sys.stdin)]))
"""


def snyk(homes: Sequence[Path]) -> list[set[str]]:
    """What its own discovery reports for each home."""
    folder = CACHE / "snyk-agent-scan"
    with locked("pip"):
        if not (folder / ".complete").exists():
            fetched("python3", "-m", "venv", "--clear", str(folder))
            fetched(str(folder / "bin/pip"), "install", "--quiet", SNYK)
            (folder / ".complete").touch()
    done = subprocess.run(
        [str(folder / "bin/python"), "-c", _SNYK_PROGRAM],
        input=json.dumps([str(home) for home in homes]),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"snyk-agent-scan failed: {done.stderr[-600:]}")
    return [{SNYK_NAMES.get(n, n) for n in names} - {""} for names in json.loads(done.stdout)]


# --- the table ------------------------------------------------------------------------------------------


def row(name: str, built: Sequence[Answer], said: Sequence[set[str]], knows: Callable[[str], bool]) -> str:
    """A line of the table. A look-alike that carries a tool along accuses nobody by naming it."""
    there = [(answer.case.tool, tools) for answer, tools in zip(built, said, strict=True) if answer.case.tool]
    found = sum(tool in tools for tool, tools in there)
    known = [(tool, tools) for tool, tools in there if knows(tool or "")]
    others = [
        tools - {answer.case.named}
        for answer, tools in zip(built, said, strict=True)
        if answer.case.tool is None
    ]
    accused = sum(bool(tools) for tools in others)
    of_known = sum(tool in tools for tool, tools in known) / len(known)
    recall = f"{found} of {len(there)} ({found / len(there):.2f})"
    return f"| {name} | {recall} | {of_known:.2f} | {accused} of {len(others)} |"


def with_folders(built: Iterable[Answer]) -> None:
    """What the first start of a tool leaves in its home."""
    for answer in built:
        if answer.case.tool in SNYK_FOLDERS:
            (Path(answer.home) / SNYK_FOLDERS[answer.case.tool]).mkdir(parents=True, exist_ok=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--suite", action="store_true", help="the part that the test suite builds")
    given = options.parse_args()
    cases = [case for case in (*positives(), *lookalikes()) if case.in_suite or not given.suite]
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="corpus-") as folder, Started() as started:
        machine = FakeMachine(Path(folder))
        everything = build(cases, machine, started)
        built = [answer for answer in everything if answer.not_built is None]
        ours: dict[str, set[str]] = {}
        for finding in look(machine):
            if finding.confidence is Confidence.CERTAIN:
                ours.setdefault(finding.owner.name, set()).add(finding.tool)
        homes = [Path(answer.home) for answer in built]
        fleets = [fleet(home) for home in homes]
        bare = snyk(homes)
        with_folders(built)
        started_once = snyk(homes)
    known = {tool for tool, *_ in (*FLEET_AGENTS, *FLEET_HOMES)}
    print("| | recall | of known | look-alikes accused |")
    print("| --- | --- | --- | --- |")
    print(row("aipolicy, certain", built, [ours.get(home.name, set()) for home in homes], lambda _tool: True))
    print(row("agentic-detector / Fleet ai_tools, its rules", built, fleets, known.__contains__))
    print(row("snyk-agent-scan", built, bare, SNYK_FOLDERS.__contains__))
    print(row("snyk-agent-scan, after a first start", built, started_once, SNYK_FOLDERS.__contains__))


if __name__ == "__main__":
    main()
