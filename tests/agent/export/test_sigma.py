"""The exported Sigma rules are read by Sigma's own library and name places as we do."""

import re
from typing import Any

import pytest
from sigma.collection import SigmaCollection
from sigma.rule import SigmaRule
from sigma.types import SigmaRegularExpression
from sigma.validation import SigmaValidator
from sigma.validators.core import validators

from aipolicy.core.shapes import shape_of
from aipolicy.core.tool import Kind
from aipolicy.core.tools import catalog_from
from aipolicy.export.sigma import write
from aipolicy.tools import load
from tool_files import BOTH

CATALOG = catalog_from(BOTH)
REAL = load()
PLACES = [
    "/usr/share/acme/acme",
    "/home/u/.local/share/acme/versions/1.2.3",
    "/Users/u/.local/share/acme/versions/1.2.3-rc.1",
    "/home/u/.local/share/acme/versions/latest",
    "/home/u/.local/share/acme/versions/1.2.3/rg",
    "/.local/share/acme/versions/1.2.3",
    "/usr/bin/acme",
    "/x/usr/share/acme/acme",
    "/usr/share/acme/acme2",
]


def rules(text: str) -> list[SigmaRule]:
    collection = SigmaCollection.from_yaml(text)
    assert collection.errors == []
    return [rule for rule in collection if isinstance(rule, SigmaRule)]


def patterns(rule: SigmaRule) -> list[str]:
    (item,) = rule.detection.detections["selection"].detection_items
    assert item.field == "Image"
    values: list[Any] = item.value
    assert all(isinstance(value, SigmaRegularExpression) for value in values)
    return [str(value.regexp) for value in values]


def test_the_rules_of_the_whole_catalog_are_right() -> None:
    text = write(REAL, REAL.tools)
    found = rules(text)
    assert len({rule.id for rule in found}) == len(found) > 10
    issues = SigmaValidator(validators.values()).validate_rules(found)
    assert [str(issue) for issue in issues] == []


@pytest.mark.parametrize("place", PLACES)
def test_a_place_is_the_tools_to_both_or_to_none(place: str) -> None:
    linux = next(rule for rule in rules(write(CATALOG, CATALOG.tools)) if rule.logsource.product == "linux")
    ours = any(shape_of(shape).matches(place) for shape in CATALOG.by_id["acme"].values(Kind.PATH))
    assert any(re.search(pattern, place) for pattern in patterns(linux)) is ours


def test_the_regular_expressions_are_plain() -> None:
    found = [pattern for rule in rules(write(REAL, REAL.tools)) for pattern in patterns(rule)]
    assert not [pattern for pattern in found if "?P<" in pattern or "*?" in pattern or r"\-" in pattern]


def test_each_system_has_the_places_that_it_can_have() -> None:
    found = {rule.logsource.product: patterns(rule) for rule in rules(write(CATALOG, CATALOG.tools))}
    assert found.keys() == {"linux", "macos"}
    assert (len(found["linux"]), len(found["macos"])) == (2, 1)


def test_a_rule_keeps_its_id_and_the_export_its_text() -> None:
    both = [write(REAL, REAL.tools), write(load(), load().tools)]
    assert both[0] == both[1]
    (one, _other) = rules(write(REAL, [REAL.by_id["amp"]]))
    assert str(one.id) == "667b335a-3651-55eb-a9aa-4e533f116884"


def test_the_head_says_what_is_not_carried_over() -> None:
    head = write(REAL, REAL.tools).partition("---")[0]
    assert all(line.startswith("#") for line in head.splitlines())
    for word in ("content marks", "signers", "Windows", "gemini-cli", REAL.version):
        assert word in head
    assert write(REAL, [REAL.by_id["aider"]]).splitlines()[-1].startswith("#")
