"""What the tests of ways to run share: one folder of tools for all of them, and children that end."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from aipolicy.examine import Examiner, examiner_for
from machine.ways import CATALOG, furnished
from machine_needs import Started


@pytest.fixture
def started() -> Iterator[Started]:
    with Started() as children:
        yield children


@pytest.fixture(scope="session")
def examiner() -> Examiner:
    return examiner_for(CATALOG)


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    here = furnished(tmp_path_factory.mktemp("ways"))
    yield here
    shutil.rmtree(here)  # half a gigabyte
