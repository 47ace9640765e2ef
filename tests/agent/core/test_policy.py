"""The policy's text: what is right is read as meant, what is wrong is said all at once, each at its place."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aipolicy.core.model import Action
from aipolicy.core.policy import Kind, Policy, PolicyErrors, Selector, parse
from aipolicy.core.problem import Code, Problem
from policy_samples import KNOWN

BAD = Path(__file__).parents[2] / "policies" / "bad"


def policy(text: bytes | str, filename: str = "/etc/aipolicy/policy.yaml") -> Policy:
    return parse(text, filename, KNOWN)


def problems_of(text: bytes | str) -> tuple[Problem, ...]:
    with pytest.raises(PolicyErrors) as refused:
        policy(text)
    return refused.value.problems


# --- what is right ---------------------------------------------------------------------------------------


def test_the_simplest_policy_reports() -> None:
    read = policy("banned: [claude-code]\napproved: [qoder]\n")
    assert (read.mode, read.unlisted) == (Action.REPORT, Action.REPORT)
    assert [(str(e.selector), e.rule, e.action) for e in read.banned] == [
        ("claude-code", "policy.yaml:1", None)
    ]
    assert [(str(e.selector), e.rule) for e in read.approved] == [("qoder", "policy.yaml:2")]
    assert read.unlisted_rule == "policy.yaml: not listed"
    assert read.name == "policy"
    assert read.instead == ("Qoder",)


def test_everything_that_may_be_written() -> None:
    read = policy(
        """\
name: acme
mode: block
contact: https://it.acme.example/ai
message: "{tool} is banned: {reason}. Use {instead}. Ask {contact}."
unlisted: warn
banned:
  - claude
  - tool: vendor:ollama
    action: warn
    reason: runs models nobody checked
    message: >
      {tool} is
      not for us.
  - {tool: category:desktop, action: report}
  - "*"
approved:
  - qodercli
  - {tool: cursor, reason: the pilot, action: allow}
