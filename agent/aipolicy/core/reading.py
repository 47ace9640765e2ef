"""The values a policy is made of, each read from its node into its type, what is wrong noted on the way."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from aipolicy.core import yamlfile
from aipolicy.core.days import read_day, read_days, read_span
from aipolicy.core.message import MAX_TEXT, check_message, check_text
from aipolicy.core.model import Action
from aipolicy.core.problem import Code, Problems, shown
from aipolicy.core.selector import Kind, KnownTools, Selector, read_selector
from aipolicy.core.suggest import did_you_mean
from aipolicy.core.values import KEYS, Place, key_of, names
from aipolicy.core.version_range import VersionRange, read_versions


class Reading:
    """One file while it is read. has_contact: whether {contact} can be filled. file: its base name."""

    def __init__(self, file: str, known: KnownTools, problems: Problems, has_contact: bool) -> None:
        self.file = file
        self.known = known
        self.problems = problems
        self.has_contact = has_contact

    def rule(self, node: yamlfile.Node) -> str:
        """How a verdict names the line of `node`."""
        return f"{self.file}:{node.line}"

    def keys(self, mapping: yamlfile.Mapping, place: Place) -> dict[str, yamlfile.Node]:
        """The values of the keys that may stand there; every other key is a problem."""
        allowed = names(place)
        values: dict[str, yamlfile.Node] = {}
        for key, value in mapping.items:
            if self.problems.full:
                break
            if key.text in allowed:
                values[key.text] = value
            else:
                self._unknown_key(key, allowed)
        return values

    def _unknown_key(self, key: yamlfile.Scalar, allowed: tuple[str, ...]) -> None:
        hint = ""
        elsewhere = [place for place in Place if key.text in names(place)]
        if elsewhere:
            suggestion = f"`{key.text}` belongs to {_belongs(elsewhere)}"
        elif key.text in (Kind.VENDOR, Kind.CATEGORY):
            suggestion = f"write {key.text}:NAME, without a space"
        elif key.text in self.known.ids:
            suggestion = f"write `tool: {key.text}`"
        else:
            suggestion = "known keys are: " + ", ".join(allowed)
            hint = did_you_mean(key.text, allowed)
        self.problems.add(key, Code.UNKNOWN_KEY, f"unknown key {shown(key.text)}{hint}", suggestion)

    def needed(self, mapping: yamlfile.Mapping, values: Mapping[str, yamlfile.Node], place: Place) -> None:
        """Notes each key that must be there and is not, unless it was mistyped."""
        mistyped = len(values) < len(mapping.items)
        for key in KEYS[place]:
            if key.needed and key.name not in values and not mistyped:
                message = f"{_IN_WORDS[place]} needs `{key.name}`"
                self.problems.add(mapping, Code.NEEDED, message, f"add `{key.name}`: {key.says}")

    def mappings(self, node: yamlfile.Node | None, place: Place, what: str) -> Iterator[yamlfile.Mapping]:
        """The items of a list of mappings; nothing where the file has no such list."""
        if node is None:
            return
        if not isinstance(node, yamlfile.Sequence):
            missing = isinstance(node, yamlfile.Scalar) and node.missing
            message = f"{what} has no value" if missing else f"{what} is a list, not {kind(node)}"
            self.problems.add(node, Code.NO_VALUE if missing else Code.WRONG_TYPE, message, _list_of(place))
            return
        for item in node.items:
            if self.problems.full:
                return
            if isinstance(item, yamlfile.Mapping):
                yield item
            else:
                message = f"{_IN_WORDS[place]} is a mapping, not {kind(item)}"
                self.problems.add(item, Code.WRONG_TYPE, message, _list_of(place))

    def words(self, node: yamlfile.Node | None, what: str) -> tuple[yamlfile.Scalar, ...]:
        """A list of names, each with its place."""
        if node is None:
            return ()
        if not isinstance(node, yamlfile.Sequence):
            missing = isinstance(node, yamlfile.Scalar) and node.missing
            message = f"{what} has no value" if missing else f"{what} is a list, not {kind(node)}"
            suggestion = "" if missing or not isinstance(node, yamlfile.Scalar) else f"write [{node.text}]"
            code = Code.NO_VALUE if missing else Code.WRONG_TYPE
            self.problems.add(node, code, message, suggestion or "write one, or remove the line")
            return ()
        if not node.items:
            self.problems.add(node, Code.EMPTY_LIST, f"{what} names nobody", f"remove `{what}`, or name some")
        scalars = (self.scalar(item, f"an item of {what}") for item in node.items)
        return tuple(scalar for scalar in scalars if scalar is not None)

    def selector_named(self, text: str, at: yamlfile.Scalar) -> Selector | None:
        """What a part of a text names."""
        return read_selector(text, at, self.known, self.problems)

    def selector(self, node: yamlfile.Node | None, what: str) -> Selector | None:
        """What it names."""
        scalar = self.scalar(node, what)
        return self.selector_named(scalar.text, scalar) if scalar else None

    def scalar(self, node: yamlfile.Node | None, what: str) -> yamlfile.Scalar | None:
        """The node where it is a text; None where it is not there, or is something else."""
        if node is None:
            return None
        if not isinstance(node, yamlfile.Scalar):
            message = f"{what} is a text, not {kind(node)}"
            self.problems.add(node, Code.WRONG_TYPE, message, "write one text, without brackets or dashes")
            return None
        if node.missing:
            self.problems.add(node, Code.NO_VALUE, f"{what} has no value", "write one, or remove the line")
            return None
        return node

    def text(self, node: yamlfile.Node | None, what: str) -> str:
        """A text for people."""
        scalar = self.scalar(node, what)
        return check_text(scalar.text, what, scalar, self.problems) if scalar else ""

    def message(self, node: yamlfile.Node | None) -> str:
        """A text for people that may hold placeholders."""
        text = self.text(node, "message")
        if node is not None and len(text) <= MAX_TEXT:
            check_message(text, self.has_contact, node, self.problems)
        return text

    def day(self, node: yamlfile.Node | None, what: str) -> datetime | None:
        """When a day begins."""
        scalar = self.scalar(node, what)
        return read_day(scalar.text, what, scalar, self.problems) if scalar else None

    def span(self, node: yamlfile.Node | None, what: str) -> timedelta | None:
        """How long something lasts."""
        scalar = self.scalar(node, what)
        return read_span(scalar.text, what, scalar, self.problems) if scalar else None

    def days(self, node: yamlfile.Node | None, what: str) -> int | None:
        """How many days."""
        scalar = self.scalar(node, what)
        return read_days(scalar.text, what, scalar, self.problems) if scalar else None

    def versions(self, node: yamlfile.Node | None) -> VersionRange | None:
        """A range of versions."""
        scalar = self.scalar(node, "versions")
        return read_versions(scalar.text, scalar, self.problems) if scalar else None

    def action(self, node: yamlfile.Node | None, what: str, place: Place) -> Action | None:
        """An action that the key `what` may have there."""
        scalar = self.scalar(node, what)
        if scalar is None:
            return None
        possible = key_of(place, what).words
        if scalar.text in possible:
            return Action(scalar.text)
        noun = "mode" if what == "mode" else "action"
        message = f"{shown(scalar.text)} is no {noun}{did_you_mean(scalar.text, possible)}"
        suggestion = "write " + ", ".join(possible[:-1]) + f" or {possible[-1]}"
        if place is Place.APPROVED:
            message = f"an approved tool is allowed, it cannot have the action {shown(scalar.text)}"
            suggestion = "remove the action, or move the entry to banned"
        elif place is Place.BANNED and scalar.text == Action.ALLOW:
            message = "a banned tool cannot have the action 'allow'"
            suggestion = "move the entry to approved"
        self.problems.add(scalar, Code.MODE if what == "mode" else Code.ACTION, message, suggestion)
        return None


_IN_WORDS: Final = {
    Place.POLICY: "the policy itself",
    Place.BANNED: "an entry of banned",
    Place.APPROVED: "an entry of approved",
    Place.SCOPE: "a scope",
    Place.EXEMPTION: "an exemption",
    Place.TEST: "a test",
    Place.PRIVACY: "privacy",
}


def _belongs(places: list[Place]) -> str:
    """Where a key may stand, in words."""
    return " or ".join(_IN_WORDS[place] for place in places)


def _list_of(place: Place) -> str:
    needed = ", ".join(f"{key.name}: ..." for key in KEYS[place] if key.needed)
    return f"write a list of mappings: - {{{needed}}}"


def kind(node: yamlfile.Node) -> str:
    """What the file has there, in words."""
    if isinstance(node, yamlfile.Mapping):
        return "a mapping"
    return "a list" if isinstance(node, yamlfile.Sequence) else f"the text {shown(node.text)}"
