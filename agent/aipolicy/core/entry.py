"""An entry of `banned` or `approved`, and the reading of such a list."""

from aipolicy.core import yamlfile
from aipolicy.core.model import Action, Record
from aipolicy.core.problem import Code
from aipolicy.core.selector import Selector, read_selector
from aipolicy.core.values import ENTRY_KEYS, Reading, kind


class Entry(Record, frozen=True, kw_only=True, gc=False):
    """One item of `banned` or `approved`.

    selector: what it names. action: the action it states, null where it states none.
    reason: why, in the policy's words. message: what the person is told, empty where the policy's holds.
    rule: the file's base name and the line.
    """

    selector: Selector
    action: Action | None = None
    reason: str = ""
    message: str = ""
    rule: str


def read_entries(node: yamlfile.Node | None, where: str, reading: Reading) -> tuple[Entry, ...]:
    """The entries of the list `where`; nothing where the file has no such list."""
    if node is None:
        return ()
    if not isinstance(node, yamlfile.Sequence):
        _not_a_list(node, where, reading)
        return ()
    entries: dict[Selector, Entry] = {}
    for item in node.items:
        if reading.problems.full:
            break
        entry = _entry(item, where, reading)
        if entry is None:
            continue
        first = entries.setdefault(entry.selector, entry)
        if first is not entry:
            message = f"'{entry.selector}' stands twice in {where}, first in {first.rule}"
            reading.problems.add(item, Code.DUPLICATE_ENTRY, message, "keep one of them")
    return tuple(entries.values())


def _not_a_list(node: yamlfile.Node, where: str, reading: Reading) -> None:
    if isinstance(node, yamlfile.Scalar) and node.missing:
        message, suggestion = f"{where} has no value", f"write `{where}: []` for an empty list"
        reading.problems.add(node, Code.NO_VALUE, message, suggestion)
        return
    short = isinstance(node, yamlfile.Scalar) and 0 < len(node.text) < 40 and node.text.isascii()
    word = node.text if short and isinstance(node, yamlfile.Scalar) else "TOOL"
    message = f"{where} is a list, not {kind(node)}"
    reading.problems.add(node, Code.WRONG_TYPE, message, f"write `{where}: [{word}]`")


def _entry(item: yamlfile.Node, where: str, reading: Reading) -> Entry | None:
    rule = reading.rule(item)
    if isinstance(item, yamlfile.Scalar):
        selector = _selector(item, f"an entry of {where}", reading)
        return Entry(selector=selector, rule=rule) if selector else None
    if isinstance(item, yamlfile.Sequence):
        message = f"an entry of {where} is a tool, or a mapping with `tool`, not a list"
        reading.problems.add(item, Code.WRONG_TYPE, message, "write each tool as an entry of its own")
        return None
    before = len(reading.problems)
    values = reading.keys(item, ENTRY_KEYS)
    if "tool" not in values and len(reading.problems) == before:
        reading.problems.add(item, Code.NO_TOOL, f"the entry of {where} names no tool", "add `tool: ID`")
    selector = _selector(values.get("tool"), "tool", reading)
    action = reading.action(values.get("action"), where)
    reason, message = reading.text(values.get("reason"), "reason"), reading.message(values.get("message"))
    if selector is None:
        return None
    return Entry(selector=selector, action=action, reason=reason, message=message, rule=rule)


def _selector(node: yamlfile.Node | None, what: str, reading: Reading) -> Selector | None:
    scalar = reading.scalar(node, what)
    return read_selector(scalar.text, scalar, reading.known, reading.problems) if scalar else None
