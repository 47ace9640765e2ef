"""The values a policy is made of, each read from its node into its type, what is wrong noted on the way."""

from collections.abc import Mapping
from typing import Final

from aipolicy.core import yamlfile
from aipolicy.core.message import MAX_TEXT, check_message, check_text
from aipolicy.core.model import Action
from aipolicy.core.problem import Code, Problems, shown
from aipolicy.core.selector import Kind, KnownTools
from aipolicy.core.suggest import did_you_mean

TOP_KEYS: Final = ("name", "mode", "banned", "approved", "unlisted", "contact", "message")
ENTRY_KEYS: Final = ("tool", "action", "reason", "message")
LATER_KEYS: Final = ("versions", "from", "until", "grace", "scopes", "exemptions", "tests", "privacy")
"""Keys of the language that this version cannot honour, so it refuses them: ignored, they would mislead."""

ACTIONS: Final[Mapping[str, tuple[Action, ...]]] = {
    "mode": (Action.REPORT, Action.WARN, Action.BLOCK),
    "banned": (Action.REPORT, Action.WARN, Action.BLOCK),
    "approved": (Action.ALLOW,),
    "unlisted": tuple(Action),
}
"""What may be written where."""


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

    def keys(self, mapping: yamlfile.Mapping, allowed: tuple[str, ...]) -> dict[str, yamlfile.Node]:
        """The values of the allowed keys; every other key is a problem."""
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
        if key.text in TOP_KEYS:
            suggestion = f"`{key.text}` belongs to the policy, not to an entry"
        elif key.text in ENTRY_KEYS:
            suggestion = f"`{key.text}` belongs to an entry of banned or approved"
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

    def action(self, node: yamlfile.Node | None, where: str) -> Action | None:
        """An action that is possible in `where`."""
        what = where if where in ("mode", "unlisted") else "action"
        scalar = self.scalar(node, what)
        if scalar is None:
            return None
        possible = ACTIONS[where]
        if scalar.text in possible:
            return Action(scalar.text)
        noun = "mode" if where == "mode" else "action"
        message = f"{shown(scalar.text)} is no {noun}{did_you_mean(scalar.text, possible)}"
        suggestion = "write " + ", ".join(possible[:-1]) + f" or {possible[-1]}"
        if where == "approved":
            message = f"an approved tool is allowed, it cannot have the action {shown(scalar.text)}"
            suggestion = "remove the action, or move the entry to banned"
        elif where == "banned" and scalar.text == Action.ALLOW:
            message = "a banned tool cannot have the action 'allow'"
            suggestion = "move the entry to approved"
        self.problems.add(scalar, Code.MODE if where == "mode" else Code.ACTION, message, suggestion)
        return None


def kind(node: yamlfile.Node) -> str:
    """What the file has there, in words."""
    if isinstance(node, yamlfile.Mapping):
        return "a mapping"
    return "a list" if isinstance(node, yamlfile.Sequence) else f"the text {shown(node.text)}"
