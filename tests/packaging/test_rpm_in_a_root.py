"""The rpm: in a root folder, where it verifies, tells what was changed and leaves nothing but what IT wrote;
and in a booted system, where its scripts do their work.

Both are Debian's, since no distribution with rpm can be had here: it has rpm itself, systemd and the glibc.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from installed_agent import BLOCK, lay_tool, refuses, starts, ways_in_etc
from machine_needs import NEEDS_ROOT
from nspawn import debian, debian_files
from packaging_needs import NEEDS_PACKAGES, built

pytestmark = [NEEDS_PACKAGES, NEEDS_ROOT]


def rpm(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["rpm", "--root", str(root), *words], capture_output=True, text=True, check=False, timeout=120
    )


def test_it_verifies_and_goes_without_a_trace(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    debian_files(root)
    installed = rpm(root, "--install", "--nodeps", str(built("aipolicy-[0-9]*.rpm")))  # glibc is dpkg's there
    assert installed.returncode == 0, installed.stderr
    assert (root / "var/lib/aipolicy").stat().st_mode & 0o777 == 0o700
    verified = rpm(root, "--verify", "--nodeps", "aipolicy")
    assert (verified.returncode, verified.stdout) == (0, "")

    (root / "usr/lib/aipolicy/aipolicy-gate").write_bytes(b"another program")
    (root / "etc/aipolicy/policy.yaml").write_text("banned: [claude-code]\n")
    changed = rpm(root, "--verify", "--nodeps", "aipolicy").stdout
    assert "S.5....T.    /usr/lib/aipolicy/aipolicy-gate" in changed
    assert "S.5....T.  c /etc/aipolicy/policy.yaml" in changed

    removed = rpm(root, "--erase", "aipolicy")
    assert removed.returncode == 0, removed.stderr
    left = {str(path.relative_to(root)) for path in root.rglob("*aipolicy*") if "/rpm/" not in str(path)}
    assert left == {"etc/aipolicy"}
    assert [path.name for path in (root / "etc/aipolicy").iterdir()] == ["policy.yaml.rpmsave"]


@pytest.mark.xdist_group("machine")
def test_its_scripts_start_replace_and_end_both_services(tmp_path: Path) -> None:
    with debian(tmp_path, "rpm") as box:
        lay_tool(box)
        shutil.copy(built("aipolicy-[0-9]*.rpm"), box.root / "root/agent.rpm")
        names_before = box.ours()

        said = box.run("rpm", "--force-debian", "--install", "--nodeps", "/root/agent.rpm").stdout
        assert "ok    settings, policy, sight, rights, exec gate," in said, said
        for unit in ("aipolicy", "aipolicy-guard"):
            box.until("systemctl", "show", unit, "--property=ActiveState", says="=active")
            assert box.run("systemctl", "is-enabled", unit).stdout.strip() == "enabled"
        verified = box.run("rpm", "--verify", "--nodeps", "aipolicy", check=False)
        assert (verified.returncode, verified.stdout) == (0, "")
        box.guards_only_itself()

        (box.root / "etc/aipolicy/policy.yaml").write_text(BLOCK)
        box.until("aipolicy", "status", says="guard           in force")
        assert refuses(box)
        assert ways_in_etc(box)

        # Replaced by itself, as by the next version: restarted, and what IT wrote is kept.
        agent = box.run("systemctl", "show", "aipolicy", "--property=MainPID").stdout
        again = ("--upgrade", "--replacepkgs", "--nodeps", "/root/agent.rpm")
        box.run("rpm", "--force-debian", *again)
        box.until("aipolicy", "status", says="guard           in force")
        assert box.run("systemctl", "show", "aipolicy", "--property=MainPID").stdout != agent
        assert (box.root / "etc/aipolicy/policy.yaml").read_text() == BLOCK
        assert refuses(box)

        box.run("rpm", "--force-debian", "--erase", "aipolicy")
        assert starts(box)
        assert not ways_in_etc(box)
        assert not box.marked_devices()
        saved = box.root / "etc/aipolicy/policy.yaml.rpmsave"
        assert saved.read_text() == BLOCK
        shutil.rmtree(saved.parent)
        assert box.ours() == names_before
