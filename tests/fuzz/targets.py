"""What must hold whatever the bytes: a promise per target. Each raises where one is broken.

`python -m fuzz` lets atheris look for such bytes; test_fuzz.py tries what it kept and found at every run.
"""

import contextlib
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import jsonschema
import msgspec
import yaml
from msgspec.structs import replace

from aipolicy.core import yamlfile
from aipolicy.core.normal_form import NoNormalForm, normal_form
from aipolicy.core.policy import PolicyErrors, parse
from aipolicy.core.policy_schema import UNSAID, policy_schema
from aipolicy.core.problem import Code, Problem, Problems, annotate
from aipolicy.core.unsafe import UNSAFE
from aipolicy.core.version_range import read_versions
from aipolicy.core.versions import Scheme, compare
from aipolicy.core.yamlfile import Mapping, Node, Scalar, YamlErrors, load
from policy_samples import KNOWN


def loader(data: bytes) -> None:
    """A text is read as PyYAML reads it, every scalar as text; or refused with places."""
    try:
        root = load(data, "policy.yaml")
    except YamlErrors as refused:
        _are_right(refused.problems)
        return
    text = data.decode().removeprefix("\ufeff").replace("\r\n", "\n")
    expected = yaml.load(text, Loader=yaml.CBaseLoader)  # noqa: S506  it makes texts, lists and mappings only
    assert _plain(root) == expected
    assert all(_is_inside(node, text) for node in _nodes(root))


def checker(data: bytes) -> None:
    """A policy is right, or refused with places, each shown in ASCII with its code."""
    try:
        first = parse(data, "policy.yaml", KNOWN)
    except PolicyErrors as refused:
        _are_right(refused.problems)
        return
    assert first == parse(data, "policy.yaml", KNOWN)
    assert yamlfile.read(data, "policy.yaml")[0] is not None


def fmt(data: bytes) -> None:
    """The normal form says the same, with every comment, and is its own normal form."""
    try:
        once = normal_form(data, "policy.yaml")
    except YamlErrors:
        return
    except NoNormalForm:
        root = load(data, "policy.yaml")
        assert not isinstance(root, Mapping) or any(len(key) > _LONG_KEY for key in _keys(root))
        return
    assert normal_form(once.encode(), "policy.yaml") == once
    assert _plain(load(once, "policy.yaml")) == _plain(load(data, "policy.yaml"))
    with contextlib.suppress(yaml.YAMLError):  # PyYAML's own scanner reads a few texts otherwise
        assert sorted(_comments(once)) == sorted(_comments(data.decode()))
    assert _said(once) == _said(data)


_LONG_KEY = 900
"""YAML has no way to write longer ones before a colon."""


def _keys(root: Node) -> list[str]:
    maps = [node for node in _nodes(root) if isinstance(node, Mapping)]
    return [key.text for node in maps for key, _ in node.items]


