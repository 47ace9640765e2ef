"""What we tell people about the policy is true: the page's codes and examples, and the files they copy."""

import re
from pathlib import Path

import pytest

from aipolicy.core.model import Action
from aipolicy.core.policy import Policy, PolicyErrors, parse
from aipolicy.core.problem import annotate
from aipolicy.core.run_tests import run_tests
from aipolicy.core.values import Place, names
from aipolicy.tools import load

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
CATALOG = load()
KNOWN = CATALOG.known


def read(name: str) -> Policy:
    return parse((ROOT / "policies" / name).read_bytes(), name, KNOWN)


def test_the_page_names_every_word_of_the_language() -> None:
    words = {*(key for place in Place for key in names(place)), *Action}
    assert {word for word in words if f"`{word}`" not in PAGE} == set()


@pytest.mark.parametrize("example", re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
def test_the_pages_examples_are_right(example: str) -> None:
    assert parse(example, "policy.yaml", KNOWN).banned


def test_the_pages_error_is_what_is_shown() -> None:
    with pytest.raises(PolicyErrors) as refused:
        parse("banned: [claud-code]", "policy.yaml", KNOWN)
    assert "\n".join(map(annotate, refused.value.problems)) in PAGE


@pytest.mark.parametrize("file", sorted(file.name for file in (ROOT / "policies").glob("*.yaml")))
def test_every_example_policy_is_right(file: str) -> None:
    assert read(file).approved


@pytest.mark.parametrize(
    "file", [*sorted(file.name for file in (ROOT / "policies").glob("*.yaml")), "starter/policy.yaml"]
)
def test_every_example_policy_carries_tests_that_pass(file: str) -> None:
    results = run_tests(read(file), CATALOG)
    assert results
    assert [result for result in results if not result.ok] == []


def test_the_examples_say_what_they_promise() -> None:
    assert [str(entry.selector) for entry in read("simple.yaml").banned] == ["claude-code"]
    assert [str(entry.selector) for entry in read("simple.yaml").approved] == ["qoder"]
    assert read("example.yaml").mode is Action.REPORT
    assert read("block.yaml").mode is Action.BLOCK
