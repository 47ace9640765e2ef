"""What several observations say together: one finding for one thing, and more evidence, never less."""

from hypothesis import given
from hypothesis import strategies as st

from aipolicy.core.correlate import correlate
from aipolicy.core.identify import identify
from aipolicy.core.model import Confidence, Finding, Observation, State
from aipolicy.core.tools import catalog_from
from aipolicy.core.wire import finding_key
from sights import ALICE, BOB, ROOT, executable, native, package, process, reference, script
from tool_files import BOTH

CATALOG = catalog_from(BOTH)
ONE = ("acme:ACME_CODE_FIRST_MARK",)
TWO = (*ONE, "acme:ACME_CODE_SECOND_MARK")
NODE = native("/usr/bin/node")
MODULES = "/np/lib/node_modules"


def together(*seen: Observation) -> tuple[Finding, ...]:
    return correlate(seen, [f for one in seen for f in identify(one, CATALOG)], CATALOG)


def main_package(version: str = "1.2.3", path: str = f"{MODULES}/@acme/code") -> Observation:
    return package("npm", "@acme/code", version=version, path=path, form="npm global")


# --- a process that hides its script ---------------------------------------------------------------------


def test_a_title_is_likely_where_its_owner_has_the_tools_package() -> None:
    installed, running = together(process("acme", NODE), main_package())
    assert (running.state, running.confidence, running.version) == (State.RUNNING, Confidence.LIKELY, "1.2.3")
    assert [e.kind for e in running.because] == ["npm", "title"]
    assert installed.confidence is Confidence.CERTAIN


def test_a_package_that_root_installed_is_everybodys() -> None:
    everybodys = package("npm", "@acme/code", owner=ROOT)
    assert together(process("acme", NODE, owner=BOB), everybodys)[1].confidence is Confidence.LIKELY


def test_another_users_package_backs_no_title() -> None:
    bobs = package("npm", "@acme/code", owner=BOB)
    running = next(f for f in together(process("acme", NODE), bobs) if f.state is State.RUNNING)
    assert (running.confidence, running.version) == (Confidence.POSSIBLE, None)


def test_a_package_without_code_or_of_another_kind_backs_no_title() -> None:
    for backing in (package("npm", "@acme/code", has_code=False), package("brew", "acme-code")):
        running = next(f for f in together(process("acme", NODE), backing) if f.state is State.RUNNING)
        assert running.confidence is Confidence.POSSIBLE


def test_of_two_installed_versions_none_is_guessed() -> None:
    seen = (process("acme", NODE), main_package("1.0.0", "/a/lib/x"), main_package("2.0.0", "/b/lib/x"))
    running = next(f for f in together(*seen) if f.state is State.RUNNING)
    assert (running.confidence, running.version) == (Confidence.LIKELY, None)


def test_a_program_of_the_tools_name_is_not_backed_by_its_package() -> None:
    running = next(
        f for f in together(process("acme", native("/tmp/acme")), main_package()) if f.state is State.RUNNING
    )
    assert running.confidence is Confidence.POSSIBLE


# --- system packages -------------------------------------------------------------------------------------


def test_a_deb_and_the_program_in_its_place_are_one_certain_install() -> None:
    deb = package("deb", "acme", version="2.0-1", path="/var/lib/dpkg/info/acme.list", owner=ROOT)
    (finding,) = together(deb, executable(native("/usr/share/acme/acme"), owner=ROOT))
    assert (finding.confidence, finding.version) == (Confidence.CERTAIN, "2.0-1")
    assert (finding.path, [e.kind for e in finding.because]) == (
        "/usr/share/acme/acme",
        ["deb", "path", "executable"],
    )


def test_the_process_of_that_program_is_certain_too() -> None:
    deb = package("deb", "acme", path="/var/lib/dpkg/info/acme.list", owner=ROOT)
    found = together(deb, process("acme", native("/usr/share/acme/acme")))
    assert {f.state: f.confidence for f in found} == {
        State.INSTALLED: Confidence.POSSIBLE,
        State.RUNNING: Confidence.CERTAIN,
    }


def test_a_deb_says_nothing_about_a_program_in_a_home() -> None:
    deb = package("deb", "acme", path="/var/lib/dpkg/info/acme.list", owner=ROOT)
    at_home = executable(native("/root/.local/share/acme/versions/1.0.0"), owner=ROOT)
    assert {f.confidence for f in together(deb, at_home)} == {Confidence.POSSIBLE, Confidence.LIKELY}


# --- one finding for one thing ---------------------------------------------------------------------------


def test_a_package_its_platform_package_and_its_program_are_one_install() -> None:
    main = reference("npm", "@acme/code", "1.2.3", f"{MODULES}/@acme/code")
    nested = f"{main.path}/node_modules/@acme/code-linux-x64"
    (finding,) = together(
        package("npm", "@acme/code-linux-x64", version="1.2.3", path=nested, form="npm global"),
        executable(native(f"{main.path}/bin/acme", marks=TWO, version="1.2.3", package=main)),
        main_package(),
    )
    assert (finding.path, finding.version, finding.form) == (main.path, "1.2.3", "npm global")
    assert [e.kind for e in finding.because] == ["content", "content", "npm", "npm", "executable"]


