"""Marks that stand in a list of many tools' marks: a scanner's rules, or this agent's own catalog.

Such a list says nothing of the file that holds it. Nor does it take anything from the marks elsewhere in the
file: a list put behind a copied program does not hide the program.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from aipolicy.examine.data import Reading

BLOCK_BYTES: Final = 64 << 10
"""A passage is a block and its two neighbours. No tool measured holds another tool's marks at all."""

_MANY_TOOLS: Final = 3
_SEVERAL: Final = 2

Blocks = dict[int, frozenset[str]]
"""Ids of the marks found ("tool:mark"), by the number of the block they begin in."""


def may_hold_a_list(marks: Iterable[str]) -> bool:
    """Whether marks of different tools were found at all: mostly not, and then nothing needs a look."""
    return len({_tool(mark) for mark in marks}) > 1


def outside_lists(blocks: Blocks) -> frozenset[str]:
    """The marks that stand at one place at least that is not part of a list."""
    alone = (marks for number, marks in blocks.items() if not _is_list(_around(number, blocks)))
    return frozenset().union(*alone)


def marks_by_block(
    reading: Reading, longest: int, scan: Callable[[memoryview], Iterable[str]]
) -> Iterator[tuple[int, frozenset[str]]]:
    """What `scan` finds, block by block; each mark counts once in each, however often it stands there.

    longest: bytes of the longest mark. A few bytes of the next block belong to each, lest one be cut in two.
    """
    more = longest - 1
    tail = b""
    for piece in reading.pieces():
        data = memoryview((tail if piece.follows else b"") + bytes(piece.data))
        first = piece.offset // BLOCK_BYTES
        for place in range(0, len(data), BLOCK_BYTES):
            if found := frozenset(scan(data[place : place + BLOCK_BYTES + more])):
                yield first + place // BLOCK_BYTES, found
        tail = bytes(data[max(0, len(data) - more) :])


def _around(number: int, blocks: Blocks) -> frozenset[str]:
    none: frozenset[str] = frozenset()
    return none.union(*(blocks.get(number + step, none) for step in (-1, 0, 1)))


def _is_list(marks: frozenset[str]) -> bool:
    """Of three tools, or of two with several each: one mark of another tool alone is a mention of it."""
    counts = Counter(map(_tool, marks))
    return len(counts) >= _MANY_TOOLS or sum(count >= _SEVERAL for count in counts.values()) >= _SEVERAL


def _tool(mark: str) -> str:
    return mark.partition(":")[0]
