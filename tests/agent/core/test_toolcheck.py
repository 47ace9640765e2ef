"""Whether a tool file keeps its word is noticed: examples, versions, evidence that nothing needs."""

from collections.abc import Iterable

from aipolicy.core.toolcheck import faults, unproved
from aipolicy.core.tools import catalog_from
from tool_files import ACME, OTHER


def said(text: str, shared: Iterable[str] = ()) -> list[tuple[int, str]]:
    """What is wrong with the tool, evidence that no example needs left aside."""
    catalog = catalog_from({"x.yaml": text})
    return [(f.line, f.message) for f in faults(catalog.tools[0], catalog, set(shared)) if f.code != "T053"]


def with_example(line: str) -> str:
    return ACME.replace('  - {is: certain, npm: "@acme/code"}', f"  - {line}")


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def test_an_example_that_comes_out_otherwise() -> None:
    text = with_example("{is: certain, program: /home/u/bin/x, marks: [ACME_CODE_FIRST_MARK]}")
    line = line_of(text, "program: /home/u/bin/x")
    assert said(text) == [(line, "the example comes out as likely, and it says certain")]


def test_an_example_that_is_not_recognised_at_all() -> None:
    text = with_example("{is: possible, npm: somebodys}")
    assert [message for _line, message in said(text)] == [
        "the example comes out as nothing, and it says possible"
    ]


def test_a_look_alike_that_is_recognised() -> None:
    text = ACME.replace("  - {npm: acme}", '  - {npm: "@acme/code"}')
    assert [message for _line, message in said(text)] == [
        "the example comes out as certain, and it says nothing"
    ]


def test_a_version_that_is_read_otherwise() -> None:
    marks = "[ACME_CODE_FIRST_MARK, ACME_CODE_SECOND_MARK]"
    example = f"{{is: certain, program: /x, marks: {marks}, reads: 1.0.0, text: '%s'}}"
    assert said(with_example(example % "acme-user-agent/1.0.0 x")) == []
    wrong = said(with_example(example % "acme-user-agent/2.0.0 x"))
    assert [message for _line, message in wrong] == ["the example reads version 2.0.0, and it says 1.0.0"]
    none = said(with_example(example % "nothing"))
    assert [message for _line, message in none] == ["the example reads version None, and it says 1.0.0"]


def test_a_mark_that_is_in_other_programs_too() -> None:
    (fault,) = said(ACME, ["ACME_CODE_SECOND_MARK"])
    assert "'ACME_CODE_SECOND_MARK' is known to be in other programs" in fault[1]
    assert fault[0] == line_of(ACME, "ACME_CODE_SECOND_MARK")


def test_a_mark_inside_a_text_of_other_programs_is_found_there_too() -> None:
    (fault,) = said(ACME, ["https://example.com/ACME_CODE_SECOND_MARK/issues"])
    assert "'ACME_CODE_SECOND_MARK' is known to be in other programs" in fault[1]
    assert said(ACME, ["SECOND_MARK"]) == []


def test_every_fault_says_what_to_do() -> None:
    text = with_example("{is: likely, npm: '@acme/code', version: 1.0.0, reads: 2.0.0}")
    text = text.replace("  - {npm: acme}", "  - {npm: acme}\n  - {npm: '@acme/code'}")
    text = text.replace("is: likely, npm: '@acme/code'", "is: certain, npm: '@acme/code'")
    catalog = catalog_from({"x.yaml": text})
    found = list(faults(catalog.tools[0], catalog, {"ACME_CODE_FIRST_MARK"}))
    assert {fault.code for fault in found} == {"T050", "T051", "T052", "T053"}
    assert all(fault.line > 1 and fault.suggestion for fault in found)


def test_evidence_that_no_example_needs() -> None:
    tool = catalog_from({"x.yaml": OTHER}).tools[0]
    assert [fault.message for fault in unproved(tool)] == [
        "no example needs the content evidence 'OTHER_TOOL_FIRST_MARK'",
        "no example needs the content evidence 'OTHER_TOOL_SECOND_MARK'",
    ]


def test_observations_that_were_made_together() -> None:
    text = with_example('{is: likely, all: [{process: acme, exe: /usr/bin/node}, {npm: "@acme/code"}]}')
    assert said(text) == []
    text = with_example(
        '{is: possible, all: [{process: acme, exe: /usr/bin/node}, {npm: "@acme/code", owner: root}]}'
    )
    assert [message for _line, message in said(text)] == [
        "the example comes out as likely, and it says possible"
    ]
