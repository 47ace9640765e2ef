"""Where each value of a tool file is known from, so that a reader can judge it and renew it.

A text, or `unverified:` with a text, stands for all values of a kind; a list of groups (`of` and `from`, or
`of` and `unverified`) says it for each. Every value has exactly one source.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from aipolicy.core.model import Record
from aipolicy.core.problem import shown
from aipolicy.core.tool import Source
from aipolicy.core.toolreader import Reader
from aipolicy.core.yamlfile import Mapping as YamlMapping
from aipolicy.core.yamlfile import Node, Scalar
from aipolicy.core.yamlfile import Sequence as YamlSequence

_KEYS: Final = ("of", "from", "unverified")
_WHAT_TO_WRITE: Final = "what you ran or read, and when; if you did neither, write `{unverified: ...}`"


class Sourced(Record, frozen=True, kw_only=True):
    """A value that needs a source. kind: under which key of `sources`. line, column: where it stands."""

    kind: str
    value: str
    line: int
    column: int


def sources(
    node: Node | None, reader: Reader, values: Sequence[Sourced], kinds: Sequence[str]
) -> tuple[Source, ...]:
    """The sources of all `values`; a value without one is a problem at its line."""
    block = reader.mapping(node, "sources", kinds) if node is not None else None
    if block is None:
        return ()
    found: list[Source] = []
    for key, said in block.items:
        own = tuple(dict.fromkeys(value.value for value in values if value.kind == key.text))
        if own:
            found += _of_kind(key.text, said, own, reader)
        elif key.text in kinds:
            message = f"a source for {key.text}, of which there is no evidence"
            reader.problems.add(key, "T021", message, "remove it, or add the evidence")
    sourced = {(source.kind, value) for source in found for value in source.values}
    for value in values:
        if (value.kind, value.value) not in sourced:
            reader.problems.add(
                value,
                "T020",
                f"no source says where the {value.kind} evidence {shown(value.value)} is known from",
                f"add it to `sources:` under `{value.kind}:` with {_WHAT_TO_WRITE}",
            )
    return tuple(found)


def _of_kind(kind: str, said: Node, own: tuple[str, ...], reader: Reader) -> Iterator[Source]:
    if not isinstance(said, YamlSequence):
        if isinstance(said, YamlMapping) and said.get("of") is not None:
            message = "`of` belongs to a list of sources"
            reader.problems.add(said, "T023", message, "write `- {of: ..., from: ...}`, one line per group")
        yield _source(kind, own, said, reader)
        return
    taken: set[str] = set()
    for item in said.items:
        group = reader.mapping(item, "a source of several", _KEYS, needed=("of",))
        if group is not None:
            named = tuple(_named(group, kind, own, taken, reader))
            taken.update(named)
            yield _source(kind, named, group, reader)


def _named(
    group: YamlMapping, kind: str, own: tuple[str, ...], taken: Collection[str], reader: Reader
) -> Iterator[str]:
    """The values that one group is about."""
    for item in reader.items(group.get("of")):
        value = reader.text(item)
        if value and value not in own:
            message = f"a source for {shown(value)}, of which there is no {kind} evidence"
            reader.problems.add(item, "T021", message, "write the value as it stands under `evidence:`")
        elif value in taken:
            message = f"a second source for {shown(value)}"
            reader.problems.add(item, "T022", message, "say all of it in one place")
        elif value:
            yield value


def _source(kind: str, values: tuple[str, ...], said: Node, reader: Reader) -> Source:
    """A text, or a mapping that says by its key whether that was checked."""
    if isinstance(said, Scalar):
        return Source(kind=kind, values=values, text=reader.text(said))
    node = reader.mapping(said, "a source", _KEYS)
    checked, unchecked = (node.get("from"), node.get("unverified")) if node is not None else (None, None)
    if node is not None and (checked is None) is (unchecked is None):
        message = "a source says either `from` or `unverified`"
        reader.problems.add(node, "T023", message, f"write {_WHAT_TO_WRITE}")
    text = reader.text(unchecked if checked is None else checked)
    return Source(kind=kind, values=values, text=text, verified=unchecked is None)
