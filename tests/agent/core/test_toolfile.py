"""A tool file: what is right is read as meant, what is wrong is said all at once, each at its place."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aipolicy.core.tool import STATED, Kind, Stop
from aipolicy.core.toolfile import KEYS, parse_tool_file
from aipolicy.core.yamlfile import YamlErrors
from tool_files import ACME, OTHER


def errors(text: str) -> list[tuple[int, int, str]]:
    with pytest.raises(YamlErrors) as caught:
        parse_tool_file(text, "acme.yaml")
    return [(p.line, p.column, p.message) for p in caught.value.problems]


def changed(old: str, new: str) -> str:
    assert old in ACME
    return ACME.replace(old, new, 1)


def test_a_tool_is_read_whole() -> None:
    tool = parse_tool_file(ACME, "acme.yaml").tool
    assert (tool.id, tool.name, tool.vendor, tool.category) == ("acme", "Acme Code", "acme-inc", "cli")
    assert (tool.aliases, tool.stop, tool.file) == (("acme-cli",), Stop.TERMINATE, "acme.yaml")
    assert list(tool.values(Kind.NPM)) == ["@acme/code", "@acme/code-linux-x64", "@acme/code-darwin-x64"]
    assert [mark.id for mark in tool.marks] == ["acme:ACME_CODE_FIRST_MARK", "acme:ACME_CODE_SECOND_MARK"]
    assert {rule.kind for rule in tool.evidence} == set(STATED)
    assert parse_tool_file(OTHER, "other.yaml").tool.stop is Stop.DENY_NEW


def test_every_error_is_said_at_once_and_where() -> None:
    text = """\
id: Acme Code
name: Acme
vendor: acme
category: clli
stop: kill
colour: red
evidence:
  npm: ["@acme/code", "not a name"]
  content: [SHORT, ACME_CODE_FIRST_MARK]
  telepathy: [x]
sources: {npm: test}
examples:
  - {is: surely, npm: "@acme/code"}
  - {npm: "@acme/code"}
  - {is: certain, npm: "@acme/code", pypi: x}
  - {is: certain}
not:
  - {is: certain, npm: acme}
