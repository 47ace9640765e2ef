"""What one observation shows, told with a made-up tool so that no product's facts matter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aipolicy.core.identify import identify
from aipolicy.core.model import App, Confidence, FileFacts, FileKind, Finding, Observation, State
from aipolicy.core.toolexample import plain_file
from aipolicy.core.tools import catalog_from
from sights import ALICE, executable, extension, native, package, process, reference, script
from tool_files import ACME, BOTH, OTHER

CATALOG = catalog_from(BOTH)
ONE = ("acme:ACME_CODE_FIRST_MARK",)
TWO = (*ONE, "acme:ACME_CODE_SECOND_MARK")
OTHERS_TWO = ("other:OTHER_TOOL_FIRST_MARK", "other:OTHER_TOOL_SECOND_MARK")
NODE = native("/usr/bin/node")
PYTHON = native("/usr/bin/python3.11")
OWN = reference("npm", "@acme/code", "1.2.3", "/np/lib/node_modules/@acme/code")


def only(seen: Observation) -> Finding:
    (finding,) = identify(seen, CATALOG)
    return finding


def how_sure(seen: Observation) -> Confidence | None:
    found = identify(seen, CATALOG)
    return found[0].confidence if found else None


# --- packages --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ecosystem", "name", "sure"),
    [
        ("npm", "@acme/code", Confidence.CERTAIN),
        ("npm", "@acme/code-darwin-x64", Confidence.CERTAIN),
        ("pypi", "Acme.Code", Confidence.CERTAIN),
        ("jetbrains-plugin", "com.acme.code", Confidence.CERTAIN),
        ("npm", "@acme/sdk-linux-x64", Confidence.LIKELY),
        ("brew", "acme-code", Confidence.LIKELY),
        ("snap", "acme-code", Confidence.LIKELY),
        ("flatpak", "com.acme.Code", Confidence.LIKELY),
        ("flatpak", "acme-code", None),
        ("deb", "acme", Confidence.POSSIBLE),
        ("rpm", "acme", Confidence.POSSIBLE),
        ("npm", "acme", None),
        ("npm", "@ACME/code", None),
        ("pypi", "@acme/code", None),
        ("cargo", "@acme/code", None),
    ],
)
def test_a_package_is_as_good_as_its_registry(ecosystem: str, name: str, sure: Confidence | None) -> None:
    assert how_sure(package(ecosystem, name)) is sure
    assert how_sure(package(ecosystem, name, has_code=False)) is None


def test_a_deb_whose_program_lies_where_the_tools_does_is_certain() -> None:
    finding = only(package("deb", "acme", version="2.0-1", path="/usr/share/acme/acme", form="dpkg"))
    assert (finding.confidence, finding.version, finding.form) == (Confidence.CERTAIN, "2.0-1", "dpkg")


def test_what_a_carrier_states_is_not_the_tools_version() -> None:
    finding = only(package("npm", "@acme/sdk-linux-x64", version="9.9.9"))
    assert (finding.version, finding.form) == (None, "embedded in @acme/sdk-linux-x64")


def test_an_extension_is_found_in_its_editor_whatever_the_case_of_its_id() -> None:
    finding = only(extension("Acme.Code", editor="cursor", version="3.1.0"))
    assert (finding.confidence, finding.form) == (Confidence.CERTAIN, "extension in cursor")
    assert (finding.tool, finding.version, finding.state) == ("acme", "3.1.0", State.INSTALLED)
    assert how_sure(extension("acme.code", has_code=False)) is None


def test_an_application_is_likely_at_most() -> None:
    app = App(
        name="Acme", bundle_id="com.acme.desktop", path="/Applications/A.app", version="1.0", owner=ALICE
    )
    assert how_sure(app) is Confidence.LIKELY
    named = App(name="Acme Code", bundle_id=None, path="/Applications/A.app", version=None, owner=ALICE)
    assert how_sure(named) is None


# --- program files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "sure"),
    [
        (native("/home/alice/bin/notes", marks=TWO), Confidence.CERTAIN),
        (native("/home/alice/bin/notes", marks=ONE), Confidence.LIKELY),
        (native("/home/alice/bin/acme", marks=ONE), Confidence.LIKELY),
        (native("/home/alice/bin/notes", marks=ONE, signer="ACMETEAM01"), Confidence.CERTAIN),
        (native("/home/alice/bin/notes", signer="ACMETEAM01"), None),
        (native("/home/alice/bin/acme", signer="ACMETEAM01"), Confidence.LIKELY),
        (native("/home/alice/.local/share/acme/versions/1.2.3"), Confidence.LIKELY),
        (native("/home/alice/.local/share/acme/versions/1.2.3", marks=ONE), Confidence.CERTAIN),
        (native("/home/alice/x", package=reference("app", "com.acme.desktop")), Confidence.CERTAIN),
        (native("/home/alice/x", package=reference("app", "com.acme.other")), None),
        (native("/home/alice/x", package=reference("electron", "acme-desktop")), Confidence.LIKELY),
        (native("/home/alice/acme", package=reference("electron", "notes")), Confidence.POSSIBLE),
        (native("/home/alice/bin/acme"), Confidence.POSSIBLE),
        (native("/home/alice/bin/ac"), None),
        (native("/home/alice/bin/acme", package=reference("npm", "acme")), None),
        (native("/np/acme", package=OWN), Confidence.CERTAIN),
        (native("/np/vendor/rg", package=OWN), None),
        (native("/np/vendor/rg", package=OWN, marks=ONE), Confidence.CERTAIN),
        (script("/np/cli.js", package=OWN), Confidence.CERTAIN),
        (script("/np/install.cjs", package=OWN), None),
        (script("/np/postinstall.mjs", package=OWN), None),
        (plain_file("/home/alice/README", FileKind.OTHER, marks=TWO), None),
        (plain_file("/home/alice/acme", FileKind.OTHER, package=OWN), None),
    ],
)
def test_a_program_file(file: FileFacts, sure: Confidence | None) -> None:
    assert how_sure(executable(file)) is sure


def test_a_link_of_the_tools_name_counts_as_its_name() -> None:
    assert how_sure(executable(native("/opt/x"), found_as="/usr/bin/acme")) is Confidence.POSSIBLE


def test_the_version_is_the_files_own_then_its_packages_then_its_places() -> None:
    def version(file: FileFacts) -> str | None:
        return only(executable(file)).version

    place = "/home/alice/.local/share/acme/versions/3.3.3"
    assert version(native("/x", marks=TWO, version="1.1.1", package=OWN)) == "1.1.1"
    assert version(native("/np/acme", package=OWN)) == "1.2.3"
    assert version(native(place)) == "3.3.3"
    assert version(native(place, marks=ONE, version="1.1.1")) == "1.1.1"
    # without any mark of the tool the version that was read is another's
    assert version(native(place, version="9.9.9")) == "3.3.3"


def test_a_program_of_its_own_package_is_found_where_the_package_lies() -> None:
    finding = only(executable(script(f"{OWN.path}/cli.js", package=OWN)))
    assert (finding.path, finding.form) == (OWN.path, "npm package")


def test_a_program_in_another_package_is_embedded_there() -> None:
    other = reference("npm", "some-app", "7.0.0")
    finding = only(executable(native("/app/acme", marks=TWO, package=other)))
    assert (finding.confidence, finding.form) == (Confidence.CERTAIN, "embedded in some-app")
    assert (finding.path, finding.version) == ("/app/acme", None)


def test_what_certainly_is_one_tool_is_not_perhaps_another_one_that_it_mentions() -> None:
    mentions = native("/home/alice/bin/acme", marks=(*OTHERS_TWO, *ONE))
    assert [finding.tool for finding in identify(executable(mentions), CATALOG)] == ["other"]
    both = native("/home/alice/bin/x", marks=(*OTHERS_TWO, *TWO))
    assert {finding.tool for finding in identify(executable(both), CATALOG)} == {"acme", "other"}


@pytest.mark.parametrize(
    ("kind", "size", "marks", "sure"),
    [
        (FileKind.ELF, 50_000_000, TWO, Confidence.CERTAIN),
        (FileKind.ELF, 50_000_000, ONE, Confidence.LIKELY),
        (FileKind.ELF, 16_000, TWO, Confidence.LIKELY),  # a scanner in C: a hint, and no more
        (FileKind.ELF, 16_000, ONE, None),
        (FileKind.SCRIPT, 9_000_000, TWO, Confidence.CERTAIN),
        (FileKind.SCRIPT, 9_000_000, ONE, None),  # an application that bundles a vendor's SDK
        (FileKind.SCRIPT, 2_000, TWO, None),  # a wrapper, a scanner in Python
        (FileKind.ZIPAPP, 700_000, TWO, None),
    ],
)
def test_marks_count_in_a_file_that_can_be_a_tool(
    kind: FileKind, size: int, marks: tuple[str, ...], sure: Confidence | None
) -> None:
    file = plain_file("/home/alice/bin/notes", kind, marks=marks, size=size)
    assert how_sure(executable(file)) is sure
    if kind is FileKind.SCRIPT:
        assert how_sure(process("node", NODE, script=file)) is sure
    elif kind is FileKind.ELF:
        assert how_sure(process("notes", file)) is sure


def test_a_file_that_knows_many_tools_is_a_list_of_them() -> None:
    third = OTHER.replace("other", "third").replace("OTHER", "THIRD").replace("Other", "Third")
    catalog = catalog_from(BOTH | {"third.yaml": third})
    marks = tuple(mark.id for mark in catalog.wanted.marks)
    for kind in FileKind:
        assert identify(executable(plain_file("/opt/scanner", kind, marks=marks)), catalog) == ()
    named = plain_file("/opt/acme", FileKind.ELF, marks=marks)
    assert [f.confidence for f in identify(executable(named), catalog)] == [Confidence.POSSIBLE]


def test_a_fork_that_shares_the_code_is_told_by_its_own_package() -> None:
    fork = OTHER.replace("id: other", "id: fork\nsame-code: [acme]")
    catalog = catalog_from({"acme.yaml": ACME, "fork.yaml": fork})
    its_own = script("/x/cli.js", marks=TWO, package=reference("npm", "other-tool"))
    assert [finding.tool for finding in identify(executable(its_own), catalog)] == ["fork"]
    assert [f.tool for f in identify(executable(script("/x/cli.js", marks=TWO)), catalog)] == ["acme"]


# --- processes -------------------------------------------------------------------------------------------


def test_a_running_copy_under_another_name() -> None:
    finding = only(process("notes", native("/home/alice/bin/notes (deleted)", marks=TWO, version="1.2.3")))
    assert (finding.confidence, finding.version, finding.pid) == (Confidence.CERTAIN, "1.2.3", 100)
    assert (finding.state, finding.path, finding.form) == (State.RUNNING, "/home/alice/bin/notes", "process")


def test_a_script_is_known_by_its_package_and_the_interpreter_never() -> None:
    cli = script(f"{OWN.path}/cli.js", package=OWN)
    finding = only(process("node", NODE, script=cli))
    assert (finding.confidence, finding.path, finding.version) == (Confidence.CERTAIN, cli.path, "1.2.3")
    server = script("/srv/server.js", package=reference("npm", "my-server"))
    own_node = native(f"{OWN.path}/node", package=OWN)
    assert how_sure(process("node", own_node, script=server)) is None
    assert how_sure(process("acme", own_node, script=server)) is None


def test_a_script_needs_no_first_line_when_an_interpreter_runs_it() -> None:
    plain = plain_file(f"{OWN.path}/cli.mjs", FileKind.OTHER, package=OWN)
    assert how_sure(process("node", NODE, script=plain)) is Confidence.CERTAIN
    copied = plain_file("/home/alice/notes.mjs", FileKind.OTHER, marks=TWO)
    assert how_sure(process("node", NODE, script=copied)) is Confidence.CERTAIN


@pytest.mark.parametrize(
    "name", ["install.cjs", "postinstall.mjs", "preinstall.js", "uninstall.js", "prepack.js"]
)
def test_a_script_around_an_install_is_not_the_tool_at_work(name: str) -> None:
    assert how_sure(process("node", NODE, script=script(f"{OWN.path}/{name}", package=OWN))) is None


def test_a_module_is_known_by_its_distribution() -> None:
    own = script("/site/acme/__main__.py", package=reference("pypi", "acme-code", "4.0"))
    finding = only(process("python", PYTHON, module="acme", script=own))
    assert (finding.confidence, finding.version) == (Confidence.CERTAIN, "4.0")
    others = script("/site/acme/__main__.py", package=reference("pypi", "acme"))
    assert how_sure(process("python", PYTHON, module="acme", script=others)) is None
    assert how_sure(process("python", PYTHON, module="acme")) is Confidence.POSSIBLE
    assert how_sure(process("python", PYTHON, module="acme.tools")) is Confidence.POSSIBLE
    assert how_sure(process("python", PYTHON, module="http.server")) is None


def test_a_program_started_through_the_dynamic_loader() -> None:
    loader = native("/usr/lib64/ld-linux-x86-64.so.2")
    assert how_sure(process("ld-linux", loader, script=native("/x/notes", marks=TWO))) is Confidence.CERTAIN
    assert how_sure(process("ld-linux", loader, script=native("/np/rg", package=OWN))) is None
    assert how_sure(process("ld-linux", loader, script=native("/np/acme", package=OWN))) is Confidence.CERTAIN


def test_a_program_that_is_all_of_its_package_was_not_seen_through_the_dynamic_loader() -> None:
    """As PyInstaller makes it: the package is in the file."""
    loader = native("/usr/lib64/ld-linux-x86-64.so.2")
    notes = native("/x/notes", package=reference("pypi", "acme-code", "1.2.3", "/x/notes"))
    assert how_sure(process("notes", notes)) is Confidence.CERTAIN
    assert how_sure(process("ld-linux", loader, script=notes)) is Confidence.CERTAIN


@pytest.mark.parametrize("title", ["acme", "Acme At Work"])
def test_a_title_on_an_interpreter_is_possible_and_says_which_kind_of_evidence_it_is(title: str) -> None:
    finding = only(process(title, NODE))
    assert finding.confidence is Confidence.POSSIBLE
    assert [evidence.kind for evidence in finding.because] == ["title"]


def test_a_title_is_nothing_on_any_other_program_or_where_the_script_is_known() -> None:
    assert how_sure(process("acme", native("/usr/bin/sleep"))) is None
    assert how_sure(process("acme", NODE, script=script("/srv/server.js"))) is None


def test_what_could_not_be_read_is_judged_by_names_and_places() -> None:
    assert how_sure(process("acme", "")) is Confidence.POSSIBLE
    assert how_sure(process("acme", "/home/alice/bin/acme")) is Confidence.POSSIBLE
    place = "/home/alice/.local/share/acme/versions/1.2.3"
    assert how_sure(process("1.2.3", place)) is Confidence.LIKELY
    assert how_sure(process("node", NODE, script="/home/alice/bin/acme")) is Confidence.POSSIBLE
    assert how_sure(process("node", NODE, script=place)) is Confidence.LIKELY


# --- for all ---------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["acme", "ac", "Acme At Work", "node", "bash", "sleep", "notes", ""])
PATHS = st.sampled_from(
    ["/usr/bin/node", "/usr/bin/acme", "/opt/acme", "/usr/bin/python3", "/x/ac", "", "acme"]
)
FACTS = st.sampled_from([None, *FileKind])


@given(NAMES, PATHS, FACTS, st.none() | PATHS, FACTS)
def test_without_package_mark_or_place_nothing_is_ever_more_than_possible(
    name: str, exe: str, kind: FileKind | None, path: str | None, script_kind: FileKind | None
) -> None:
    file = plain_file(exe, kind) if kind else exe
    behind = plain_file(path, script_kind) if path and script_kind else path
    found = identify(process(name, file, script=behind), CATALOG)
    assert {finding.confidence for finding in found} <= {Confidence.POSSIBLE}
    assert all(finding.because for finding in found)
