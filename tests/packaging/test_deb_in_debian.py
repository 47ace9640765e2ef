"""The deb in a booted Debian 12: installed, it refuses a real tool; removed and purged, it is gone."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from machine.real_packages import CLAUDE_NATIVE, npm_prefix
from machine_needs import NEEDS_ROOT
from nspawn import Container, debian
from packaging_needs import NEEDS_PACKAGES, built

pytestmark = [
    NEEDS_PACKAGES,
    NEEDS_ROOT,
    pytest.mark.xdist_group("machine"),  # a guard of this machine would answer for the container's filesystem
]

PACKAGE = "/usr/local/lib/node_modules/@anthropic-ai/claude-code"
TOOL = f"{PACKAGE}/node_modules/@anthropic-ai/claude-code-linux-x64/claude"
REFUSED = "Operation not permitted"


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """With Claude Code in /usr/local, as `npm install --global` puts it, and the deb in /root."""
    tool = npm_prefix(CLAUDE_NATIVE)
    with debian(tmp_path_factory.mktemp("debian")) as container:
        shutil.copytree(tool / "lib", container.root / "usr/local/lib", symlinks=True, dirs_exist_ok=True)
        shutil.copy(built("aipolicy_*.deb"), container.root / "root/agent.deb")
        yield container


def ways_in_etc(box: Container) -> list[Path]:
    """What is in the folders of the vendors' own settings."""
    return [
        file
        for name in ("claude-code", "vscode")
        for file in (box.root / "etc" / name).rglob("*")
        if file.is_file()
    ]


def test_the_life_of_the_package(box: Container) -> None:
    """One story, since each step needs the one before."""
    before = box.ours()
    box.run("dpkg", "--install", "/root/agent.deb")

    # Installed: both units run, and a package alone stops nothing.
    for unit in ("aipolicy", "aipolicy-guard"):
        box.until("systemctl", "show", unit, "--property=ActiveState", says="=active")
        assert box.run("systemctl", "is-enabled", unit).stdout.strip() == "enabled"
    assert box.run("stat", "-c", "%a %U", "/var/lib/aipolicy").stdout.strip() == "700 root"
    assert "mode report" in box.until("aipolicy", "status", says="1 unlisted")
    assert box.run(TOOL, "--version", check=False).returncode == 0

    # Banned: found, refused under any name, and the vendor's own settings are written.
    policy = box.root / "etc/aipolicy/policy.yaml"
    policy.write_text("mode: block\nbanned: [claude-code]\n")
    status = box.until("aipolicy", "status", says="guard           in force")
    assert "native controls in force" in status
    assert REFUSED in box.run(TOOL, "--version", check=False).stderr
    box.run("cp", TOOL, "/root/notes")
    assert REFUSED in box.run("/root/notes", "--version", check=False).stderr
    assert box.run("aipolicy", "scan", check=False).returncode == 1
    assert ways_in_etc(box)

    # The guard comes back after a kill, and an upgrade keeps what IT wrote and refuses as before.
    box.run("systemctl", "kill", "--signal=KILL", "aipolicy-guard", "aipolicy")
    box.until("systemctl", "show", "aipolicy", "--property=NRestarts", says="NRestarts=1")
    box.run("dpkg", "--install", "/root/agent.deb")
    assert policy.read_text() == "mode: block\nbanned: [claude-code]\n"
    box.until("aipolicy", "status", says="guard           in force")
    assert REFUSED in box.run("/root/notes", "--version", check=False).stderr

    # Without either nothing is refused; the guard refuses from the moment that systemd takes it for started.
    box.run("systemctl", "stop", "aipolicy", "aipolicy-guard")
    assert box.run("/root/notes", "--version", check=False).returncode == 0
    box.run("systemctl", "start", "aipolicy-guard")
    assert REFUSED in box.run("/root/notes", "--version", check=False).stderr
    box.run("systemctl", "start", "aipolicy")

    # Removed: everything starts again, and the vendors' settings are as they were.
    box.run("dpkg", "--remove", "aipolicy")
    assert box.run("/root/notes", "--version", check=False).returncode == 0
    assert not ways_in_etc(box)
    assert (box.root / "var/lib/aipolicy").is_dir()

    # Purged: nothing of it is left.
    box.run("dpkg", "--purge", "aipolicy")
    assert box.ours() == before
    assert not (box.root / "etc/aipolicy").exists()