"""
    found = errors(text)
    assert [(line, column) for line, column, _message in found] == [
        (1, 5), (4, 11), (5, 7), (6, 1), (8, 23), (9, 13), (9, 20), (10, 3),
        (13, 10), (14, 5), (15, 5), (16, 5), (18, 5),
    ]  # fmt: skip
    messages = " / ".join(message for _line, _column, message in found)
    assert "did you mean 'cli'?" in messages
    assert "no source says where the content evidence 'ACME_CODE_FIRST_MARK' is known from" in messages


@pytest.mark.parametrize(
    "key", ["id", "name", "vendor", "category", "evidence", "sources", "examples", "not"]
)
def test_what_is_needed_is_missed(key: str) -> None:
    lines = OTHER.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"{key}:"))
    end = next((i for i in range(start + 1, len(lines)) if not lines[i].startswith(" ")), len(lines))
    found = errors("\n".join(lines[:start] + lines[end:]) + "\n")
    assert f"a tool file needs the key '{key}'" in [message for _line, _column, message in found]


@pytest.mark.parametrize(
    ("kind", "value", "fault"),
    [
        ("npm", "@acme", "npm has no such names"),
        ("npm", "Acme", "npm has no such names"),
        ("pypi", "acme code", "PyPI has no such names"),
        ("vscode-extension", "acme", "write publisher.name"),
        ("vscode-extension", "Acme.Code", "in lower case"),
        ("content", "ELEVEN_CHAR", "shorter than 12 characters"),
        ("content", "twelve\u00e9characters", "printable ASCII"),
        ("path", "relative/acme", "starts with / or ~/"),
        ("path", "/usr/share/../acme", "starts with / or ~/"),
        ("path", "/usr/share/acme/", "names a file"),
        ("path", "/opt/{version}/{version}/acme", "one {version}"),
        ("path", "/opt/acme[12]/acme", "only * and one {version}"),
        ("path", "/usr/bin/acme", "a name like any other"),
        ("path", "~/.local/bin/acme", "a name like any other"),
        ("executable", "bin/acme", "the file's name only"),
        ("bundle", "com acme", "no bundle id"),
        ("deb", "a b", "no package has such a name"),
    ],
)
def test_evidence_that_can_never_be_right(kind: str, value: str, fault: str) -> None:
    text = OTHER.replace("evidence:\n", f"evidence:\n  {kind}2: []\n").replace(f"  {kind}2: []\n", "")
    lines = [line for line in text.splitlines() if not line.startswith(f"  {kind}:")]
    lines.insert(lines.index("evidence:") + 1, f'  {kind}: ["{value}"]')
    lines = [
        line.replace("content: test", f"content: test, {kind}: test") if kind not in line else line
        for line in lines
    ]
    assert any(fault in message for _line, _column, message in errors("\n".join(lines) + "\n"))


def test_a_name_alone_is_no_evidence() -> None:
    text = OTHER.replace("  npm: [other-tool]\n", "  executable: [other]\n")
    text = text.replace("  content: [OTHER_TOOL_FIRST_MARK, OTHER_TOOL_SECOND_MARK]\n", "")
    found = errors(text.replace("{npm: test, content: test}", "{executable: test}"))
    assert "a name alone is no evidence: anybody may use it" in [message for _l, _c, message in found]


@pytest.mark.parametrize("kind", ["executable", "title", "signer", "deb", "rpm"])
def test_a_name_that_anybody_may_use_is_no_evidence(kind: str) -> None:
    assert without_evidence(f"{kind}: [other]", kind) == [
        ("a name alone is no evidence: anybody may use it", 7)
    ]


@pytest.mark.parametrize("evidence", ["npm: []", "content: []"])
def test_a_list_without_a_value_is_no_evidence(evidence: str) -> None:
    assert ("there is no evidence", 7) in without_evidence(evidence, "npm")


def without_evidence(line: str, kind: str) -> list[tuple[str, int]]:
    """What is wrong with the other tool when this is all its evidence."""
    text = OTHER.replace("  npm: [other-tool]\n", f"  {line}\n")
    text = text.replace("  content: [OTHER_TOOL_FIRST_MARK, OTHER_TOOL_SECOND_MARK]\n", "")
    with pytest.raises(YamlErrors) as caught:
        parse_tool_file(text.replace("{npm: test, content: test}", f"{{{kind}: test}}"), "other.yaml")
    assert all(problem.suggestion for problem in caught.value.problems)
    return [(problem.message, problem.line) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ("OTHER_TOOL_FIRST_MARK", "SHORT", "T011", 8),
        ("{npm: test, content: test}", '{npm: test, content: ""}', "T005", 9),
        ("{npm: test, content: test}", "{npm: test, content: test, deb: test}", "T021", 9),
        ("sources: {npm: test, content: test}\n", "", "T004", 1),
    ],
)
def test_the_error_says_where_and_what_to_do(old: str, new: str, code: str, line: int) -> None:
    assert old in OTHER
    with pytest.raises(YamlErrors) as caught:
        parse_tool_file(OTHER.replace(old, new), "other.yaml")
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.code) == ("other.yaml", line, code)
    assert problem.suggestion


def with_sources(said: str) -> str:
    return OTHER.replace("{npm: test, content: test}", f"{{npm: test, content: {said}}}")


def test_a_value_has_its_source_by_its_kind_or_by_its_group() -> None:
    both = "[{of: OTHER_TOOL_FIRST_MARK, from: here}, {of: [OTHER_TOOL_SECOND_MARK], unverified: memory}]"
    sources = parse_tool_file(with_sources(both), "other.yaml").tool.sources
    assert [(source.kind, source.values, source.text, source.verified) for source in sources] == [
        ("npm", ("other-tool",), "test", True),
        ("content", ("OTHER_TOOL_FIRST_MARK",), "here", True),
        ("content", ("OTHER_TOOL_SECOND_MARK",), "memory", False),
    ]
    (whole,) = parse_tool_file(with_sources("{unverified: memory}"), "other.yaml").tool.sources[1:]
    assert (whole.values, whole.verified) == (("OTHER_TOOL_FIRST_MARK", "OTHER_TOOL_SECOND_MARK"), False)


@pytest.mark.parametrize(
    ("said", "code", "line", "message"),
    [
        ("[]", "T020", 8, "no source says where the content evidence 'OTHER_TOOL_FIRST_MARK' is known from"),
        (
            "[{of: OTHER_TOOL_FIRST_MARK, from: x}]",
            "T020",
            8,
            "no source says where the content evidence 'OTHER_TOOL_SECOND_MARK' is known from",
        ),
        (
            "[{of: [OTHER_TOOL_FIRST_MARK, OTHER], from: x}]",
            "T021",
            9,
            "a source for 'OTHER', of which there is no content evidence",
        ),
        (
            "[{of: OTHER_TOOL_FIRST_MARK, from: x}, {of: OTHER_TOOL_FIRST_MARK, from: y}]",
            "T022",
            9,
            "a second source for 'OTHER_TOOL_FIRST_MARK'",
        ),
        ("{from: x, unverified: y}", "T023", 9, "a source says either `from` or `unverified`"),
        ("{of: OTHER_TOOL_FIRST_MARK, from: x}", "T023", 9, "`of` belongs to a list of sources"),
        ("[{from: x}]", "T004", 9, "a source of several needs the key 'of'"),
        ("[x]", "T001", 9, "a source of several is a mapping"),
    ],
)
def test_a_value_without_its_one_source_is_refused_at_its_line(
    said: str, code: str, line: int, message: str
) -> None:
    with pytest.raises(YamlErrors) as caught:
        parse_tool_file(with_sources(said), "other.yaml")
    assert (code, line, message) in [(p.code, p.line, p.message) for p in caught.value.problems]
    assert all(problem.suggestion for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("20 MB", "'20 MB' is no number of bytes"),
        ("-1", "'-1' is no number of bytes"),
        ("9" * 30, f"'{'9' * 30}' is no number of bytes"),
        ("20000000", "`smallest` says something of a tool with content marks and an installed path only"),
    ],
)
def test_the_smallest_size_is_a_number_of_bytes_of_a_tool_with_marks_and_places(
    value: str, message: str
) -> None:
    found = errors(OTHER.replace("sources: {", f"smallest: {value}\nsources: {{smallest: test, "))
    assert [said for _line, _column, said in found] == [message]


def test_a_source_for_what_is_not_claimed() -> None:
    found = errors(OTHER.replace("{npm: test,", "{npm: test, deb: test,"))
    assert [message for _l, _c, message in found] == ["a source for deb, of which there is no evidence"]


@pytest.mark.parametrize("pattern", ["(a+)+b", "(?:a|aa)*b", r"(\d+){20}b", "(a)*b", ".*" * 6 + "b"])
def test_a_version_pattern_that_could_be_compared_for_ever(pattern: str) -> None:
    text = changed('{before: "acme-user-agent/"}', f"{{before: 'acme-user-agent/', pattern: '{pattern}'}}")
    assert [message for _l, _c, message in errors(text) if "may take for ever" in message]


@pytest.mark.parametrize("pattern", ["(unclosed", r"(\d+)\.(\d+)"])
def test_a_version_pattern_is_a_regular_expression_with_one_group_at_most(pattern: str) -> None:
    text = changed('{before: "acme-user-agent/"}', f"{{before: 'acme-user-agent/', pattern: '{pattern}'}}")
    assert any("pattern" in message for _l, _c, message in errors(text))


def test_the_yaml_is_the_strict_dialect() -> None:
    assert any("twice" in message for _l, _c, message in errors(ACME + "id: again\n"))
    assert any("anchor" in message for _l, _c, message in errors(changed("name: Acme", "name: &a Acme")))
    text = changed("1.10", "1.10") if "1.10" in ACME else ACME
    assert parse_tool_file(text.replace("name: Acme Code", "name: no"), "a").tool.name == "no"


def test_a_list_of_heads_is_one_example_each() -> None:
    text = changed(
        '  - {is: certain, npm: "@acme/code"}',
        '  - {is: certain, npm: ["@acme/code", "@acme/x"], version: 1.10}',
    )
    examples = parse_tool_file(text, "acme.yaml").tool.examples
    assert [seen.package.name for e in examples for seen in e.saw] == ["@acme/code", "@acme/x"]  # type: ignore[union-attr]
    assert {seen.package.version for e in examples for seen in e.saw} == {"1.10"}  # type: ignore[union-attr]


@given(st.sampled_from(KEYS), st.text(max_size=40))
def test_whatever_stands_in_a_key_only_yaml_errors_are_raised(key: str, value: str) -> None:
    lines = [line for line in OTHER.splitlines() if not line.startswith(f"{key}:")]
    with contextlib.suppress(YamlErrors):
        parse_tool_file("\n".join([*lines, f"{key}: {value}"]), "x.yaml")


@pytest.mark.parametrize("before", ['""', "[]", "{a: b}"])
def test_a_version_mark_that_is_none_is_told_beside_an_example_that_has_a_text(before: str) -> None:
    example = "  - {is: certain, program: /x, marks: [ACME_CODE_FIRST_MARK], reads: 1.0, text: 'acme 1.0'}\n"
    text = changed('{before: "acme-user-agent/"}', f"{{before: {before}}}")
    text = text.replace('  - {is: certain, npm: "@acme/code"}\n', example)
    assert {"a value is missing", "a text belongs here"} & {message for _l, _c, message in errors(text)}
