"""Labs for the tests of this folder: see lab.py."""

from collections.abc import Iterator

import pytest

from endtoend.lab import Lab, root
from endtoend.python_for_all import stranger


@pytest.fixture
def lab() -> Iterator[Lab]:
    """The agent runs as an ordinary person who sees nothing but the lab, where we may make it one."""
    with Lab.open(uid=stranger()) as lab:
        yield lab


@pytest.fixture
def machine_lab() -> Iterator[Lab]:
    """The agent runs as root and sees the whole machine."""
    if not root():
        pytest.skip("needs root on Linux: the agent is to see the whole machine")
    with Lab.open() as lab:
        yield lab


@pytest.fixture(params=["person", "root"])
def either_lab(request: pytest.FixtureRequest) -> Lab:
    """Both, one after the other."""
    found: Lab = request.getfixturevalue("lab" if request.param == "person" else "machine_lab")
    return found
