"""`aipolicy doctor` proves what is in force, and leaves nothing behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from machine_needs import NEEDS_LINUX, NEEDS_ROOT

pytestmark = [
    NEEDS_LINUX,
    NEEDS_ROOT,
    pytest.mark.xdist_group("machine"),  # what another doctor has in /run is not left by this one
]


def doctor(*before: str) -> str:
    command = [*before, sys.executable, "-m", "aipolicy", "doctor", "--state", "/nonexistent"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 1, ran.stderr
    return ran.stdout


def test_both_layers_are_proved_and_nothing_is_left() -> None:
    files = set(os.listdir("/run"))
    said = doctor()
    assert "ok    proof of guard     a banned program of ours was refused, and freed it started" in said
    assert "ok    proof of ending    a banned program of ours was ended as it ran" in said
    assert "aipolicy-probe" not in Path("/proc/self/mountinfo").read_text()
    assert not {name for name in set(os.listdir("/run")) - files if name.startswith("aipolicy-probe")}


@pytest.mark.skipif(not Path("/usr/sbin/capsh").exists(), reason="needs capsh")
def test_what_is_missing_is_named() -> None:
    said = doctor("/usr/sbin/capsh", "--drop=cap_sys_admin", "--", "-c", 'exec "$0" "$@"')
    assert "look  proof of guard     the trial could not be made here" in said
    assert "Operation not permitted" in said
