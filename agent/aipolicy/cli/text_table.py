"""A table for people: as wide as their terminal, wide enough for everything in a pipe."""

import io
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Final

_PIPE_WIDTH: Final = 200


def text_table(head: Sequence[str], rows: Iterable[Sequence[str]], right: int = 0) -> str:
    """Its lines, without blanks at their ends. right: how many of the last columns hold numbers."""
    from rich.console import Console  # 40 ms that JSON and Markdown do not pay
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="")
    for place, title in enumerate(head):
        numbers = place >= len(head) - right
        table.add_column(title.upper(), justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    text = io.StringIO()
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPE_WIDTH
    Console(file=text, width=width, highlight=False, color_system=None).print(table)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())
