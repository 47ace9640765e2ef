"""The strict YAML loader: every scalar is text with its place, and whatever the file, the error is ours."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aipolicy.core import yamlfile
from aipolicy.core.yamlfile import Mapping, Node, Problem, Scalar, Sequence


def errors_of(text: bytes | str, **options: int) -> list[tuple[int, int, str]]:
    with pytest.raises(yamlfile.YamlErrors) as refused:
        yamlfile.load(text, "p.yaml", **options)
    return [(p.line, p.column, p.code) for p in refused.value.problems]


def plain(node: Node) -> object:
    """The node without its places."""
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return {key.text: plain(value) for key, value in node.items}


def scalars(node: Node) -> dict[str, tuple[int, int]]:
    """Where each text stands."""
    if isinstance(node, Scalar):
        return {node.text: (node.line, node.column)}
    children = node.items if isinstance(node, Sequence) else [n for pair in node.items for n in pair]
    return {text: place for child in children for text, place in scalars(child).items()}


@pytest.mark.parametrize(
    "word",
    [
        "1.10",
        "no",
        "Yes",
        "on",
        "010",
        "0x1f",
        "2026-02-30",
        "2026-02-28",
        "~",
        "null",
        "1e3",
        ".inf",
        "12:30",
        "=",
    ],
)
def test_every_scalar_is_text(word: str) -> None:
    assert plain(yamlfile.load(f"{word}: [{word}, '{word}']\n", "p.yaml")) == {word: [word, word]}


def test_block_and_quoted_texts_are_read_as_yaml_says() -> None:
    text = "folded: >\n  one\n  two\nkept: |\n  one\n  two\nquoted: 'it''s'\nescaped: \"a\\tb\"\n"
    assert plain(yamlfile.load(text, "p.yaml")) == {
        "folded": "one two\n",
        "kept": "one\ntwo\n",
        "quoted": "it's",
        "escaped": "a\tb",
    }


def test_a_value_left_out_differs_from_an_empty_text() -> None:
    root = yamlfile.load("left: \nempty: ''\n", "p.yaml")
    assert isinstance(root, Mapping)
    left, empty = root.get("left"), root.get("empty")
    assert isinstance(left, Scalar)
    assert isinstance(empty, Scalar)
    assert (left.missing, empty.missing) == (True, False)
    assert root.get("absent") is None


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "\ufeff", "# zuerst 日本語\n"])
def test_places_are_counted_as_an_editor_does(start: str, line_end: str) -> None:
    text = f"{start}né: [日本, x]\nlist:\n  - a\n  - {{k: 'v'}}\n".replace("\n", line_end)
    first = start.count("\n") + 1
    for written in (text, text.encode()):
        root = yamlfile.load(written, "p.yaml")
        assert scalars(root) == {
            "né": (first, 1),
            "日本": (first, 6),
            "x": (first, 10),
            "list": (first + 1, 1),
            "a": (first + 2, 5),
            "k": (first + 3, 6),
            "v": (first + 3, 9),
        }


REFUSED: dict[str, tuple[bytes | str, list[tuple[int, int, str]]]] = {
    "empty": ("", [(1, 1, "E005")]),
    "only comments": ("# nothing\n\n  # here\n", [(1, 1, "E005")]),
    "two documents": ("a: b\n---\nc: d\n", [(2, 1, "E006")]),
    "duplicate key": ("a: 1\nb: 2\n'a': 3\n", [(3, 1, "E008")]),
    "duplicate key in flow": ("a: {b: 1, b: 2}\n", [(1, 11, "E008")]),
    "anchor, alias, merge key": (
        "a: &x b\nc: *x\n<<: {d: e}\n",
        [(1, 4, "E009"), (2, 4, "E009"), (3, 1, "E009")],
    ),
    "anchored list": ("a: &x [b]\n", [(1, 4, "E009")]),
    "tags": ("a: !!str b\nc: !x {d: e}\n", [(1, 4, "E010"), (2, 4, "E010")]),
    "tag directive": ("%TAG ! tag:x,2000:\n---\na: b\n", [(1, 1, "E010")]),
    "list as a key": ("? [a]\n: b\nc: d\n", [(1, 3, "E011")]),
    "mapping as a key": ("{{a: b}: c}\n", [(1, 2, "E011")]),
    "no key": ("? \n: a\n", [(1, 2, "E011")]),
    "NUL": ("a: b\0c\n", [(1, 5, "E003")]),
    "escaped NUL": ('a: "b\\0"\n', [(1, 4, "E003")]),
    "bell in a comment": ("a: b # \a\n", [(1, 8, "E003")]),
    "bidi": ("a: é\u202eb\n", [(1, 5, "E003")]),
    "escaped bidi": ('a: "\\u2066"\n', [(1, 4, "E003")]),
    "line separator": ("a: b\u2028c: d\n", [(1, 5, "E003")]),
    "next line": ("a: b\x85c: d\n", [(1, 5, "E003")]),
    "lone carriage returns": ("a: b\rc: d\r", [(1, 5, "E003")]),
    "byte order mark within": ("a: b\ufeff\n", [(1, 5, "E003")]),
    "invisible tag letters": ("a: b\U000e0041\n", [(1, 5, "E003")]),
    "lone surrogate": ("a: \ud800\n", [(1, 4, "E003")]),
    "UTF-16": ("a: b\n".encode("utf-16"), [(1, 1, "E002")]),
    "UTF-32": ("a: b\n".encode("utf-32"), [(1, 1, "E002")]),
    "UTF-16 without its mark": ("a: b\n".encode("utf-16-le"), [(1, 2, "E003")]),
    "Latin-1": ("a: b\r\nc: caf\xe9\r\n".encode("latin-1"), [(2, 7, "E002")]),
    "Latin-1 after a mark": (b"\xef\xbb\xbfa: \xe9", [(1, 4, "E002")]),
    "tab indents": ("a:\n\tb: c\n", [(2, 1, "E004")]),
    "tab indents a list": ("a:\n  - b\n\t- c\n", [(3, 1, "E004")]),
    "open bracket": ("a: [b, c\n\n\n", [(1, 4, "E004")]),
    "open bracket in the middle": ("a: [b\nc: d\n", [(2, 2, "E004")]),
    "open brace": ("a: {b: c", [(1, 4, "E004")]),
    "open quote": ("a: 'b\nc: d\n", [(1, 4, "E004")]),
    "lone star": ("a: [*]\n", [(1, 5, "E004")]),
    "lone star in a block": ("a:\n  - *\n", [(2, 5, "E004")]),
    "at sign": ("a: @b\n", [(1, 4, "E004")]),
    "two colons": ("a: b: c\n", [(1, 5, "E004")]),
    "uneven list": ("a:\n  - b\n - c\n", [(3, 2, "E004")]),
    "no colon": ("a: b\nc\nd: e\n", [(2, 1, "E004")]),
    "end of a list that did not start": ("a: ]\n", [(1, 4, "E004")]),
    "unknown escape": ('a: "\\q"\n', [(1, 5, "E004")]),
    "broken tag": ("a: !<%ff> b\n", [(1, 6, "E004")]),
    "unknown YAML": ("%YAML 2.0\n---\na: b\n", [(1, 1, "E004")]),
    "17 deep in flow": ("[" * 17 + "]" * 17, [(1, 17, "E007")]),
    "17 deep in blocks": ("- " * 17 + "a", [(1, 33, "E007")]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_line_and_column(name: str) -> None:
    text, expected = REFUSED[name]
    assert errors_of(text) == expected


def test_all_that_is_wrong_is_said_at_once() -> None:
    text = "a: &x b\na: c\nd: *x\ne: !t f\n? [g]\n: h\n<<: i\nj: \u202e\n---\nk: l\n"
    codes = [code for _, _, code in errors_of(text)]
    assert codes == ["E009", "E008", "E009", "E010", "E011", "E009", "E003", "E006"]


def test_sixteen_deep_is_allowed() -> None:
    yamlfile.load("[" * 16 + "]" * 16, "p.yaml")
    yamlfile.load("- " * 16 + "a", "p.yaml")


@pytest.mark.parametrize(
    "opening", ["[", "{", "[\n", "{a: ", "- ", "? ", "[{", "[ [", "{? ", "!!x [", "&a [", "[[],"]
)
def test_a_million_openings_are_refused_at_the_first_that_is_too_deep(opening: str) -> None:
    text = opening * (1_000_000 // len(opening))
    assert {code for _, _, code in errors_of(text)} & {"E007", "E004"}


def test_the_size_is_bounded() -> None:
    text = "a: " + "b" * 97
    assert plain(yamlfile.load(text, "p.yaml", limit=100)) == {"a": "b" * 97}
    assert errors_of(text + "b", limit=100) == [(1, 1, "E001")]
    assert errors_of("a: " + "é" * 49, limit=100) == [(1, 1, "E001")]  # bytes count, not characters
    assert errors_of(b"a" * (yamlfile.MAX_BYTES + 1)) == [(1, 1, "E001")]


def test_100_000_entries_are_read() -> None:
    text = "banned:\n" + "".join(f"  - tool-{number}\n" for number in range(100_000))
    root = yamlfile.load(text.encode(), "p.yaml")
    assert isinstance(root, Mapping)
    entries = root.get("banned")
    assert isinstance(entries, Sequence)
    assert len(entries.items) == 100_000
    assert (entries.items[-1].line, entries.items[-1].column) == (100_001, 5)


YAML_LIKE = st.text(alphabet="ab0~<:-?,[]{}#&*!|>'\"%@` \n\t\r.\\é日\u202e\0\ufeff\ud800")


def check_only_our_error(text: bytes | str) -> None:
    problems: tuple[Problem, ...] | None = None
    try:
        yamlfile.load(text, "p.yaml")
    except yamlfile.YamlErrors as refused:
        problems = refused.problems
    assert problems is None or problems
    for problem in problems or ():
        assert problem.line >= 1
        assert 1 <= problem.column <= len(problem.source_line) + 1
        assert yamlfile.annotate(problem).startswith(f"p.yaml:{problem.line}:{problem.column}: ")


@given(st.text() | YAML_LIKE)
def test_any_text_is_read_or_refused(text: str) -> None:
    check_only_our_error(text)


@given(st.binary() | YAML_LIKE.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    check_only_our_error(text)


WORDS = st.text(alphabet="abé日 '\"#:", min_size=1, max_size=8)


@given(
    st.recursive(WORDS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3))
)
def test_json_is_read_as_it_is(value: object) -> None:
    """JSON is YAML in flow form, so a policy made by a program needs no YAML writer."""
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
        assert plain(yamlfile.load(text, "p.yaml")) == value
