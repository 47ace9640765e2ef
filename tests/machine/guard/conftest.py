"""A guard on a filesystem of its own, for the tests of this folder: see lab.py."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from machine.guard.lab import GuardLab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[GuardLab]:
    """One that runs."""
    with GuardLab(tmp_path) as lab:
        lab.start()
        yield lab