def test_a_platform_package_that_npm_laid_beside_the_main_one() -> None:
    beside = package(
        "npm", "@acme/code-linux-x64", version="1.2.3-linux-x64", path=f"{MODULES}/@acme/code-linux-x64"
    )
    (finding,) = together(beside, main_package())
    assert (finding.path, finding.version) == (f"{MODULES}/@acme/code", "1.2.3")


def test_a_platform_package_beside_the_main_one_in_pnpms_store() -> None:
    store = "/home/alice/.local/share/pnpm/global/5/.pnpm"
    main = f"{store}/@acme+code@1.2.3/node_modules/@acme/code"
    part = f"{store}/@acme+code-linux-x64@1.2.3/node_modules/@acme/code-linux-x64"
    beside = package("npm", "@acme/code-linux-x64", version="1.2.3", path=part)
    (finding,) = together(beside, main_package(path=main))
    assert (finding.path, finding.version) == (main, "1.2.3")


def test_a_part_that_states_no_version_belongs_to_what_it_lies_beside() -> None:
    beside = package("npm", "@acme/code-linux-x64", path=f"{MODULES}/@acme/code-linux-x64")
    assert [f.version for f in together(beside, main_package())] == ["1.2.3"]
    unknown = package("npm", "@acme/code", path=f"{MODULES}/@acme/code", form="npm global")
    known = package("npm", "@acme/code-linux-x64", version="1.2.3", path=f"{MODULES}/@acme/code-linux-x64")
    assert [(f.path, f.version) for f in together(known, unknown)] == [(f"{MODULES}/@acme/code", "1.2.3")]


def test_folders_of_like_names_are_not_inside_each_other() -> None:
    seen = (native("/opt/acme", marks=TWO), native("/opt/acme-old/acme", marks=TWO))
    assert len(together(*map(executable, seen))) == 2
    inside = (native("/opt/acme", marks=TWO), native("/opt/acme/bin/acme", marks=TWO))
    assert len(together(*map(executable, inside))) == 1


def test_two_versions_are_two_installs() -> None:
    inner = main_package("0.9.0", f"{MODULES}/app/node_modules/@acme/code")
    assert [f.version for f in together(main_package(), inner)] == ["1.2.3", "0.9.0"]


def test_two_owners_and_two_places_are_four_installs() -> None:
    seen = [
        package("npm", "@acme/code", path=f"{place}/lib/node_modules/@acme/code", owner=owner)
        for place in ("/a", "/b")
        for owner in (ALICE, BOB)
    ]
    assert len(together(*seen)) == 4


def test_a_program_in_a_package_of_the_python_world_is_its_package() -> None:
    dist = reference("pypi", "acme-code", "4.0", "/v/lib/python3/site-packages/acme_code-4.0.dist-info")
    (finding,) = together(
        executable(script("/v/bin/acme", package=dist)),
        package("pypi", "acme-code", version="4.0", path=dist.path, form="pipx"),
    )
    assert (finding.path, finding.form, finding.confidence) == (dist.path, "pipx", Confidence.CERTAIN)


def test_processes_of_one_program_and_owner_are_one_finding_with_the_lowest_id() -> None:
    file = native("/home/alice/bin/notes", marks=TWO)
    found = together(
        *(process("notes", file, pid=pid, owner=o) for pid, o in ((9, ALICE), (7, ALICE), (8, BOB)))
    )
    assert [(f.owner.name, f.pid) for f in found] == [("alice", 7), ("bob", 8)]


# --- for all ---------------------------------------------------------------------------------------------

OWNERS = st.sampled_from([ALICE, BOB, ROOT])
PLACES = st.sampled_from(
    [f"{MODULES}/@acme/code", f"{MODULES}/a/node_modules/@acme/code", "/usr/share/acme/acme"]
)
VERSIONS = st.sampled_from([None, "1.0.0", "1.0.0-linux-x64", "2.0.0"])
PACKAGES = st.builds(
    lambda kind, version, path, owner: package(*kind, version=version, path=path, owner=owner),
    st.sampled_from(
        [("npm", "@acme/code"), ("npm", "@acme/sdk-linux-x64"), ("deb", "acme"), ("npm", "other-tool")]
    ),
    VERSIONS,
    PLACES,
    OWNERS,
)
PROGRAMS = st.builds(
    lambda path, marks, owner: executable(native(path, marks=marks), owner=owner),
    PLACES | st.just("/home/alice/bin/acme"),
    st.sampled_from([(), ONE, TWO]),
    OWNERS,
)
PROCESSES = st.builds(
    lambda name, pid, owner: process(name, NODE, pid=pid, owner=owner),
    st.sampled_from(["acme", "node"]),
    st.integers(1, 9),
    OWNERS,
)


@given(st.lists(PACKAGES | PROGRAMS | PROCESSES, max_size=8))
def test_each_thing_once_in_a_fixed_order_and_nothing_less_sure_than_before(seen: list[Observation]) -> None:
    alone = [f for one in seen for f in identify(one, CATALOG)]
    found = correlate(seen, alone, CATALOG)
    keys = [finding_key(f) for f in found]
    assert len(set(keys)) == len(keys)
    assert found == correlate(list(reversed(seen)), list(reversed(alone)), CATALOG)
    assert {(f.tool, f.state, f.owner) for f in alone} == {(f.tool, f.state, f.owner) for f in found}
    certain = {(f.tool, f.state, f.owner) for f in alone if f.confidence is Confidence.CERTAIN}
    assert certain <= {(f.tool, f.state, f.owner) for f in found if f.confidence is Confidence.CERTAIN}
