"""bun's global packages and the folders that bunx leaves; its cache of downloads is no install."""

from pathlib import Path

from host import FakeMachine
from installed import bin_link, described, look, npm_package


def test_global_and_bunx(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    bun = Path(ann.home, ".bun")
    package = npm_package(bun / "install/global/node_modules", "claude-code-1.0.100")
    bin_link(bun / "bin", "claude", package / "cli.js")
    npm_package(
        bun / "install/cache/.bunx-1001/@continuedev/cli@latest/node_modules", "continuedev-cli-1.5.47"
    )
    npm_package(machine.at("/tmp/bunx-0-opencode-ai@latest/node_modules"), "opencode-ai-1.18.33")
    npm_package(bun / "install/cache/x/node_modules", "codex-0.169.0")
    assert described(look(machine)) == {
        "bun global: @anthropic-ai/claude-code 1.0.100 of ann",
        "bunx cache: @continuedev/cli 1.5.47 of ann",
        "bunx cache: opencode-ai 1.18.33 of root",
    }
