"""The schema that editors check by says of a document what the checker says, but for what it cannot say."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aipolicy.core import yamlfile
from aipolicy.core.policy import PolicyErrors, parse
from aipolicy.core.policy_schema import _FORMS, UNSAID, policy_schema
from aipolicy.core.problem import Code
from aipolicy.core.values import KEYS, Form, Key, Place
from policy_samples import KNOWN

ROOT = Path(__file__).parents[3]
SCHEMA = policy_schema(KNOWN)


def pattern(
    _validator: Any, wanted: str, instance: Any, _schema: Any
) -> Iterator[jsonschema.ValidationError]:
    """As ECMA-262, which JSON Schema names, has it: $ is the end, not also the line end before it."""
    if isinstance(instance, str) and not re.search(wanted.removesuffix("$") + r"\Z", instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match {wanted!r}")


def validator(base: Any) -> Any:
    return jsonschema.validators.extend(base, {"pattern": pattern})(SCHEMA)


NEWEST, OLDER = validator(jsonschema.Draft202012Validator), validator(jsonschema.Draft7Validator)


def codes(document: Any) -> set[str]:
    """What the checker says."""
    try:
        parse(written(document), "policy.yaml", KNOWN)
    except PolicyErrors as refused:
        return {problem.code for problem in refused.problems}
    return set()


def written(document: Any) -> str:
    """The document as YAML; an editor gives None for a value that is left out."""
    if isinstance(document, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {written(each)}" for key, each in document.items()) + "}"
    if isinstance(document, list):
        return "[" + ", ".join(map(written, document)) + "]"
    return "" if document is None else json.dumps(document, ensure_ascii=False)


# --- documents, most of them nearly right ----------------------------------------------------------------

TEXTS = ("a text", "", " x ", "1.10", "é", "x" * 500, "x" * 501, f" {'x' * 500} ", "a\nb", "a\tb", "a\n")
OF_FORM: dict[Form, tuple[str, ...]] = {
    Form.TEXT: TEXTS,
    Form.MESSAGE: (*TEXTS, "{tool} {reason}", "{instead}", "{contact}", "{user}", "{", "}", "{}", "{{tool}}"),
    Form.WORD: ("allow", "report", "warn", "block", "Block", "", "kill"),
    Form.SELECTOR: (
        *("claude-code", "qoder", "claude", "qodercli", "vendor:anthropic", "category:cli", "*", "cursor"),
        *("", "claud", "vendor:", "vendor:x", "category:x", "tool:qoder", "**", "anthropic", "qoder\n"),
    ),
    Form.TOOL: (
        *("qoder@1.2", "qoder", "claude@x", "qodercli@", "qoder@a@b", "cursor@\n1"),
        *("vendor:anthropic", "*", "qodr@1", "", "@1", "qoder @1", "qoder\n", "qoder-cn@1"),
    ),
    Form.DAY: (
        *("2026-10-01", "2024-02-29", "2999-12-31", "2000-01-01"),
        *(
            "2026-02-30",
            "2026-04-31",
            "2026-13-01",
            "1999-01-01",
            "3000-01-01",
            "2026-1-1",
            "2026-10-01\n",
            "",
        ),
    ),
    Form.SPAN: (
        *("7d", "48h", "2w", "1h", "366d", "52w", "8784h", "007d", "00366d"),
        *("0d", "367d", "53w", "8785h", "000366d", "100000h", "7", "d", "7D", "1 d", "-1d", "7d\n", "99999h"),
    ),
    Form.DAYS: (
        *("90d", "1d", "01d", "3650d", "03650d", "00001d", "0d", "000000d", "3651d", "9999d", "90", "90D"),
        *("90 d", " 90d", "90d ", "2w", "48h", "-1d", "1.5d", "", "forever", "3 months", 90, True),
    ),
    Form.VERSIONS: (
        *(">=1.7, <2", "<1.7", "=1.7.2", "==1", "> 1 , <= 2", "<2, >=1", ">=2, <1", "=v1.2-beta.1", ">=1,<2"),
        *(
            "1.7",
            ">=",
            ">=1, >2",
            "=1, <2",
            ">=x",
            "~1",
            "",
            "*",
            ">=1 <2",
            ">=1, <2, <3",
            "=1\n",
            "=" + "1" * 129,
        ),
    ),
    Form.PERCENT: (
        "5",
        "0",
        "100",
        "0.5",
        "100.00",
        "5%",
        "5 %",
        "099",
        "100.01",
        "101",
        "5.125",
        "-1",
        "",
        "x",
    ),
}
LIST_OF: dict[Form, tuple[str, ...]] = {
    Form.NAMES: ("alice", "", "1001", "a b", "x*", "a?", "[a]"),
    Form.HOSTS: ("fin-07", "fin-*", "a?", "", "!x", "a|b", "(a)", "[a]", "^a", "a$", "a\\b"),
}
JUNK = st.sampled_from([None, [], {}, "", "qoder", ["qoder"], {"tool": "qoder"}, [[]], [{}]])
JUNK_ITEM = JUNK.filter(lambda junk: junk is not None)

RIGHT: dict[Form, Any] = {
    **{form: texts[0] for form, texts in OF_FORM.items()},
    **{form: [texts[0]] for form, texts in LIST_OF.items()},
}


def value(key: Key) -> st.SearchStrategy[Any]:
    if key.form is Form.ENTRIES and key.of is not None:
        entry = st.sampled_from(OF_FORM[Form.SELECTOR]) | mapping(key.of) | JUNK_ITEM
        return st.lists(st.sampled_from(["qoder", "cursor"]) | mapping(key.of) | entry, max_size=3)
    if key.form is Form.MAPPINGS and key.of is not None:
        return st.lists(mapping(key.of), max_size=2)
    if key.form is Form.MAPPING and key.of is not None:
        return mapping(key.of) | JUNK
    if key.form in LIST_OF:
        return st.lists(st.sampled_from(key.words or LIST_OF[key.form]) | JUNK_ITEM, max_size=2)
    return st.sampled_from((*key.words, *OF_FORM[key.form]))


def right_value(key: Key) -> Any:
    if key.form is Form.MAPPING:
        return {}
    return key.words[0] if key.form is Form.WORD else RIGHT.get(key.form) or []


def mapping(place: Place) -> st.SearchStrategy[dict[str, Any]]:
    keys = KEYS[place]
    right = {key.name: value(key) | st.just(right_value(key)) for key in keys}
    optional = st.fixed_dictionaries(
        {key.name: right[key.name] for key in keys if key.needed},
        optional={key.name: right[key.name] for key in keys if not key.needed},
    )
    spoilt = st.dictionaries(st.sampled_from([key.name for key in keys] + ["tol", "scope"]), JUNK, max_size=1)
    return st.one_of(
        optional, optional, optional, st.tuples(optional, spoilt).map(lambda two: {**two[0], **two[1]})
    )


@settings(max_examples=500)
@given(mapping(Place.POLICY) | JUNK)
def test_an_editor_says_what_the_checker_says(document: Any) -> None:
    right = not codes(document) - (set(UNSAID) - {Code.DAY})  # no such day is among these
    assert NEWEST.is_valid(document) == right
    assert OLDER.is_valid(document) == right


def test_every_form_has_a_schema_and_is_tried() -> None:
    assert set(_FORMS) == set(Form)
    assert {*OF_FORM, *LIST_OF, Form.ENTRIES, Form.MAPPINGS, Form.MAPPING} == set(Form)


# --- what it cannot say ----------------------------------------------------------------------------------

LET_PASS = {
    Code.DUPLICATE_ENTRY: {"banned": ["qoder", "qodercli"]},
    Code.NO_CONTACT: {"banned": [], "message": "{contact}"},
    Code.NEVER: {"banned": [{"tool": "qoder", "from": "2026-12-01", "until": "2026-10-01"}]},
    Code.OVERLAP: {
        "banned": [{"tool": "qoder", "until": "2026-12-01"}, {"tool": "qoder", "from": "2026-10-01"}]
    },
    Code.DAY: {"banned": [{"tool": "qoder", "from": "2026-02-29"}]},
    Code.SAME_NAME: {"scopes": [{"name": "it", "tags": ["it"]}, {"name": "it", "os": ["linux"]}]},
}


def test_every_exception_is_one() -> None:
    assert set(LET_PASS) == set(UNSAID)
    for code, document in LET_PASS.items():
        assert codes(document) == {code}
        assert NEWEST.is_valid(document)


# --- what an editor sees: YAML 1.2, not our texts --------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["name: 1.10\nbanned: []", "name: true\nbanned: []", "contact: 010\nbanned: []"]
)
def test_a_bare_number_or_truth_value_is_a_text(text: str) -> None:
    assert parse(text, "policy.yaml", KNOWN)
    assert NEWEST.is_valid(yaml.safe_load(text))


@pytest.mark.parametrize("text", ["banned:", "mode:\nbanned: []", "banned: [{tool: qoder, reason: }]"])
def test_a_value_left_out_is_wrong_to_both(text: str) -> None:
    with pytest.raises(PolicyErrors):
        parse(text, "policy.yaml", KNOWN)
    assert not NEWEST.is_valid(yaml.safe_load(text))


# --- the file beside the examples ------------------------------------------------------------------------

FILE = json.loads((ROOT / "policies" / "policy.schema.json").read_text())


def test_it_is_a_schema_and_says_of_every_key_what_it_is_for() -> None:
    jsonschema.Draft202012Validator.check_schema(FILE)
    jsonschema.Draft7Validator.check_schema(FILE)
    for place in KEYS:
        schema = FILE if place is Place.POLICY else FILE["$defs"][place]
        assert all(len(key["description"]) > 10 for key in schema["properties"].values())
    assert "claude-code" in FILE["$defs"]["selector"]["anyOf"][0]["enum"]


@pytest.mark.parametrize("example", sorted(file.name for file in (ROOT / "policies").glob("*.yaml")))
def test_every_example_names_it_and_is_right_by_it(example: str) -> None:
    text = (ROOT / "policies" / example).read_text()
    assert text.startswith("# yaml-language-server: $schema=policy.schema.json\n")
    jsonschema.Draft202012Validator(FILE).validate(yaml.load(text, Loader=yaml.CBaseLoader))  # noqa: S506


# --- real mistakes ---------------------------------------------------------------------------------------

OF_THE_TEXT = {code for code in Code if code <= Code.TOO_MANY}
"""What is wrong before there is a document."""
MISTAKES = sorted((ROOT / "tests" / "policies" / "bad").glob("*.yaml"))


def document(node: yamlfile.Node) -> Any:
    """As an editor sees it whose every scalar is text, like ours."""
    if isinstance(node, yamlfile.Scalar):
        return None if node.missing else node.text
    if isinstance(node, yamlfile.Mapping):
        return {key.text: document(value) for key, value in node.items}
    return [document(item) for item in node.items]


@pytest.mark.parametrize("file", MISTAKES, ids=lambda file: file.stem)
def test_a_real_mistake_is_one_to_an_editor_too(file: Path) -> None:
    with pytest.raises(PolicyErrors) as refused:
        parse(file.read_bytes(), "policy.yaml", KNOWN)
    found = {problem.code for problem in refused.value.problems}
    if not found & OF_THE_TEXT:
        root, _ = yamlfile.read(file.read_bytes(), "policy.yaml")
        assert root is not None
        leap_day = {Code.DAY} if "02-29" in file.read_text() else set()
        assert NEWEST.is_valid(document(root)) == (found <= set(UNSAID) - {Code.DAY} | leap_day)


@pytest.mark.parametrize("place", Place)
def test_a_key_too_many_is_a_mistake_everywhere(place: Place) -> None:
    schema = SCHEMA if place is Place.POLICY else SCHEMA["$defs"][place]
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == {key.name for key in KEYS[place]}
