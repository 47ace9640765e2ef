"""The values a policy is made of, each read from its node into its type, what is wrong noted on the way."""

from datetime import datetime, timedelta

from aipolicy.core import yamlfile
from aipolicy.core.days import read_day, read_span
from aipolicy.core.message import MAX_TEXT, check_message, check_text
from aipolicy.core.model import Action
from aipolicy.core.problem import Code, Problems, shown
from aipolicy.core.selector import Kind, KnownTools
from aipolicy.core.suggest import did_you_mean
from aipolicy.core.values import LATER_KEYS, Place, key_of, names
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
            elif key.text in LATER_KEYS:
                message = f"the key {shown(key.text)} is not supported by this version of aipolicy"
                self.problems.add(key, Code.NOT_SUPPORTED, message, "remove it, or use a later version")
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
            hint = did_you_mean(key.text, (*allowed, *LATER_KEYS))
        self.problems.add(key, Code.UNKNOWN_KEY, f"unknown key {shown(key.text)}{hint}", suggestion)

    def scalar(self, node: yamlfile.Node | None, what: str) -> yamlfile.Scalar | None:
        """The node where it is a text; None where it is not there, or is something else."""
        if node is None:
            return None
        if not isinstance(node, yamlfile.Scalar):
            self.problems.add(node, Code.WRONG_TYPE, f"{what} is a text, not {kind(node)}")
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


def _belongs(places: list[Place]) -> str:
    """Where a key may stand, in words."""
    if Place.POLICY in places:
        return "the policy, not to an entry"
    return "an entry of " + " or ".join(places)


def kind(node: yamlfile.Node) -> str:
    """What the file has there, in words."""
    if isinstance(node, yamlfile.Mapping):
        return "a mapping"
    return "a list" if isinstance(node, yamlfile.Sequence) else f"the text {shown(node.text)}"
