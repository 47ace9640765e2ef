"""What holds for every test: those that look at, or act on, the whole machine never run beside each other.

Nor does the clock decide one: by itself hypothesis fails an example that took longer than 0.2 s, as it does
where another process was given the processor meanwhile.
"""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from machine_needs import whole_machine

settings.register_profile(
    "without a clock", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("without a clock")

_WHOLE_MACHINE = frozenset({"machine_lab", "either_lab"})
_OWN_FILESYSTEM = "tests/machine/guard/"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """An agent of root sees what another test installs and, in mode block, ends what another test runs."""
    for item in items:
        fixtures = frozenset(getattr(item, "fixturenames", ()))
        machine = "tests/machine/" in item.nodeid and _OWN_FILESYSTEM not in item.nodeid
        if machine or fixtures & _WHOLE_MACHINE:
            item.add_marker(pytest.mark.xdist_group("machine"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """The group keeps them in one worker; the lock also keeps two runs on this machine apart."""
    if item.get_closest_marker("xdist_group") is None:
        return (yield)
    with whole_machine():
        return (yield)
