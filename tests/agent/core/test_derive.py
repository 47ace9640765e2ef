"""How a finding came about and what would make it certain, told from the table that decides it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aipolicy.core.correlate import correlate
from aipolicy.core.derive import Derivation, derivation, lacks, strengths
from aipolicy.core.identify import identify
from aipolicy.core.model import Confidence, FileKind, Finding, Observation
from aipolicy.core.nothing import why_nothing
from aipolicy.core.tool import Kind, Tool
from aipolicy.core.toolexample import plain_file
from aipolicy.core.tools import catalog_from
from aipolicy.core.weigh import GROUNDS, Met, ground
from sights import ROOT, executable, extension, native, package, process, reference, script
from tool_files import BOTH, OTHER

CATALOG = catalog_from(BOTH)
TOOL = CATALOG.by_id["acme"]
ONE = ("acme:ACME_CODE_FIRST_MARK",)
TWO = (*ONE, "acme:ACME_CODE_SECOND_MARK")
OWN = reference("npm", "@acme/code", "1.2.3", "/np/lib/node_modules/@acme/code")
SURE = {row.name: row.sure for row in GROUNDS}


def derived(*seen: Observation) -> tuple[Finding, Derivation]:
    (finding,) = correlate(seen, [f for one in seen for f in identify(one, CATALOG)], CATALOG)
    return finding, derivation(finding, seen, CATALOG)


def kinds(how: Derivation) -> list[tuple[str, ...]]:
    return [lack.kinds for lack in how.certain_if]


@pytest.mark.parametrize(
    ("seen", "decided"),
    [
        (executable(native("/x/notes", marks=TWO)), "two marks"),
        (executable(native("/x/notes", marks=ONE, signer="ACMETEAM01")), "backed mark"),
        (package("npm", "@acme/code"), "own package"),
        (package("deb", "acme", path="/usr/share/acme/acme"), "system package in place"),
        (executable(native("/x/notes", package=reference("app", "com.acme.desktop"))), "product"),
        (executable(native("/x/notes", package=reference("electron", "acme-desktop"))), "electron name"),
        (package("npm", "@acme/code", path="/p/node_modules/memo"), "package under another name"),
        (executable(native("/x/notes", marks=ONE)), "one mark"),
        (executable(native("/usr/share/acme/acme")), "place"),
        (package("brew", "acme-code"), "store or carrier"),
        (executable(native("/x/acme", signer="ACMETEAM01")), "signed name"),
        (package("deb", "acme"), "system package"),
        (executable(native("/x/acme")), "name"),
        (process("acme", native("/usr/bin/node")), "name"),
    ],
)
def test_the_row_of_the_table_that_decided_is_named(seen: Observation, decided: str) -> None:
    finding, how = derived(seen)
    assert (how.ground, SURE[how.ground]) == (decided, finding.confidence)
    assert how.words
    assert [step.ground for step in how.steps] == [decided]
    assert (how.certain_if == ()) is (finding.confidence is Confidence.CERTAIN)


def test_a_name_lacks_two_marks_or_a_package() -> None:
    _finding, how = derived(executable(native("/x/acme")))
    assert kinds(how) == [
        (Kind.CONTENT, Kind.CONTENT), (Kind.NPM,), (Kind.PYPI,), (Kind.EXTENSION,), (Kind.PLUGIN,),
        (Kind.PRODUCT,),
    ]  # fmt: skip
    assert how.certain_if[1].values == ("@acme/code", "@acme/code-{linux,darwin}-x64")


def test_one_mark_lacks_a_second_or_anything_that_backs_it() -> None:
    _finding, how = derived(executable(native("/x/notes", marks=ONE)))
    assert (Kind.CONTENT,) in kinds(how)
    assert {(Kind.PATH,), (Kind.SIGNER,), (Kind.BREW,), (Kind.DEB,), (Kind.NPM,)} <= set(kinds(how))
    assert not {(Kind.BUNDLE,), (Kind.EXECUTABLE,), (Kind.TITLE,)} & set(kinds(how))


def test_a_package_under_another_name_lacks_its_own() -> None:
    _finding, how = derived(package("npm", "@acme/code", path="/p/node_modules/memo"))
    assert any("a folder of its own name" in lack.words for lack in how.certain_if)


def test_two_observations_that_only_together_are_certain() -> None:
    seen = (package("deb", "acme", owner=ROOT), executable(native("/usr/share/acme/acme"), owner=ROOT))
    finding, how = derived(*seen)
    assert (finding.confidence, how.ground) == (Confidence.CERTAIN, "system package in place")
    assert [step.sure for step in how.steps] == [Confidence.POSSIBLE, Confidence.LIKELY]


def other_with(evidence: str) -> Tool:
    """The other tool with only this evidence: kinds and values."""
    kinds = re.findall(r"(\S+): ", evidence)
    text = OTHER.replace("npm: [other-tool]\n", f"{evidence}\n")
    text = text.replace("  content: [OTHER_TOOL_FIRST_MARK, OTHER_TOOL_SECOND_MARK]\n", "")
    text = text.replace("{npm: test, content: test}", f"{{{', '.join(f'{kind}: test' for kind in kinds)}}}")
    return catalog_from({"other.yaml": text}).tools[0]


def test_what_no_single_clue_can_do_two_may() -> None:
    tool = other_with("deb: [other]\n  path: [/opt/other/other]\n  executable: [other]")
    name = Met(kinds=frozenset({Kind.EXECUTABLE}), says_its_name=True)
    assert [lack.kinds for lack in lacks(name, tool)] == [(Kind.DEB, Kind.PATH)]


def test_what_nothing_known_can_make_certain() -> None:
    tool = other_with("electron: [other]\n  brew: [other]")
    assert lacks(Met(kinds=frozenset({Kind.BREW}), whole=True), tool) == ()


@given(
    st.builds(
        Met,
        kinds=st.frozensets(st.sampled_from([kind for kind in Kind if kind is not Kind.CONTENT])),
        whole=st.booleans(),
        under_its_name=st.booleans(),
    )
)
def test_a_lack_is_told_wherever_something_known_would_make_it_certain(what: Met) -> None:
    row = ground(what)
    certain = row is not None and row.sure is Confidence.CERTAIN
    assert (lacks(what, TOOL) == ()) is certain  # two content marks always would


def test_what_gives_a_tool_away_stands_surest_first() -> None:
    found = {each.kind: each for each in strengths(TOOL)}
    assert [each.alone for each in strengths(TOOL)] == sorted(
        (each.alone for each in found.values()), key=[*Confidence, None].index
    )
    assert found[Kind.NPM].alone is Confidence.CERTAIN
    assert found[Kind.CONTENT].alone is Confidence.LIKELY
    assert (Kind.CONTENT,) in [lack.kinds for lack in found[Kind.CONTENT].certain_with]
    assert found[Kind.SIGNER].alone is None
    assert found[Kind.NPM].certain_with == ()


# --- why nothing follows -----------------------------------------------------------------------------------

THIRD = OTHER.replace("other", "third").replace("OTHER", "THIRD").replace("Other", "Third")
MANY = catalog_from(BOTH | {"third.yaml": THIRD})


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (executable(native("/x/notes")), "/x/notes holds none of the 6 content marks of 3 tools"),
        (executable(native("/x/notes")), "/x/notes was found in no package of a tool"),
        (executable(native("/x/notes")), "no tool's installer puts a file at /x/notes"),
        (executable(native("/x/notes")), "no tool's program is called notes"),
        (
            executable(native("/x/acme", package=reference("npm", "acme"))),
            "the name acme is that of a program of npm:acme here",
        ),
        (executable(native("/x/acme", package=reference("npm", "acme"))), "no tool's package is npm:acme"),
        (
            executable(plain_file("/x/README", FileKind.OTHER, marks=TWO)),
            "/x/README is no program and no script (other): what stands in it is a mention",
        ),
        (executable(script("/x/s", marks=ONE)), "/x/s: it holds one mark, which in a script is a mention"),
        (
            executable(script("/x/s", marks=TWO, size=900)),
            "/x/s: it holds marks, and is smaller than any tool (1,000,000 bytes): it mentions them",
        ),
        (
            executable(native("/x/scan", marks=tuple(mark.id for mark in MANY.wanted.marks))),
            "/x/scan: it holds marks of 3 tools, as a list of tools does",
        ),
        (
            package("npm", "@acme/code", has_code=False),
            "npm:@acme/code is a tool's package, but its code is not there",
        ),
        (package("npm", "acme"), "no tool's package is npm:acme"),
        (extension("acme.theme"), "no tool's package is vscode-extension:acme.theme"),
        (
            executable(native("/x/ac")),
            "executable: ac speaks for acme, and is not enough to say anything",
        ),
        (process("x", "/x/x"), "its program could not be read"),
        (process("node", native("/usr/bin/node"), script="/x/s.js"), "its script /x/s.js could not be read"),
    ],
)
def test_it_is_said_what_was_sought_and_why_nothing_follows(seen: Observation, words: str) -> None:
    assert identify(seen, MANY) == ()
    assert words in list(why_nothing(seen, MANY))


def test_what_is_nothing_yet_says_what_would_make_it_the_tool() -> None:
    said = list(why_nothing(executable(native("/x/ac")), MANY))
    assert any(words.startswith("it would be acme if it holds two content marks") for words in said)
