"""Whatever IT's settings are, ours come beside them, none of theirs changes, and ours go without a trace."""

import contextlib
import json
import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aipolicy.enforce.controls import CONTROLS, json_file, toml_file
from aipolicy.enforce.controls.control import LINUX, Wanted
from aipolicy.enforce.controls.tree import Ours, Unreadable, merge, missing
from native_controls import BLOCK, banned

KEYS = ["security", "auth", "enforcedType", "AllowedExtensions", "*", "anthropic.claude-code", "hooks"]
KEYS += ["UserPromptSubmit", "requiredMaximumVersion", "allowed_sandbox_modes", "a", "é", "x.y", ""]
VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.text(max_size=5)
    | st.lists(st.integers(0, 2), max_size=2)
)
TREES = st.dictionaries(
    st.sampled_from(KEYS),
    st.recursive(
        VALUES, lambda inner: st.dictionaries(st.sampled_from(KEYS), inner, max_size=3), max_leaves=6
    ),
    max_size=5,
)
FILES: list[Wanted] = [file for one in CONTROLS for file in one.files(banned(BLOCK), LINUX)]
TOML = [
    "",
    "# only a comment\n",
    "a = 1\n[t]\nb = 2\n",
    "[[list]]\na = 1\n[[list]]\na = 2\n",
    'x.y = 1\n"quoted key" = {a = 1}\n[t.u] # why\nb = [\n 1, # one\n 2,\n]\n',
    "allowed_sandbox_modes_2 = []\n[allowed]\nsandbox = 1",
    "a = 1979-05-27T07:32:00Z\r\nb = '''\r\ntext'''\r\n",
    "[features]\n\n\n# last word\n",
]


def flat(tree: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], str]:
    """Every setting of a tree by its path; an empty table is one, too."""
    if isinstance(tree, dict) and tree:
        return {k: v for key, inner in tree.items() for k, v in flat(inner, (*path, key)).items()}
    return {path: json.dumps(tree)}


@pytest.mark.parametrize("file", [one for one in FILES if one.form == "json"], ids=lambda file: file.file)
@settings(max_examples=150)
@given(theirs=TREES)
def test_json(file: Wanted, theirs: dict[str, Any]) -> None:
    table = json_file.read(json.dumps(theirs), file.texts)
    merged = merge(table, file.settings, Ours())
    with_ours = json.loads(json_file.write(table))
    changed = {
        path for path, value in flat(theirs).items() if value != "{}" and flat(with_ours).get(path) != value
    }
    assert not changed
    absent, against = missing(json_file.read(json.dumps(with_ours), file.texts), file.settings)
    assert (absent, against) == ((), merged.theirs)
    again = json_file.read(json.dumps(with_ours), file.texts)
    merge(again, (), merged.ours)
    assert json.loads(json_file.write(again)) == theirs


@pytest.mark.parametrize("text", TOML)
def test_toml(text: str) -> None:
    [file] = [one for one in FILES if one.form == "toml"]
    table = toml_file.read(text)
    merged = merge(table, file.settings, Ours())
    written = toml_file.write(table)
    found = tomllib.loads(written)
    assert found.pop("allowed_sandbox_modes") == file.settings[0].value
    assert found == tomllib.loads(text)
    assert [line for line in text.splitlines() if "#" in line and line not in written.splitlines()] == []
    again = toml_file.read(written)
    merge(again, (), merged.ours)
    assert tomllib.loads(toml_file.write(again)) == tomllib.loads(text)


@settings(max_examples=300)
@given(text=st.text(max_size=40) | st.binary(max_size=40).map(lambda raw: raw.decode("latin-1")))
def test_garbage_is_refused_or_read_and_nothing_else(text: str) -> None:
    for read in (json_file.read, toml_file.read):
        with contextlib.suppress(Unreadable):
            read(text)
