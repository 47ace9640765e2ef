"""The one form in which a policy is written: order of keys, quotes, lists, indentation; every comment kept.

What the policy means stays the same: the text that comes out is read again, and where it is not the same in
every node and comment, nothing is given back.
"""

import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

import yaml

from aipolicy.core import yamlfile
from aipolicy.core.plaintext import plain_text
from aipolicy.core.values import KEYS, Place
from aipolicy.core.yaml_layout import Item, Part, layout

WIDTH: Final = 100
_STEP: Final = 2
_KEPT_BLANK: Final = "\0"
"""A blank line of a text, which must not be tidied away. No file holds this character."""
_MODELINE: Final = re.compile(r"#\s*yaml-language-server:")
_BARE: Final = re.compile(r"(?![-?:,\[\]{}#&*!|>'\"%@`\s])[^\n\t]*(?<![\s:])")
_NOT_BARE: Final = re.compile(r":\s|\s#")
_NOT_IN_FLOW: Final = re.compile(r"[,?\[\]{}]")
_MARKERS: Final = ("---", "...")
_FOLDABLE: Final = re.compile(r"[^\s]+( [^\s]+)*")
_OTHER_TYPES: Final = re.compile(
    r"0o[0-7]+|[-+]?[0-9]+([eE][-+]?[0-9]+)?|\.nan|[-+]?\.inf|true|false|null|~", re.IGNORECASE
)
"""What YAML 1.2 takes for something else than text, beside what 1.1 does."""


class NoNormalForm(Exception):
    """The text cannot be written anew without a change; it stays as it is."""


def normal_form(text: bytes, filename: str) -> str:
    """The text in normal form. Raises YamlErrors where it is not right YAML, else NoNormalForm at most."""
    before = yamlfile.load(text, filename)
    decoded, _ = plain_text(text, filename, yamlfile.MAX_BYTES)
    if not isinstance(before, yamlfile.Mapping) or decoded is None:
        raise NoNormalForm("a policy is a mapping")
    root = layout(decoded)
    comments = _comments(root)
    written = "\n".join(_file(root)) + "\n"
    _compare(before, comments, written, filename)
    return written.replace("\n", "\r\n") if b"\r\n" in text else written


def _compare(before: yamlfile.Node, comments: Counter[str], written: str, filename: str) -> None:
    """Nothing is lost, or nothing is given back."""
    try:
        after = yamlfile.load(written, filename)
    except yamlfile.YamlErrors as errors:
        raise NoNormalForm(f"its normal form would not be right: {errors.problems[0]}") from errors
    if _meaning(before) != _meaning(after) or comments != _comments(layout(written)):
        raise NoNormalForm("its normal form would not say the same")


def _meaning(node: yamlfile.Node) -> Any:
    if isinstance(node, yamlfile.Scalar):
        return node.text, node.missing
    if isinstance(node, yamlfile.Mapping):
        return {key.text: _meaning(value) for key, value in node.items}
    return [_meaning(item) for item in node.items]


def _comments(part: Part) -> Counter[str]:
    return Counter(filter(None, _all_comments(part)))


def _all_comments(part: Part) -> Iterator[str]:
    yield from (*part.head, *part.foot)
    for item in part.items:
        yield from (*item.above, *item.beside)
        yield from _all_comments(item.value)


# --- the order -------------------------------------------------------------------------------------------


def _file(root: Part) -> list[str]:
    header = _take_header(root)
    _sort(root, Place.POLICY)
    for item in root.items:
        _settle(item, 0, listed=False)
    body = _block(root, 0) if root.items else ["{}", *root.foot]
    lines = _tidied([*header, *root.head, *body])
    return ["" if line == _KEPT_BLANK else line for line in lines]


def _take_header(root: Part) -> list[str]:
    """What stands at the top about the whole file: up to the last blank line, and the editor's line."""
    if not root.items:
        return []
    above = root.items[0].above
    cut = max((number for number, line in enumerate(above) if not line), default=-1) + 1
    header, rest = above[:cut], above[cut:]
    root.items[0].above = [line for line in rest if not _MODELINE.match(line)]
    return [*(line for line in rest if _MODELINE.match(line)), *header]


def _sort(part: Part, place: Place | None) -> None:
    """Keys in the order of the table; those that it does not have stay behind them in their own."""
    known = {key.name: (number, key) for number, key in enumerate(KEYS[place])} if place else {}
    if part.mapping:
        part.items.sort(key=lambda item: known[_name(item)][0] if _name(item) in known else len(known))
    for item in part.items:
        inner = place
        if part.mapping:
            inner = known[_name(item)][1].of if _name(item) in known else None
        _sort(item.value, inner)


def _name(item: Item) -> str:
    return item.key.text or "" if item.key is not None else ""


def _tidied(lines: Iterable[str]) -> Iterator[str]:
    """No blank line at the beginning or the end, and never two."""
    held = started = False
    for line in lines:
        if not line:
            held = started
            continue
        if held:
            yield ""
        held, started = False, True
        yield line


# --- brackets or lines -----------------------------------------------------------------------------------


