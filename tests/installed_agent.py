"""What tests of the packages ask of the container that has one; the banned tool there is a real one."""

import shutil
from pathlib import Path

from machine.real_packages import CLAUDE_NATIVE, npm_prefix
from nspawn import Container

PACKAGE = "/usr/local/lib/node_modules/@anthropic-ai/claude-code"
TOOL = f"{PACKAGE}/node_modules/@anthropic-ai/claude-code-linux-x64/claude"
REFUSED = "Operation not permitted"
BLOCK = "mode: block\nbanned: [claude-code]\n"


def lay_tool(box: Container) -> None:
    """Claude Code in /usr/local, as `npm install --global` puts it."""
    tool = npm_prefix(CLAUDE_NATIVE)
    shutil.copytree(tool / "lib", box.root / "usr/local/lib", symlinks=True, dirs_exist_ok=True)


def refuses(box: Container, program: str = TOOL) -> bool:
    """Whether it may not start."""
    return REFUSED in box.run(program, "--version", check=False).stderr


def starts(box: Container, program: str = TOOL) -> bool:
    """Whether it does its work."""
    return box.run(program, "--version", check=False).returncode == 0


def ways_in_etc(box: Container) -> list[Path]:
    """What is in the folders of the vendors' own settings."""
    return [
        file
        for name in ("claude-code", "vscode")
        for file in (box.root / "etc" / name).rglob("*")
        if file.is_file()
    ]
