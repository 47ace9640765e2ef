"""Places in containers: told apart, and without the names of homes where they leave the machine."""

import pytest
from msgspec.structs import replace

from aipolicy.core.correlate import correlate
from aipolicy.core.identify import identify
from aipolicy.core.model import Confidence, Finding, Observation
from aipolicy.core.place import container_of, place_in
from aipolicy.core.tools import catalog_from
from aipolicy.core.wire import finding_key, home_relative
from sights import ALICE, executable, native, package, process
from tool_files import BOTH

CATALOG = catalog_from(BOTH)
TWO = ("acme:ACME_CODE_FIRST_MARK", "acme:ACME_CODE_SECOND_MARK")


def together(*seen: Observation) -> tuple[Finding, ...]:
    return correlate(seen, [f for one in seen for f in identify(one, CATALOG)], CATALOG)


def test_one_path_in_two_containers_and_here_is_three_findings() -> None:
    here = executable(native("/opt/x/notes", marks=TWO))
    found = together(here, replace(here, container="3f2a8c11d0e4"), replace(here, container="ns-4026532177"))
    assert [f.path for f in found] == [
        "/opt/x/notes",
        "3f2a8c11d0e4:/opt/x/notes",
        "ns-4026532177:/opt/x/notes",
    ]
    assert [f.form for f in found] == ["native", "native in a container", "native in a container"]
    assert len({finding_key(f) for f in found}) == 3


def test_an_install_and_its_parts_in_one_container_are_one() -> None:
    modules = "/usr/lib/node_modules/@acme/code"
    whole = package("npm", "@acme/code", version="1.2.3", path=modules, form="npm global")
    part = executable(native(f"{modules}/bin/acme", marks=TWO))
    (found,) = together(replace(part, container="ns-1"), replace(whole, container="ns-1"))
    assert (found.path, found.form, found.confidence) == (
        f"ns-1:{modules}",
        "npm global in a container",
        Confidence.CERTAIN,
    )


@pytest.mark.parametrize(
    ("runs_in", "sure"),
    [(None, Confidence.POSSIBLE), ("ns-2", Confidence.POSSIBLE), ("ns-1", Confidence.LIKELY)],
)
def test_a_package_in_a_container_backs_a_title_there(runs_in: str | None, sure: Confidence) -> None:
    whole = replace(package("npm", "@acme/code", owner=ALICE), container="ns-1")
    titled = replace(process("acme", native("/usr/bin/node")), container=runs_in, contained=True)
    running = [f for f in together(titled, whole) if f.pid is not None]
    assert [f.confidence for f in running] == [sure]


def test_one_program_that_runs_in_two_containers_is_two_findings() -> None:
    one = replace(process("notes", native("/opt/notes", marks=TWO)), contained=True)
    found = together(replace(one, container="ns-1"), replace(one, container="ns-2", pid=one.pid + 1))
    assert [(f.path, f.form) for f in found] == [
        ("ns-1:/opt/notes", "process in another namespace"),
        ("ns-2:/opt/notes", "process in another namespace"),
    ]


@pytest.mark.parametrize("container", ["3f2a8c11d0e4", "ns-4026532177", "ns-4026532177-2", "/var/lib/jail"])
def test_a_place_names_its_container(container: str) -> None:
    assert container_of(place_in(container, "/opt/a:/b")) == container
    assert container_of("/opt/b") is None
    assert container_of("C:\\Users\\ann") is None
    assert place_in(container, "deb:goose") == "deb:goose"


def test_homes_in_containers_leave_the_machine_as_a_tilde() -> None:
    assert home_relative("ns-1:/home/carol/bin/x", ["/home/ann"]) == "ns-1:~/bin/x"
    assert home_relative("ns-1:/home/ann/bin/x", ["/home/ann"]) == "ns-1:~/bin/x"
    assert home_relative("/home/ann/jail:/opt/x", ["/home/ann"]) == "~/jail:/opt/x"
    assert home_relative("ns-1:/opt/x", ["/home/ann"]) == "ns-1:/opt/x"
