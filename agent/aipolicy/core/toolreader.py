"""Takes values out of a tool file's YAML nodes and notes what is wrong with them."""

from collections.abc import Sequence
from typing import Final

from aipolicy.core.problem import Problems, shown
from aipolicy.core.suggest import did_you_mean
from aipolicy.core.yamlfile import Mapping, Node, Scalar
from aipolicy.core.yamlfile import Sequence as YamlSequence

_LONGEST: Final = 1000


class Reader:
    """Every method answers something usable after noting a problem, so that one mistake is one error."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems

    def mapping(
        self, node: Node | None, what: str, keys: Sequence[str], needed: Sequence[str] = ()
    ) -> Mapping | None:
        """The node as a mapping with no other keys than these; None where it is none."""
        if node is None:
            return None
        if not isinstance(node, Mapping):
            self.problems.add(node, "T001", f"{what} is a mapping", "write `key: value`")
            return None
        for key, _value in node.items:
            if key.text not in keys:
                hint = did_you_mean(key.text, keys)
                message = f"{what} has no key {shown(key.text)}{hint}"
                self.problems.add(key, "T002", message, f"known are: {', '.join(keys)}")
        for key_text in needed:
            if node.get(key_text) is None:
                self.problems.add(node, "T004", f"{what} needs the key '{key_text}'", f"add `{key_text}:`")
        return node

    def text(self, node: Node | None) -> str:
        """The node's text, empty where there is none."""
        if node is None:
            return ""
        if not isinstance(node, Scalar):
            self.problems.add(node, "T001", "a text belongs here")
            return ""
        if not node.text.strip():
            self.problems.add(node, "T005", "a value is missing", "write one, or remove the line")
        elif len(node.text) > _LONGEST:
            self.problems.add(node, "T006", f"the text is longer than {_LONGEST} characters")
        return node.text

    def items(self, node: Node | None) -> tuple[Node, ...]:
        """The items of a list; anything else counts as a list of one."""
        if node is None:
            return ()
        return node.items if isinstance(node, YamlSequence) else (node,)

    def texts(self, node: Node | None) -> tuple[str, ...]:
        """The texts of a list."""
        return tuple(text for item in self.items(node) if (text := self.text(item)))

    def one_of(self, node: Node | None, options: Sequence[str], what: str) -> str:
        """One of a few words, empty where it is none of them."""
        text = self.text(node)
        if node is None or not text:
            return ""
        if text not in options:
            message = f"unknown {what} {shown(text)}{did_you_mean(text, options)}"
            self.problems.add(node, "T007", message, f"known are: {', '.join(options)}")
            return ""
        return text