def _settle(item: Item, indent: int, *, listed: bool) -> None:
    """Decides what stays in brackets, and moves the comments that then have no place where they were."""
    value = item.value
    if value.text is None:
        value.flow = not value.items or (value.flow and _fits(item, indent))
        if not value.flow:
            _settle_block(item, indent + _STEP, listed=listed)
        else:
            item.beside += filter(None, (*value.head, *value.foot))
    item.above += item.beside[1:]
    del item.beside[1:]


def _settle_block(item: Item, indent: int, *, listed: bool) -> None:
    value = item.value
    for inner in value.items:
        _settle(inner, indent, listed=not value.mapping)
    item.beside += value.head
    first = value.items[0]
    if listed:  # its first line stands behind the dash
        item.above += [*item.beside, *filter(None, first.above)]
        item.beside, first.above = [], []
    elif first.above[:1] == [""]:
        del first.above[0]


def _fits(item: Item, indent: int) -> bool:
    """Whether a list or mapping in brackets has room in one line, and no comment in it."""
    if not _is_bare(item.value):
        return False
    key = len(_word(item.key, flow=False)) if item.key is not None else 0
    return indent + key + _STEP + len(_in_brackets(item.value)) <= WIDTH


def _is_bare(part: Part) -> bool:
    inner = (line for item in part.items for line in (*item.above, *item.beside))
    return not any((*part.head, *part.foot, *inner)) and all(_is_bare(item.value) for item in part.items)


def _in_brackets(part: Part) -> str:
    if part.text is not None:
        return _word(part, flow=True)
    if not part.mapping:
        return "[" + ", ".join(_in_brackets(item.value) for item in part.items) + "]"
    pairs = (f"{_word(item.key, flow=True)}: {_in_brackets(item.value)}" for item in part.items)
    return "{" + ", ".join(pairs) + "}"


# --- lines -----------------------------------------------------------------------------------------------


def _block(part: Part, indent: int) -> Iterator[str]:
    """The items of a list or mapping, each on lines of its own."""
    for item in part.items:
        yield from _indented(item.above, indent)
        first = f"{_word(item.key, flow=False)}:" if part.mapping else "-"
        yield from _item(" " * indent + first, item, indent)
    yield from _indented(part.foot, indent)


def _item(first: str, item: Item, indent: int) -> Iterator[str]:
    """An item from its dash or key on."""
    value = item.value
    if value.text is not None:
        yield from _text(first, item, indent)
    elif value.flow:
        yield _with(f"{first} {_in_brackets(value)}", item)
    elif item.key is not None:
        yield _with(first, item)
        yield from _block(value, indent + _STEP)
    else:
        lines = _block(value, indent + _STEP)
        yield f"{first} {next(lines).lstrip(' ')}"
        yield from lines


def _with(line: str, item: Item) -> str:
    return "  ".join((line, *item.beside))


def _indented(comments: Iterable[str], indent: int) -> Iterator[str]:
    return (" " * indent + comment if comment else "" for comment in comments)


# --- texts -----------------------------------------------------------------------------------------------


def _text(first: str, item: Item, indent: int) -> Iterator[str]:
    """A text behind its dash or key: on one line, unless its author wrote several and it needs them."""
    value = item.value
    line = f"{first} {_word(value, flow=False)}".rstrip(" ")
    header, lines = _lines(value, WIDTH - indent - _STEP, too_long=len(line) > WIDTH)
    if not lines:
        yield _with(line, item)
        return
    yield _with(f"{first} {header}", item)
    margin = " " * (indent + _STEP)
    yield from (margin + each if each else _KEPT_BLANK for each in lines)


def _lines(part: Part, width: int, *, too_long: bool) -> tuple[str, list[str]]:
    """The sign and the lines of a text that stays on several; no lines where it does not."""
    text = part.text or ""
    body = text.rstrip("\n")
    ends = len(text) - len(body)
    chomp = "" if ends else "-"
    if not body.strip() or ends > 1:  # a `+`, after which blank lines would belong to the text
        return "", []
    if part.style == "|":
        lines = body.split("\n")
        indicator = str(_STEP) if next(filter(None, lines)).startswith(" ") else ""
        return f"|{indicator}{chomp}", lines
    if part.style == ">" and part.written:
        return f">{chomp}", part.written
    if part.style not in ("|", ">") and part.several and too_long and _FOLDABLE.fullmatch(text):
        return ">-", textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return "", []


def _word(part: Part | None, *, flow: bool) -> str:
    """A text on one line: bare where that is possible and every reader of YAML takes it for this text."""
    if part is None or (not part.text and not part.style):
        return ""
    text = part.text or ""
    if _may_be_bare(text, flow=flow) and (not part.style or _is_text_to_all(text)):
        return text
    if ('"' in text or "\\" in text) and "\n" not in text and "\t" not in text:
        return "'" + text.replace("'", "''") + "'"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def _may_be_bare(text: str, *, flow: bool) -> bool:
    if not _BARE.fullmatch(text) or _NOT_BARE.search(text) or text.startswith(_MARKERS):
        return False
    return not (flow and _NOT_IN_FLOW.search(text))


def _is_text_to_all(text: str) -> bool:
    """Whether other readers of YAML, old and new, would take it for no number, day, truth or nothing."""
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers.get(text[:1], ())
    return not _OTHER_TYPES.fullmatch(text) and not any(pattern.match(text) for _, pattern in resolvers)
