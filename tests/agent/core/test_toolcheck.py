"""Whether a tool file keeps its word is noticed: examples, versions, evidence that nothing needs."""

import re
from collections.abc import Iterable

from aipolicy.core.toolcheck import faults
from aipolicy.core.tools import catalog_from
from aipolicy.core.unproved import unproved
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


def unneeded(text: str, **more: str) -> list[tuple[int, str]]:
    catalog = catalog_from({"x.yaml": text, **{f"{name}.yaml": other for name, other in more.items()}})
    tool = next(tool for tool in catalog.tools if tool.file == "x.yaml")
    return [(fault.line, fault.message) for fault in unproved(tool, catalog)]


def test_evidence_that_no_example_needs() -> None:
    assert [message for _line, message in unneeded(OTHER)] == [
        "no example needs the content evidence 'OTHER_TOOL_FIRST_MARK'",
        "no example needs the content evidence 'OTHER_TOOL_SECOND_MARK'",
    ]


def test_each_alternative_of_a_line_is_needed_by_an_example() -> None:
    text = OTHER.replace("npm: [other-tool]", 'npm: ["other-{tool,x,y}", z]')
    assert unneeded(text)[:2] == [
        (7, "no example needs the npm evidence 'other-x', 'other-y'"),
        (7, "no example needs the npm evidence 'z'"),
    ]
    shown = text.replace("npm: other-tool", 'npm: ["other-{tool,x,y}", z]')
    assert not any("npm" in message for _line, message in unneeded(shown))


def test_a_place_that_only_gives_the_version_is_needed_where_an_example_reads_it() -> None:
    text = OTHER.replace("  content", '  path: ["~/o/{version}"]\n  content')
    text = text.replace("npm: test,", "npm: test, path: test,")
    example = "  - {is: certain, program: /home/u/o/1.2.3, marks: [%s]%s}\n"
    marks = "OTHER_TOOL_FIRST_MARK, OTHER_TOOL_SECOND_MARK"
    unread = text.replace("not: []", example % (marks, "") + "not: []")
    read = text.replace("not: []", example % (marks, ", reads: 1.2.3") + "not: []")
    assert any("path" in message for _line, message in unneeded(unread))
    assert not any("path" in message for _line, message in unneeded(read))


def test_a_version_mark_is_needed_where_an_example_reads_its_version() -> None:
    said = "no example needs the version mark 'acme-user-agent/'"
    line = line_of(ACME, "acme-user-agent")
    assert (line, said) in unneeded(ACME)
    example = "{is: certain, program: /x, marks: [ACME_CODE_FIRST_MARK, ACME_CODE_SECOND_MARK], text: '%s'%s}"
    assert (line, said) in unneeded(with_example(example % ("acme-user-agent/1.0.0", "")))
    assert (line, said) not in unneeded(with_example(example % ("acme-user-agent/1.0.0", ", reads: 1.0.0")))


FORK = OTHER.replace("id: other", "id: fork\nsame-code: [acme]")
FORKS = "  - {is: certain, program: /x, kind: script, of: 'npm:other-tool@1.0.0', marks-of: {acme: [%s]}}\n"


def test_same_code_is_needed_where_an_example_holds_the_others_marks() -> None:
    said = (2, "no example needs the same-code 'acme'")
    marks = "ACME_CODE_FIRST_MARK, ACME_CODE_SECOND_MARK"
    assert said in unneeded(FORK, acme=ACME)
    proved = FORK.replace("not: []", FORKS % marks + "not: []")
    assert said not in unneeded(proved, acme=ACME)


def test_an_example_in_which_another_tool_is_certain_too() -> None:
    text = OTHER.replace("not: []", FORKS % "ACME_CODE_FIRST_MARK, ACME_CODE_SECOND_MARK" + "not: []")
    catalog = catalog_from({"x.yaml": text, "acme.yaml": ACME})
    found = [fault for fault in faults(catalog.by_id["other"], catalog) if fault.code == "T054"]
    assert [(fault.line, fault.message) for fault in found] == [
        (12, "the example is certain, and so is acme")
    ]


def test_the_smallest_size_is_needed_where_an_example_is_smaller() -> None:
    sized = ACME.replace("versions:\n", "smallest: 5000000\nversions:\n", 1).replace(
        "{npm: test", "{smallest: test, npm: test"
    )
    said = (line_of(sized, "smallest: 5000000"), "no example needs `smallest`")
    assert said in unneeded(sized)
    example = "  - {is: possible, program: /home/u/.local/share/acme/versions/1.0.0, size: 2000000}\n"
    assert said not in unneeded(sized.replace("not:\n", f"{example}not:\n"))


def test_observations_that_were_made_together() -> None:
    text = with_example('{is: likely, all: [{process: acme, exe: /usr/bin/node}, {npm: "@acme/code"}]}')
    assert said(text) == []
    text = with_example(
        '{is: possible, all: [{process: acme, exe: /usr/bin/node}, {npm: "@acme/code", owner: root}]}'
    )
    assert [message for _line, message in said(text)] == [
        "the example comes out as likely, and it says possible"
    ]


def test_the_example_that_is_suggested_proves_the_value() -> None:
    text = ACME
    for _round in range(100):
        tool = catalog_from({"x.yaml": text}).tools[0]
        missing = unproved(tool, catalog_from({"x.yaml": text}))
        proofs = [found[1] for fault in missing if (found := re.search("`(.*)`", fault.suggestion))]
        new = [proof for proof in proofs if proof not in text]
        if not new:
            break
        text = text.replace("examples:\n", f"examples:\n  {new[0]}\n")
    left = [fault.message for fault in faults(tool, catalog_from({"x.yaml": text})) if fault.code != "T050"]
    # a name of two letters is nobody's, and a version is read from a text that only the tool's maker knows
    assert left == [
        "no example needs the executable evidence 'ac'",
        "no example needs the version mark 'acme-user-agent/'",
    ]