"""
    )
    assert (read.name, read.mode, read.contact) == ("acme", Action.BLOCK, "https://it.acme.example/ai")
    assert (read.unlisted, read.unlisted_rule) == (Action.WARN, "policy.yaml:5")
    assert [(e.selector.kind, e.selector.value, e.action, e.rule) for e in read.banned] == [
        (Kind.TOOL, "claude-code", None, "policy.yaml:7"),
        (Kind.VENDOR, "ollama", Action.WARN, "policy.yaml:8"),
        (Kind.CATEGORY, "desktop", Action.REPORT, "policy.yaml:14"),
        (Kind.ANY, "", None, "policy.yaml:15"),
    ]
    assert read.banned[1].reason == "runs models nobody checked"
    assert read.banned[1].message == "{tool} is not for us."
    assert [(e.selector, e.reason) for e in read.approved] == [
        (Selector(kind=Kind.TOOL, value="qoder"), ""),
        (Selector(kind=Kind.TOOL, value="cursor"), "the pilot"),
    ]
    assert read.instead == ("Qoder", "Cursor")


@pytest.mark.parametrize(
    "text",
    [
        "banned: []",
        "approved: []",
        "unlisted: block",
        "\ufeffbanned: [claude-code]",
        "banned: [claude-code]\r\napproved: [qoder]\r\n",
        '{"banned": ["claude-code"], "approved": ["qoder"]}',
        "---\nbanned: [claude-code]\n...\n",
        "# a comment\n\nbanned: # another\n- claude-code\n",
        "banned: [claude-code]\napproved: [claude-code]",
        "name: no\nbanned: []",
        "name: Müller & Söhne 日本\nbanned: []",
        "message: ''\nbanned: []",
        f"message: {'x' * 500}\nbanned: []",
        "approved: [{tool: qoder, message: it is fine}]",
        "banned: [qoder, {tool: qoder, from: 2026-10-01}]",
        "banned: [{tool: qoder, versions: '<2'}, {tool: qoder, versions: '>=2'}]",
        "banned: [{tool: qoder, versions: '<2'}]\napproved: [{tool: qoder, versions: '>=1'}]",
        "banned: [{tool: qoder, until: 2026-10-01}, {tool: qoder, from: 2026-10-02}]",
        "banned: [{tool: qoder, until: 2026-10-01}]\napproved: [{tool: qoder, from: 2026-10-01}]",
    ],
)
def test_is_right(text: str) -> None:
    assert policy(text) == policy(text)
    assert policy(text.encode()).banned == policy(text).banned


def test_every_scalar_is_text() -> None:
    read = policy("name: 1.10\ncontact: 010\nbanned: [{tool: qoder, reason: no}]")
    assert (read.name, read.contact, read.banned[0].reason) == ("1.10", "010", "no")


def test_the_version_is_the_texts() -> None:
    text = "banned: [claude-code]\n"
    assert policy(text).version == policy(text.encode()).version == "89d3625cd55f"
    assert policy(text + "\n").version != policy(text).version


@pytest.mark.parametrize(
    ("filename", "rule"),
    [
        ("policy.yaml", "policy.yaml:1"),
        ("C:\\ProgramData\\aipolicy\\acme.yml", "acme.yml:1"),
        ("/tmp/ev\x1b[2Jil\udcff.yaml", "ev\\x1b[2Jil\\xff.yaml:1"),
        ("", ":1"),
    ],
)
def test_a_rule_is_named_by_the_files_base_name(filename: str, rule: str) -> None:
    assert policy("banned: [qoder]", filename).banned[0].rule == rule


def test_a_banned_tool_is_not_recommended() -> None:
    assert policy("banned: [qoder]\napproved: [qoder, cursor, vendor:ollama]").instead == ("Cursor",)


# --- what is wrong ---------------------------------------------------------------------------------------

WRONG: dict[str, tuple[bytes | str, list[tuple[int, int, str]]]] = {
    "a list for a text": ("banned: []\nmessage: [a]\ncontact: {a: b}\n", [(2, 10, "E020"), (3, 10, "E020")]),
    "texts left out": ("banned: []\nname:\ncontact:\n", [(2, 6, "E021"), (3, 9, "E021")]),
    "null is no tool": ("banned: [~, null, '']\n", [(1, 10, "E025"), (1, 13, "E025"), (1, 19, "E025")]),
    "with CRLF": ("mode: block\r\nbanned:\r\n  - claude-code\r\n  - claud\r\n", [(4, 5, "E025")]),
    "a key of the other place": (
        "action: warn\nbanned: [{tool: qoder, mode: warn}]\n",
        [(1, 1, "E022"), (2, 24, "E022")],
    ),
    "a mistyped key of a scope": (
        "banned: []\nscopes: [{name: it, host: [a]}]\n",
        [(2, 10, "E044"), (2, 21, "E022")],
    ),
    "errors in a scope's lists": (
        "banned: []\nscopes:\n- name: it\n  tags: [it]\n  mode: of\n"
        "  banned: [qodr, {tool: cursor, grace: x}]\n  unlisted: kill\n  message: '{contact}'\n",
        [(5, 9, "E031"), (6, 12, "E025"), (6, 40, "E038"), (7, 13, "E032"), (8, 12, "E034")],
    ),
    "an exemption without anything": (
        "banned: []\nexemptions: [{}]\n",
        [(2, 14, "E042"), (2, 14, "E042"), (2, 14, "E042")],
    ),
    "lone braces": ("banned: []\nmessage: 'a } b { c'\n", [(2, 10, "E033"), (2, 10, "E033")]),
    "an alias": ("banned: &x [qoder]\napproved: *x\n", [(1, 9, "E009"), (2, 11, "E009")]),
    "not UTF-8": (b"banned: []\nname: M\xfcller\n", [(2, 8, "E002")]),
    "too deep": ("banned: " + "[" * 17 + "]" * 17, [(1, 24, "E007")]),
    "too large": ("banned: []\n#" + "x" * 4_000_000, [(1, 1, "E001")]),
}


@pytest.mark.parametrize("name", WRONG)
def test_is_wrong_at_line_and_column(name: str) -> None:
    text, expected = WRONG[name]
    assert [(p.line, p.column, p.code) for p in problems_of(text)] == expected


def test_every_code_has_a_wrong_policy() -> None:
    """Here, where there are several mistakes or no text a file could hold, or in tests/policies/bad."""
    tried = {code for _, expected in WRONG.values() for _, _, code in expected}
    tried |= {code for file in BAD.glob("*.txt") for code in re.findall(r"\[(E\d+)\]\n", file.read_text())}
    elsewhere = {Code.UNREADABLE, Code.TOO_MANY}  # no text has them alone: the file; 1,000 others before it
    assert tried == set(Code) - elsewhere


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("banned: [claud-code]", "unknown tool 'claud-code', did you mean 'claude-code'?"),
        ("banned: [\u0441laude-code]", r"unknown tool '\u0441laude-code', did you mean 'claude-code'?"),
        ("banned: [Claude Code]", "unknown tool 'Claude Code', did you mean 'claude-code'?"),
        ("banned: [qodercly]", "unknown tool 'qodercly', did you mean 'qoder'?"),
        ("banned: [anthropic]", "unknown tool 'anthropic', did you mean 'vendor:anthropic'?"),
        ("banned: [local-model]", "unknown tool 'local-model', did you mean 'category:local-model'?"),
        ("banned: [vendor:Anthropic]", "unknown vendor 'Anthropic', did you mean 'anthropic'?"),
        (
            "banned: [vender:anthropic]",
            "unknown selector 'vender:anthropic', did you mean 'vendor:anthropic'?",
        ),
        ("banned: [tool:qoder]", "unknown selector 'tool:qoder', did you mean 'qoder'?"),
        ("banned: [vim]", "unknown tool 'vim'"),
        ("aproved: [qoder]", "unknown key 'aproved', did you mean 'approved'?"),
        ("exemption: []", "unknown key 'exemption', did you mean 'exemptions'?"),
        (
            "banned: []\nprivacy: {retention: 90}",
            "retention is a number of days like 90d, not '90'",
        ),
        ("mode: Block\nbanned: []", "'Block' is no mode, did you mean 'block'?"),
        ("unlisted: warning", "'warning' is no action, did you mean 'warn'?"),
        ("banned: [{tool: qoder, versions: 1.7}]", "'1.7' is no bound of a version"),
        ("banned: [{tool: qoder, from: Oct 1}]", "from is a day like 2026-10-01, not 'Oct 1'"),
        ("banned: [{tool: qoder, until: 2026-02-29}]", "there is no day '2026-02-29'"),
        ("banned: [{tool: qoder, grace: 1m}]", "grace is a span of time like 7d, not '1m'"),
        ("banned: []\nmessage: '{tol}'", "unknown placeholder '{tol}', did you mean '{tool}'?"),
        ("banned:\napproved: []", "banned has no value"),
        ("banned: claude-code", "banned is a list, not the text 'claude-code'"),
        ("banned: [qoder, qodercli]", "'qoder' stands twice in banned, first in policy.yaml:1"),
    ],
)
def test_the_message(text: str, message: str) -> None:
    assert [p.message for p in problems_of(text)] == [message]


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("banned: claude-code", "write `banned: [claude-code]`"),
        ("banned:\n", "write `banned: []` for an empty list"),
        ("banned:\n- vendor: anthropic", "write vendor:NAME, without a space"),
        ("banned:\n- claude-code: block", "write `tool: claude-code`"),
        ("banned:\n- qoder\n - cursor", "two lines became one text: give each '- ' the same indentation"),
        ("banned: [*]", 'write "*" in quotes'),
        ("banned:[qoder]", "a key is followed by ': ', with a space"),
        ("banned: [{tool: qoder, versions: ^1.7.2}]", 'write ">=1.7.2, <2"'),
        ("banned: [{tool: qoder, versions: ~1.7}]", 'write ">=1.7, <1.8"'),
        ("banned: [{tool: qoder, versions: 1.7.x}]", 'write ">=1.7, <1.8"'),
        ("banned: [{tool: qoder, versions: 1.7 - 2}]", 'write bounds like ">=1.7, <2"'),
        (
            "banned: [{tool: qoder, versions: 1.7}]",
            'write "=1.7" for that version alone, ">=1.7" for it and later ones',
        ),
        ("banned: [{tool: qoder, from: 1.10.2026}]", "write 2026-10-01"),
        ("banned: [{tool: qoder, from: 2026/10/1}]", "write 2026-10-01"),
        ("banned: [{tool: qoder, from: 2026-10-01T08:00}]", "write 2026-10-01"),
        ("banned: [{tool: qoder, from: 10/01/2026}]", "write year, month and day: 2026-10-01"),
        ("banned: [{tool: qoder, grace: 7 days}]", "write hours, days or weeks: 48h, 7d, 2w"),
        ("approved: [{tool: qoder, grace: 7d}]", "`grace` belongs to an entry of banned"),
        ("banned: [vim]", "`aipolicy tools list` shows the ids of all tools"),
    ],
)
def test_what_to_do(text: str, suggestion: str) -> None:
    assert [p.suggestion for p in problems_of(text)] == [suggestion]


def test_every_error_at_once() -> None:
    text = """\
