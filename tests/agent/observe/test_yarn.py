"""yarn's global packages, of a user and of root."""

from pathlib import Path

from host import FakeMachine
from installed import bin_link, described, look, npm_package


def test_of_a_user_and_of_root(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    modules = Path(ann.home, ".config/yarn/global/node_modules")
    package = npm_package(modules, "claude-code-1.0.100")
    link = bin_link(modules / ".bin", "claude", package / "cli.js")
    bin_link(f"{ann.home}/.yarn/bin", "claude", link)
    npm_package(machine.at("/usr/local/share/.config/yarn/global/node_modules"), "codex-0.169.0")
    assert described(look(machine)) == {
        "yarn global: @anthropic-ai/claude-code 1.0.100 of ann",
        "yarn global: @openai/codex 0.169.0 of root",
    }
