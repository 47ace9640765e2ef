"""A table is as wide as the terminal, and keeps every column in a pipe."""

import os
import subprocess
import sys

from aipolicy.cli.text_table import text_table
from ptys import Pty


def test_in_a_pipe_each_row_is_a_line_without_blanks_at_its_end() -> None:
    said = text_table(("who", "how many"), [("alice", "1"), ("bob" * 20, "1,000")], right=1)
    assert said == f"WHO{'HOW MANY':>67}\nalice{'1':>65}\n{'bob' * 20}{'1,000':>10}"


def test_in_a_narrow_terminal_no_line_is_longer_and_nothing_is_lost() -> None:
    table = "from aipolicy.cli.text_table import text_table as t; print(t(('a', 'b'), [('x' * 70, 'end')]))"
    pty = Pty()
    environ = {**os.environ, "COLUMNS": "40"}
    subprocess.run([sys.executable, "-c", table], stdout=pty.slave, env=environ, check=True)
    lines = pty.read().splitlines()
    assert max(map(len, lines)) <= 40
    text = "".join(lines)
    assert (text.count("x"), text.count("end")) == (70, 1)
