"""How far a long scan has come: shown in a terminal after one second, never in a pipe."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_PATIENCE_S = 1.0
_EVERY_S = 0.2


@contextmanager
def shown_progress() -> Iterator[Callable[[str, int], None]]:
    """A callback `(stage, done)` for a scan; it draws one line on standard error and wipes it at the end."""
    terminal = sys.stderr
    if not terminal.isatty():
        yield lambda _stage, _done: None
        return
    started = last = time.monotonic()
    drawn = False

    def draw(stage: str, done: int) -> None:
        nonlocal last, drawn
        moment = time.monotonic()
        if moment - started < _PATIENCE_S or moment - last < _EVERY_S:
            return
        last, drawn = moment, True
        terminal.write(f"\r\x1b[K  looking: {stage} ({done:,}) ... {moment - started:.0f} s")
        terminal.flush()

    try:
        yield draw
    finally:
        if drawn:
            terminal.write("\r\x1b[K")
            terminal.flush()