def _comments(text: str) -> list[str]:
    """What PyYAML's own scanner, in Python, passes over as comments."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    scanner, seen = _Comments(text), []
    while scanner.check_token():
        seen.append(getattr(scanner.get_token(), "value", None))
    if seen != [getattr(token, "value", None) for token in yaml.scan(text, Loader=yaml.CSafeLoader)]:
        raise yaml.YAMLError("PyYAML's own scanner sees other texts than libyaml")
    return [comment for comment in scanner.found.values() if comment]


class _Comments(yaml.reader.Reader, yaml.scanner.Scanner):
    def __init__(self, text: str) -> None:
        yaml.reader.Reader.__init__(self, text)
        yaml.scanner.Scanner.__init__(self)
        self.found: dict[int, str] = {}

    def scan_to_next_token(self) -> None:
        before = self.index
        super().scan_to_next_token()
        self._note(before)

    def scan_block_scalar_ignored_line(self, start_mark: Any) -> None:
        before = self.index
        super().scan_block_scalar_ignored_line(start_mark)
        self._note(before)

    def _note(self, before: int) -> None:
        """The reader keeps what it has passed in its buffer, which begins where it last read on."""
        passed = self.buffer[: self.pointer][-(self.index - before) :] if self.index > before else ""
        at = self.index - len(passed)
        for line in passed.split("\n"):
            sign = line.find("#")
            if sign >= 0:
                self.found[at + sign] = line[sign:].rstrip()
            at += len(line) + 1


def _said(text: str | bytes) -> Any:
    """What the policy means, or what is wrong with it, but for lines."""
    try:
        policy = parse(text, "policy.yaml", KNOWN)
    except PolicyErrors as refused:
        return sorted((problem.code, problem.suggestion) for problem in refused.problems)
    said = msgspec.to_builtins(replace(policy, version=""))
    return _without_lines(said)


def _without_lines(said: Any) -> Any:
    if isinstance(said, dict):
        return {key: _without_lines(value) for key, value in said.items() if not key.endswith("rule")}
    return [_without_lines(each) for each in said] if isinstance(said, list | tuple) else said


def _are_right(problems: tuple[Problem, ...]) -> None:
    assert problems
    for problem in problems:
        assert problem.line >= 1
        assert 1 <= problem.column <= len(problem.source_line) + 1
        assert problem.code in set(Code)
        assert problem.message.isascii()
        assert not UNSAFE.search(annotate(problem))


def _nodes(node: Node) -> list[Node]:
    if isinstance(node, Scalar):
        return [node]
    inner = [part for pair in node.items for part in pair] if isinstance(node, Mapping) else list(node.items)
    return [node, *(each for one in inner for each in _nodes(one))]


def _is_inside(node: Node, text: str) -> bool:
    lines = text.split("\n")
    return 1 <= node.line <= len(lines) and 1 <= node.column <= len(lines[node.line - 1]) + 1


def _plain(node: Node) -> Any:
    """As PyYAML's base loader gives it."""
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, Mapping):
        return {key.text: _plain(value) for key, value in node.items}
    return [_plain(item) for item in node.items]


def schema(data: bytes) -> None:
    """The schema calls a document wrong exactly where the checker does, but for what it cannot say."""
    root, problems = yamlfile.read(data, "policy.yaml")
    if root is None or problems:
        return
    try:
        parse(data, "policy.yaml", KNOWN)
        found: set[str] = set()
    except PolicyErrors as refused:
        found = {problem.code for problem in refused.problems}
    if Code.DAY in found and b"-02-29" in data:
        return
    unsaid = set(UNSAID) - {Code.DAY}
    if found <= unsaid or not found & unsaid:  # where both kinds are, the one may hide the other
        assert editor().is_valid(_seen(root)) == (found <= unsaid)


@cache
def editor() -> Any:
    """What checks by the schema, with the end of a text as ECMA-262 has it."""
    return jsonschema.validators.extend(jsonschema.Draft202012Validator, {"pattern": _pattern})(
        policy_schema(KNOWN)
    )


def _pattern(
    _validator: Any, wanted: str, instance: Any, _schema: Any
) -> Iterator[jsonschema.ValidationError]:
    if isinstance(instance, str) and not re.search(wanted.removesuffix("$") + r"\Z", instance):
        yield jsonschema.ValidationError(wanted)


def _seen(node: Node) -> Any:
    """As an editor sees it, but every scalar a text."""
    if isinstance(node, Scalar):
        return None if node.missing else node.text
    if isinstance(node, Mapping):
        return {key.text: _seen(value) for key, value in node.items}
    return [_seen(item) for item in node.items]


def versions(data: bytes) -> None:
    """Versions are ordered: what is compared twice comes out alike, and no three run in a circle."""
    three = data.decode("utf-8", "replace").split("\n")[:3]
    problems = Problems("policy.yaml", "")
    for text in three:
        read_versions(text, Scalar(text=text, line=1, column=1), problems)
    for scheme in Scheme:
        orders = {(a, b): compare(a, b, scheme) for a in three for b in three}
        assert all(order in (-1, 0, 1, None) for order in orders.values())
        if scheme is Scheme.PLAIN:
            _are_ordered(three, orders)


def _are_ordered(three: list[str], orders: dict[tuple[str, str], int | None]) -> None:
    for a in three:
        assert orders[a, a] in (0, None)
        for b in three:
            back = orders[b, a]
            assert orders[a, b] == (None if back is None else -back)
            for c in three:
                if None not in (orders[a, b], orders[b, c], orders[a, c]):
                    assert not (orders[a, b] <= 0 and orders[b, c] <= 0) or orders[a, c] <= 0


TARGETS: dict[str, Callable[[bytes], None]] = {
    "loader": loader,
    "checker": checker,
    "fmt": fmt,
    "versions": versions,
    "schema": schema,
}
