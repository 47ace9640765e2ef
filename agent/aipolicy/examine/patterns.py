"""One pass of hyperscan over an open file: which pattern was met where. What they mean is the caller's."""

from collections.abc import Callable, Sequence
from typing import Any

import hyperscan

from aipolicy.examine.data import Reading


def literal(text: bytes) -> bytes:
    """The expression for this very text: the binding's literal mode ends each literal at its first NUL."""
    return "".join(f"\\x{byte:02x}" for byte in text).encode()


def compiled(expressions: Sequence[bytes], once: Sequence[bool], *, block: bool = False) -> Any:
    """For one thread: hyperscan's scratch space must not be shared. block: for memory, not for a stream.

    once: of which only the first place counts. Matches tell the number of the expression.
    """
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK if block else hyperscan.HS_MODE_STREAM)
    database.compile(
        expressions=list(expressions),
        ids=list(range(len(expressions))),
        elements=len(expressions),
        flags=[hyperscan.HS_FLAG_SINGLEMATCH if one else 0 for one in once],
    )
    return database


def scan(database: Any, reading: Reading, note: Callable[[int, int], bool]) -> bool:
    """`note(number, offset in the file behind the match)` for each match, until it says that it is enough.

    False where it did, and the rest was not searched.
    """
    shift = 0  # from a place in the stream to its place in the file
    fed = 0

    def matched(number: int, _from: int, to: int, _flags: int, _context: object) -> bool:
        return note(number, to + shift)

    try:
        # the binding keeps no reference of its own to the handler: it has to have a name here
        with database.stream(match_event_handler=matched) as stream:
            for piece in reading.pieces():
                if not piece.follows and fed:
                    stream.scan(b"\0")  # a hole: what stands before and behind it is not one text
                    fed += 1
                shift = piece.offset - fed
                stream.scan(piece.data)
                fed += len(piece.data)
    except hyperscan.ScanTerminated:
        return False
    return True
