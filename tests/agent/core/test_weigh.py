"""How sure clues make us: more clues, never less so; a file that cannot be the tool, hardly at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from aipolicy.core.evidence_index import Clue
from aipolicy.core.identify import identify
from aipolicy.core.model import Confidence, FileFacts, FileKind, Process
from aipolicy.core.tool import Kind
from aipolicy.core.toolexample import plain_file
from aipolicy.core.tools import catalog_from
from aipolicy.core.weigh import GROUNDS, ORDER, ground, met, weigh
from sights import ALICE, executable, native, process, reference, script
from tool_files import ACME

SMALLEST = 5_000_000
SIZED = ACME.replace("versions:\n", f"smallest: {SMALLEST}\nversions:\n", 1).replace(
    "{npm: test", "{smallest: test, npm: test"
)
CATALOG = catalog_from({"acme.yaml": SIZED})
PLACE = "/home/alice/.local/share/acme/versions/1.2.3"
MARKS = ("acme:ACME_CODE_FIRST_MARK", "acme:ACME_CODE_SECOND_MARK")


def rank(sure: Confidence | None) -> int:
    """Greater is surer."""
    return 0 if sure is None else len(ORDER) - ORDER.index(sure)


def how_sure(file: FileFacts) -> Confidence | None:
    found = identify(executable(file), CATALOG)
    return found[0].confidence if found else None


def test_the_grounds_stand_surest_first_and_have_names_of_their_own() -> None:
    assert [ground.sure for ground in GROUNDS] == sorted((g.sure for g in GROUNDS), key=ORDER.index)
    assert len({ground.name for ground in GROUNDS}) == len(GROUNDS)


CLUES = st.builds(
    Clue, tool=st.just("acme"), kind=st.sampled_from(Kind), value=st.sampled_from(["a", "acme", "other"])
)


@given(st.sets(CLUES), st.sets(CLUES), st.booleans(), st.booleans())
def test_a_further_clue_never_makes_us_less_sure(
    some: set[Clue], more: set[Clue], whole: bool, named: bool
) -> None:
    fewer = weigh(some, whole=whole, under_its_name=named)
    assert rank(weigh(some | more, whole=whole, under_its_name=named)) >= rank(fewer)


@given(st.sets(CLUES), st.booleans())
def test_to_be_the_packages_own_code_under_its_own_name_never_makes_us_less_sure(
    clues: set[Clue], whole: bool
) -> None:
    under = rank(weigh(clues, whole=whole))
    assert under >= rank(weigh(clues, whole=whole, under_its_name=False))
    assert rank(weigh(clues, whole=True)) >= under


@given(st.sets(CLUES))
def test_what_decides_is_a_row_of_the_table(clues: set[Clue]) -> None:
    decisive = ground(met(clues, whole=False))
    assert (decisive.sure if decisive else None) is weigh(clues, whole=False)


# --- a file that cannot be the tool ------------------------------------------------------------------------

FILES = st.builds(
    plain_file,
    st.sampled_from([PLACE, "/usr/share/acme/acme", "/home/alice/bin/acme", "/home/alice/bin/x"]),
    st.sampled_from([FileKind.ELF, FileKind.PE, FileKind.SCRIPT]),
    marks=st.sampled_from([(), MARKS[:1], MARKS]),
    size=st.sampled_from([40_000, 999_999, SMALLEST - 1, SMALLEST, 100_000_000]),
    signer=st.sampled_from([None, "ACMETEAM01"]),
    package=st.sampled_from([None, reference("npm", "@acme/code"), reference("deb", "acme")]),
)


@given(FILES, st.sampled_from(["marks", "signer", "package"]))
def test_a_file_with_less_evidence_is_never_surer(file: FileFacts, lost: str) -> None:
    less = replace(file, **{lost: () if lost == "marks" else None})
    assert rank(how_sure(less)) <= rank(how_sure(file))
    one = replace(file, marks=file.marks[:1])
    assert rank(how_sure(one)) <= rank(how_sure(file))


@pytest.mark.parametrize(
    ("file", "sure"),
    [
        (native(PLACE, size=SMALLEST - 1), Confidence.POSSIBLE),
        (script(PLACE, size=100), Confidence.POSSIBLE),
        (native(PLACE, size=SMALLEST), Confidence.LIKELY),  # perhaps its next version, with other marks
        (native(PLACE, size=SMALLEST - 1, marks=MARKS[:1]), Confidence.CERTAIN),
        (native(PLACE, size=40_000, marks=MARKS[:1]), Confidence.LIKELY),
        (native("/usr/share/acme/acme", size=40_000), Confidence.POSSIBLE),
        (replace(native(PLACE), interpreter="node"), Confidence.POSSIBLE),
    ],
)
def test_a_file_at_the_tools_place_that_cannot_be_the_tool_is_only_possible(
    file: FileFacts, sure: Confidence
) -> None:
    assert how_sure(file) is sure
    if file.interpreter is None and file.kind is FileKind.ELF:
        (finding,) = identify(process("notes", file), CATALOG)
        assert finding.confidence is sure


def test_what_could_not_be_read_is_judged_by_its_place() -> None:
    unread = Process(pid=9, started=1, owner=ALICE, name="1.2.3", exe=PLACE)
    assert [finding.confidence for finding in identify(unread, CATALOG)] == [Confidence.LIKELY]


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        (native(PLACE, size=999_999), "place"),
        (native(PLACE, size=1_000_000), "path"),
        (script(PLACE, size=100), "path"),  # it may start the tool
        (replace(native(PLACE), interpreter="python"), "place"),
    ],
)
def test_of_a_tool_that_says_no_smallest_size_only_tiny_programs_are_another(
    file: FileFacts, kind: str
) -> None:
    (finding,) = identify(executable(file), catalog_from({"acme.yaml": ACME}))
    assert [evidence.kind for evidence in finding.because] == [kind]


def test_the_evidence_says_that_the_place_alone_speaks() -> None:
    (finding,) = identify(executable(native(PLACE, size=40_000)), CATALOG)
    assert [evidence.kind for evidence in finding.because] == ["place"]
