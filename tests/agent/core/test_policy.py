"""The policy's text: what is right is read as meant, what is wrong is said all at once, each at its place."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aipolicy.core.model import Action
from aipolicy.core.policy import Kind, Policy, PolicyErrors, Selector, parse
from aipolicy.core.problem import Code, Problem
from policy_samples import KNOWN


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
    "empty": ("", [(1, 1, "E005")]),
    "only a document start": ("---\n", [(2, 1, "E005")]),
    "empty mapping": ("{}", [(1, 1, "E024")]),
    "no rule": ("mode: block\ncontact: it@acme.example\n", [(1, 1, "E024")]),
    "a list": ("- claude-code\n", [(1, 1, "E020")]),
    "a text": ("claude-code\n", [(1, 1, "E020")]),
    "no space after the colon": ("banned:[claude-code]\n", [(1, 1, "E020")]),
    "unknown key": ("aproved: [qoder]\nbanned: []\n", [(1, 1, "E022")]),
    "unknown key alone": ("Banned: [claude-code]\n", [(1, 1, "E022")]),
    "a later version's keys": (
        "banned: []\nprivacy: {}\n",
        [(2, 1, "E023")],
    ),
    "versions in words": ("banned: [{tool: cursor, versions: old ones}]\n", [(1, 35, "E041")]),
    "a version alone": ("banned: [{tool: cursor, versions: 1.7}]\n", [(1, 35, "E041")]),
    "npm's range": ("banned: [{tool: cursor, versions: ^1.7}]\n", [(1, 35, "E041")]),
    "two upper bounds": ("banned: [{tool: cursor, versions: '<1, <2'}]\n", [(1, 35, "E041")]),
    "a bound and more": ("banned: [{tool: cursor, versions: '>=1 <2'}]\n", [(1, 35, "E041")]),
    "a bound that is no version": ("banned: [{tool: cursor, versions: '<latest'}]\n", [(1, 35, "E041")]),
    "no version is both": ("banned: [{tool: cursor, versions: '>=2, <1'}]\n", [(1, 35, "E039")]),
    "versions that overlap": (
        "banned:\n- {tool: cursor, versions: '<2'}\n- {tool: cursor, versions: '>=1.9'}\n",
        [(3, 3, "E040")],
    ),
    "versions and a day that overlap": (
        "banned:\n- {tool: cursor, versions: '<2'}\n- {tool: cursor, from: 2026-10-01}\n",
        [(3, 3, "E040")],
    ),
    "a list left out": ("banned:\napproved: [qoder]\n", [(1, 8, "E021")]),
    "a text for a list": ("banned: claude-code\n", [(1, 9, "E020")]),
    "null for a list": ("banned: ~\n", [(1, 9, "E020")]),
    "a mapping for a list": ("banned: {claude-code: block}\n", [(1, 9, "E020")]),
    "a list in a list": ("banned: [[claude-code]]\n", [(1, 10, "E020")]),
    "an item left out": ("banned:\n  -\n  - qoder\n", [(2, 4, "E021")]),
    "a list for a text": ("banned: []\nmessage: [a]\ncontact: {a: b}\n", [(2, 10, "E020"), (3, 10, "E020")]),
    "texts left out": ("banned: []\nname:\ncontact:\n", [(2, 6, "E021"), (3, 9, "E021")]),
    "unknown tool": ("banned: [claud-code]\n", [(1, 10, "E025")]),
    "null is no tool": ("banned: [~, null, '']\n", [(1, 10, "E025"), (1, 13, "E025"), (1, 19, "E025")]),
    "a look-alike letter": ("banned: [\u0441laude-code]\n", [(1, 10, "E025")]),
    "after wide letters": ("name: 日本\nbanned: [{reason: 日本, tool: claud}]\n", [(2, 29, "E025")]),
    "with CRLF": ("mode: block\r\nbanned:\r\n  - claude-code\r\n  - claud\r\n", [(4, 5, "E025")]),
    "a pattern": ("banned: [claude-*]\n", [(1, 10, "E025")]),
    "unknown vendor": ("banned: [vendor:antropic]\n", [(1, 10, "E026")]),
    "unknown category": ("banned: ['category:']\n", [(1, 10, "E027")]),
    "unknown selector": ("banned: [vender:anthropic]\n", [(1, 10, "E028")]),
    "a space too much": ("banned:\n  - vendor: anthropic\n", [(2, 5, "E022")]),
    "entry without tool": ("banned: [{reason: so}]\n", [(1, 10, "E029")]),
    "empty entry": ("banned: [{}]\n", [(1, 10, "E029")]),
    "tool left out": ("banned:\n  - tool:\n    reason: so\n", [(2, 10, "E021")]),
    "tool is a list": ("banned: [{tool: [qoder]}]\n", [(1, 17, "E020")]),
    "unknown entry key": ("banned: [{tool: qoder, acton: warn}]\n", [(1, 24, "E022")]),
    "a key of the other place": (
        "action: warn\nbanned: [{tool: qoder, mode: warn}]\n",
        [(1, 1, "E022"), (2, 24, "E022")],
    ),
    "another way to write a day": ("banned: [{tool: qoder, from: 1.10.2026}]\n", [(1, 30, "E037")]),
    "no such day": ("banned: [{tool: qoder, from: 2026-02-29}]\n", [(1, 30, "E037")]),
    "a year before computers": ("banned: [{tool: qoder, until: 0026-10-01}]\n", [(1, 31, "E037")]),
    "a day left out": ("banned:\n- tool: qoder\n  from:\n", [(3, 8, "E021")]),
    "a list for a day": ("banned: [{tool: qoder, until: [2026-10-01]}]\n", [(1, 31, "E020")]),
    "a span without a unit": ("banned: [{tool: qoder, grace: 7}]\n", [(1, 31, "E038")]),
    "a span in words": ("banned: [{tool: qoder, grace: 7 days}]\n", [(1, 31, "E038")]),
    "no time": ("banned: [{tool: qoder, grace: 0d}]\n", [(1, 31, "E038")]),
    "years": ("banned: [{tool: qoder, grace: 53w}]\n", [(1, 31, "E038")]),
    "a grace for what is allowed": ("approved: [{tool: qoder, grace: 7d}]\n", [(1, 26, "E022")]),
    "an end before the beginning": (
        "banned: [{tool: qoder, until: 2026-09-30, from: 2026-10-01}]\n",
        [(1, 49, "E039")],
    ),
    "two at once": (
        "banned:\n- {tool: qoder, until: 2026-10-01}\n- {tool: qoder, from: 2026-10-01}\n",
        [(3, 3, "E040")],
    ),
    "two that never end": (
        "approved:\n- {tool: qoder, from: 2026-10-01}\n- {tool: qodercli, from: 2027-10-01}\n",
        [(3, 3, "E040")],
    ),
    "scopes left out": ("banned: []\nscopes:\n", [(2, 8, "E021")]),
    "scopes as a mapping": ("banned: []\nscopes: {it: {mode: block}}\n", [(2, 9, "E020")]),
    "a scope as a text": ("banned: []\nscopes: [it]\n", [(2, 10, "E020")]),
    "a scope without a name": ("banned: []\nscopes: [{tags: [it], mode: block}]\n", [(2, 10, "E042")]),
    "a scope for nobody in particular": (
        "banned: []\nscopes: [{name: it, mode: block}]\n",
        [(2, 10, "E044")],
    ),
    "two scopes of one name": (
        "banned: []\nscopes:\n- {name: it, tags: [it]}\n- {name: it, os: [linux]}\n",
        [(4, 3, "E043")],
    ),
    "a user without a list": ("banned: []\nscopes: [{name: it, users: bob}]\n", [(2, 28, "E020")]),
    "no users": ("banned: []\nscopes: [{name: it, users: []}]\n", [(2, 28, "E045")]),
    "users left out": ("banned: []\nscopes:\n- name: it\n  users:\n", [(4, 9, "E021")]),
    "a pattern of users": ("banned: []\nscopes: [{name: it, users: ['b*']}]\n", [(2, 29, "E046")]),
    "a regular expression of hosts": (
        "banned: []\nscopes: [{name: it, hosts: ['^fin-[0-9]+$']}]\n",
        [(2, 29, "E046")],
    ),
    "an unheard-of system": ("banned: []\nscopes: [{name: it, os: [beos]}]\n", [(2, 26, "E047")]),
    "more than all": ("banned: []\nscopes: [{name: it, percent: 101}]\n", [(2, 30, "E048")]),
    "less than none": ("banned: []\nscopes: [{name: it, percent: -1}]\n", [(2, 30, "E048")]),
    "a mistyped key of a scope": (
        "banned: []\nscopes: [{name: it, host: [a]}]\n",
        [(2, 10, "E044"), (2, 21, "E022")],
    ),
    "errors in a scope's lists": (
        "banned: []\nscopes:\n- name: it\n  tags: [it]\n  mode: of\n"
        "  banned: [qodr, {tool: cursor, grace: x}]\n  unlisted: kill\n  message: '{contact}'\n",
        [(5, 9, "E031"), (6, 12, "E025"), (6, 40, "E038"), (7, 13, "E032"), (8, 12, "E034")],
    ),
    "an exemption for ever": ("banned: []\nexemptions: [{tool: qoder, ticket: A-1}]\n", [(2, 14, "E042")]),
    "an exemption without a ticket": (
        "banned: []\nexemptions: [{tool: qoder, until: 2026-10-01}]\n",
        [(2, 14, "E042")],
    ),
    "an exemption without anything": (
        "banned: []\nexemptions: [{}]\n",
        [(2, 14, "E042"), (2, 14, "E042"), (2, 14, "E042")],
    ),
    "an exemption's tool alone": ("banned: []\nexemptions: [qoder]\n", [(2, 14, "E020")]),
    "an exemption of a part": (
        "banned: []\nexemptions: [{tool: qoder, ticket: A-1, until: 2026-10-01, percent: 5}]\n",
        [(2, 60, "E022")],
    ),
    "a test without a tool": ("banned: []\ntests: [{expect: allow}]\n", [(2, 9, "E042")]),
    "a test that expects nothing": ("banned: []\ntests: [{tool: qoder}]\n", [(2, 9, "E042")]),
    "a test of a vendor": (
        "banned: []\ntests: [{tool: 'vendor:ollama', expect: allow}]\n",
        [(2, 16, "E049")],
    ),
    "a test of an unknown tool": ("banned: []\ntests: [{tool: qodr@1, expect: allow}]\n", [(2, 16, "E025")]),
    "a test that expects a kill": ("banned: []\ntests: [{tool: qoder, expect: kill}]\n", [(2, 31, "E032")]),
    "a test on an odd day": (
        "banned: []\ntests: [{tool: qoder, expect: allow, at: today}]\n",
        [(2, 42, "E037")],
    ),
    "a test seen after its day": (
        "banned: []\ntests: [{tool: qoder, expect: allow, at: 2026-09-01, first_seen: 2026-09-02}]\n",
        [(2, 66, "E039")],
    ),
    "a test of no system": (
        "banned: []\ntests: [{tool: qoder, expect: allow, os: amiga}]\n",
        [(2, 42, "E047")],
    ),
    "a test nowhere in a roll-out": (
        "banned: []\ntests: [{tool: qoder, expect: allow, rollout: first}]\n",
        [(2, 47, "E048")],
    ),
    "the same tool twice": ("banned: [qoder, cursor, qoder]\n", [(1, 25, "E030")]),
    "the same tool by its alias": ("approved:\n- qoder\n- {tool: qodercli}\n", [(3, 3, "E030")]),
    "the same vendor twice": ("banned: [vendor:ollama, vendor:ollama]\n", [(1, 25, "E030")]),
    "everything twice": ("banned: ['*', \"*\"]\n", [(1, 15, "E030")]),
    "the same key twice": ("banned: [qoder]\nbanned: [cursor]\n", [(2, 1, "E008")]),
    "mode allow": ("mode: allow\nbanned: []\n", [(1, 7, "E031")]),
    "mode in capitals": ("mode: Block\nbanned: []\n", [(1, 7, "E031")]),
    "mode off": ("mode: off\nbanned: []\n", [(1, 7, "E031")]),
    "mode left out": ("mode:\nbanned: []\n", [(1, 6, "E021")]),
    "mode is a list": ("mode: [warn]\nbanned: []\n", [(1, 7, "E020")]),
    "banned but allowed": ("banned: [{tool: qoder, action: allow}]\n", [(1, 32, "E032")]),
    "approved but blocked": ("approved: [{tool: qoder, action: block}]\n", [(1, 34, "E032")]),
    "unknown action": ("banned: [{tool: qoder, action: kill}]\n", [(1, 32, "E032")]),
    "unlisted unknown": ("unlisted: deny\n", [(1, 11, "E032")]),
    "unknown placeholder": ("banned: []\nmessage: '{tool} {user}'\n", [(2, 10, "E033")]),
    "empty placeholder": ("banned: []\nmessage: '{}'\n", [(2, 10, "E033")]),
    "lone braces": ("banned: []\nmessage: 'a } b { c'\n", [(2, 10, "E033"), (2, 10, "E033")]),
    "nobody to contact": ("banned: [{tool: qoder, message: 'ask {contact}'}]\n", [(1, 33, "E034")]),
    "a long message": (f"banned: []\nmessage: {'x' * 501}\n", [(2, 10, "E035")]),
    "a long reason": (f"banned: [{{tool: qoder, reason: {'x' * 501}}}]\n", [(1, 32, "E035")]),
    "a line break": ("banned: []\nmessage: |\n  a\n  b\n", [(2, 10, "E036")]),
    "a tab": ('banned: []\ncontact: "a\\tb"\n', [(2, 10, "E036")]),
    "an escape sequence": ('banned: []\nmessage: "\\e[2J"\n', [(2, 10, "E003")]),
    "bidi": ("banned: []\nmessage: a\u202eb\n", [(2, 11, "E003")]),
    "an alias": ("banned: &x [qoder]\napproved: *x\n", [(1, 9, "E009"), (2, 11, "E009")]),
    "a tag": ("banned: !!set [qoder]\n", [(1, 9, "E010")]),
    "two documents": ("banned: []\n---\nbanned: []\n", [(2, 1, "E006")]),
    "a list for a key": ("? [banned]\n: [qoder]\n", [(1, 3, "E011")]),
    "not YAML": ("banned: [qoder\napproved: [cursor]\n", [(2, 9, "E004")]),
    "not UTF-8": (b"banned: []\nname: M\xfcller\n", [(2, 8, "E002")]),
    "too deep": ("banned: " + "[" * 17 + "]" * 17, [(1, 24, "E007")]),
    "too large": ("banned: []\n#" + "x" * 4_000_000, [(1, 1, "E001")]),
}


@pytest.mark.parametrize("name", WRONG)
def test_is_wrong_at_line_and_column(name: str) -> None:
    text, expected = WRONG[name]
    assert [(p.line, p.column, p.code) for p in problems_of(text)] == expected


def test_every_code_has_a_wrong_policy() -> None:
    tried = {code for _, expected in WRONG.values() for _, _, code in expected}
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
        ("privacy: {}", "the key 'privacy' is not supported by this version of aipolicy"),
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


@settings(deadline=None)
@given(st.text() | POLICY_LIKE)
def test_any_text_is_a_policy_or_refused_with_places(text: str) -> None:
    problems = refusal(text)
    assert problems is None or problems
    for problem in problems or ():
        assert problem.line >= 1
        assert 1 <= problem.column <= len(problem.source_line) + 1
        assert problem.code in set(Code)
        assert problem.message.isascii()