mode: Block
mode: warn
banned:
  - claud-code
  - {tool: cursor, versions: "1.7", action: allow}
  - vendor:antropic
  - qoder
  - {tool: qoder, reason: &x so}
aproved: [qoder]
message: "{user}"
"""
    assert [(p.line, p.column, p.code) for p in problems_of(text)] == [
        (1, 7, "E031"),
        (2, 1, "E008"),
        (4, 5, "E025"),
        (5, 30, "E041"),
        (5, 45, "E032"),
        (6, 5, "E026"),
        (8, 5, "E030"),
        (8, 27, "E009"),
        (9, 1, "E022"),
        (10, 10, "E033"),
    ]
    assert all(p.source_line == text.split("\n")[p.line - 1] for p in problems_of(text))


def test_100_000_wrong_entries_are_answered() -> None:
    text = "banned:\n" + "".join(f"- claude-{number}\n" for number in range(100_000))
    problems = problems_of(text)
    assert len(problems) == 1_001
    assert problems[-1].code == Code.TOO_MANY


# --- whatever the text -----------------------------------------------------------------------------------

KEYS = ("banned", "approved", "mode", "unlisted", "message", "contact", "name", "tool", "action", "scopes")
TEXTS = (
    "claude-code",
    "qoder",
    "vendor:anthropic",
    "category:cli",
    "*",
    "block",
    "warn",
    "allow",
    "{contact}",
)
ODD = ("", "claude-code", "~", "no", "1.10", "versions", "{tool}", "\u0441laude-code", "a\nb")
WORDS = st.sampled_from((*KEYS, *TEXTS, *ODD))
VALUES = st.recursive(
    WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
POLICY_LIKE = VALUES.map(lambda value: repr(value).replace("'", '"'))


def refusal(text: str) -> tuple[Problem, ...] | None:
    try:
        policy(text)
    except PolicyErrors as refused:
        return refused.problems
    return None


@given(st.text() | POLICY_LIKE)
def test_any_text_is_a_policy_or_refused_with_places(text: str) -> None:
    problems = refusal(text)
    assert problems is None or problems
    for problem in problems or ():
        assert problem.line >= 1
        assert 1 <= problem.column <= len(problem.source_line) + 1
        assert problem.code in set(Code)
        assert problem.message.isascii()
