"""Every shell script of packaging/ passes shellcheck."""

import shutil
import subprocess
from pathlib import Path

import pytest

from packaging_needs import CHECKOUT


def scripts() -> list[Path]:
    """By their first line: many have no ending."""
    files = [path for path in (CHECKOUT / "packaging").rglob("*") if path.is_file()]
    return sorted(path for path in files if path.read_bytes().startswith(b"#!/bin/sh"))


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="needs shellcheck")
def test_they_pass_shellcheck() -> None:
    assert len(scripts()) > 8
    checked = subprocess.run(
        ["shellcheck", "--severity=warning", *map(str, scripts())],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
