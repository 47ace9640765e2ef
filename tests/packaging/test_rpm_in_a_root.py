"""The rpm in a root folder: it verifies, tells what was changed, and leaves nothing but what IT wrote.

The root is a Debian's, since no distribution with rpm can be had here: nothing is started in it.
"""

import subprocess
from pathlib import Path

from machine_needs import NEEDS_ROOT
from nspawn import debian_files
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
    installed = rpm(root, "--install", "--nodeps", str(built("*.rpm")))  # glibc is dpkg's there
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
