"""`policy fmt`: one form for whatever is written, the meaning and every comment kept."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aipolicy.core.normal_form import WIDTH, NoNormalForm, normal_form
from aipolicy.core.yamlfile import YamlErrors
from fuzz.targets import TARGETS


def fmt(text: str) -> str:
    return normal_form(text.encode(), "policy.yaml")


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        # order, and what is not in the table
        ("mode: block\nname: x\nbanned: []\n", "name: x\nmode: block\nbanned: []\n"),
        ("other: 1\nbanned: []\nanother: 2\n", "banned: []\nother: 1\nanother: 2\n"),
        ("banned: [{action: warn, tool: cursor}]\n", "banned: [{tool: cursor, action: warn}]\n"),
        ("banned:\n- action: warn\n  tool: cursor\n", "banned:\n  - tool: cursor\n    action: warn\n"),
        # quotes
        ("banned: [\"claude-code\", 'cursor', '*']\n", 'banned: [claude-code, cursor, "*"]\n'),
        ("name: '1.10'\nbanned: []\n", 'name: "1.10"\nbanned: []\n'),
        ("name: 1.10\nbanned: []\n", "name: 1.10\nbanned: []\n"),
        ("name: 'no'\nbanned: []\n", 'name: "no"\nbanned: []\n'),
        ("name: 'it''s'\nbanned: []\n", "name: it's\nbanned: []\n"),
        ('name: "say \\"it\\": now"\nbanned: []\n', "name: 'say \"it\": now'\nbanned: []\n"),
        ('message: "a # b"\nbanned: []\n', 'banned: []\nmessage: "a # b"\n'),
        ("banned: []\ncontact: '2026-10-01'\n", 'banned: []\ncontact: "2026-10-01"\n'),
        # lists and indentation
        ("banned:\n- cursor\n-   qoder\n", "banned:\n  - cursor\n  - qoder\n"),
        ("banned: [\n  cursor,\n  qoder,\n]\n", "banned: [cursor, qoder]\n"),
        ('{"banned": ["cursor"], "mode": "warn"}', "mode: warn\nbanned: [cursor]\n"),
        ("---\nbanned: []\n...\n", "banned: []\n"),
        ("# top\n\n# above\n{banned: []} # end\n", "# top\n\n# above\nbanned: []\n# end\n"),
        ("? banned\n: - cursor\n", "banned:\n  - cursor\n"),
        # texts on several lines
        ("message: a text\n  over lines\nbanned: []\n", "banned: []\nmessage: a text over lines\n"),
        ("message: >\n    a\n    b\nbanned: []\n", "banned: []\nmessage: >\n  a\n  b\n"),
        ("message: |2\n   a\n  b\nbanned: []\n", "banned: []\nmessage: |2\n   a\n  b\n"),
        ("message: |+\n  a\n\nbanned: []\n", 'banned: []\nmessage: "a\\n\\n"\n'),
        # blank lines
        ("\n\nmode: warn\n\n\n\nbanned: []\n\n", "mode: warn\n\nbanned: []\n"),
        ("banned:\n\n  - cursor\n\n  - qoder\n", "banned:\n  - cursor\n\n  - qoder\n"),
        # line ends
        ("mode: warn\r\nbanned: [ ]\r\n", "mode: warn\r\nbanned: []\r\n"),
        ("\ufeffbanned: []", "banned: []\n"),
    ],
)
def test_is_written(written: str, normal: str) -> None:
    assert fmt(written) == normal
    assert fmt(normal) == normal


def test_what_has_no_room_in_one_line_gets_one_for_each() -> None:
    tools = [f"tool-{number}" for number in range(12)]
    assert fmt(f"banned: [{', '.join(tools)}]\n") == "banned:\n" + "".join(f"  - {tool}\n" for tool in tools)
    text = " ".join(["word"] * 30)
    once = fmt(f"message: {text[:60]}\n  {text[60:].strip()}\nbanned: []\n")
    assert once.splitlines()[1] == "message: >-"
    assert max(map(len, once.splitlines())) <= WIDTH


COMMENTED = """\
# yaml-language-server: $schema=policy.schema.json
# Acme's policy.

mode: block   # acts

# who is banned
banned: # the list
# the first
 - cursor # why
 - tool: qoder # which
   # reason's
   reason: so
   # the end of an entry
 # the end of the list
# about approved
approved: [ aider, # a
  # above ollama
  ollama ] # both
name: acme
# the end
"""
IN_ORDER = """\
# yaml-language-server: $schema=policy.schema.json
# Acme's policy.

name: acme
mode: block  # acts

# who is banned
banned:  # the list
  # the first
  - cursor  # why
  - tool: qoder  # which
    # reason's
    reason: so
    # the end of an entry
  # the end of the list
# about approved
approved:  # both
  - aider  # a
  # above ollama
  - ollama
