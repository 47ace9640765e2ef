"""What holds for every test: those that look at, or act on, the whole machine never run beside each other."""

import pytest

_WHOLE_MACHINE = frozenset({"machine_lab", "either_lab"})


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """An agent of root sees what another test installs and, in mode block, ends what another test runs."""
    for item in items:
        fixtures = frozenset(getattr(item, "fixturenames", ()))
        if "tests/machine/" in item.nodeid or fixtures & _WHOLE_MACHINE:
            item.add_marker(pytest.mark.xdist_group("machine"))