# the end
"""


def test_comments_go_with_what_they_are_about() -> None:
    assert fmt(COMMENTED) == IN_ORDER
    assert fmt(IN_ORDER) == IN_ORDER


@pytest.mark.parametrize("text", ["", "# only\n", "- a\n", "a: [\n", "a: &x 1\n", "a: 1\na: 2\n"])
def test_what_is_not_right_yaml_or_no_mapping_is_refused(text: str) -> None:
    with pytest.raises((YamlErrors, NoNormalForm)):
        fmt(text)


def test_a_policy_with_other_mistakes_is_written_all_the_same() -> None:
    assert fmt("aproved: [ nobody ]\n") == "aproved: [nobody]\n"


# --- whatever is written ---------------------------------------------------------------------------------

WORDS = st.sampled_from(
    (
        *("claude-code", '"cursor"', "'it''s'", "1.10", "no", "''", "2026-10-01", "vendor:anthropic", '"*"'),
        *('": x"', "'#1'", '"- a"', "a b  c", '"a\\nb"', '"\\t"', "'say \"x\"'", "~", "'null'", "x#y", "é"),
        *('"a\\\\b"', "'? x'", "'a: '", "' a'", '"true"', ">=1.7", "'>=1.7, <2'", "%a", "'%a'", "a:b", "-1"),
    )
).filter(lambda word: word[0] not in ">%")
KEYS = st.sampled_from(("banned", "approved", "mode", "name", "tool", "reason", "other", '"two words"'))
BODIES = ("one\ntwo\n", "one\n\n  more\ntwo\n\n", "  in\nout\n", "\n\nlate\n", "x")
Draw = Callable[[st.SearchStrategy[str]], str]


@st.composite
def gaps(draw: Draw, indent: str) -> str:
    """Blank lines and comments between two things."""
    line = st.sampled_from(("\n", "# c\n", f"{indent}# d\n", f"{indent}    # e\n"))
    return "".join(draw(st.lists(line, max_size=3)))


def beside(draw: Draw) -> str:
    return draw(st.sampled_from(("", "", "", "  # beside", "\t#b")))


@st.composite
def flows(draw: Draw, indent: str, depth: int = 0) -> str:
    """Something in brackets, or a word."""
    kind = draw(st.sampled_from(("word", "list", "mapping"))) if depth < 3 else "word"
    if kind == "word":
        return draw(WORDS)
    between = st.sampled_from((" ", "", f"\n{indent}", f" # in\n{indent}", f"\n\n{indent}# own\n{indent}"))
    inner = draw(st.lists(flows(indent, depth + 1), max_size=3))
    if kind == "mapping":
        inner = [f'"k{number}": {each}' for number, each in enumerate(inner)]
    opening, closing = "[]" if kind == "list" else "{}"
    items = ",".join(f"{draw(between)}{each}{draw(between)}" for each in inner)
    return opening + items + draw(between) + closing


@st.composite
def values(draw: Draw, indent: str, depth: int) -> str:
    """What may stand behind a key or a dash, up to the end of its last line."""
    more = indent + "  "
    kind = draw(st.sampled_from(("flow", "lines", "block", "list", "mapping"))) if depth < 3 else "flow"
    if kind == "flow":
        return f" {draw(flows(more))}{beside(draw)}\n"
    if kind == "lines":
        return f" a text {'word ' * 20}\n{more}over\n\n{more}lines{beside(draw)}\n"
    if kind == "block":
        header = draw(st.sampled_from(("|", ">", "|-", ">-", "|+", ">+", "|2", ">2"))) + beside(draw)
        body = draw(st.sampled_from(BODIES))
        if body.startswith("  ") and "2" not in header:
            body = body.lstrip()
        return f" {header}\n" + "".join(f"{more}{line}\n" if line else "\n" for line in body.split("\n"))
    write = lists if kind == "list" else mappings
    return f"{beside(draw)}\n{draw(gaps(more))}{draw(write(more, depth + 1))}"


@st.composite
def lists(draw: Draw, indent: str, depth: int) -> str:
    items = draw(st.lists(values(indent, depth), min_size=1, max_size=3))
    return "".join(f"{indent}-{item}{draw(gaps(indent))}" for item in items)


@st.composite
def mappings(draw: Draw, indent: str, depth: int) -> str:
    keys = draw(st.lists(KEYS, min_size=1, max_size=4, unique=True))
    pairs = (f"{indent}{key}:{draw(values(indent, depth))}{draw(gaps(indent))}" for key in keys)
    return "".join(pairs)


@settings(max_examples=100)
@given(gaps(""), mappings("", 0))
def test_the_meaning_and_the_comments_stay_and_a_second_time_changes_nothing(top: str, text: str) -> None:
    """The promise is the fuzzer's own: tests/fuzz/targets.py."""
    TARGETS["fmt"]((top + text).encode())
