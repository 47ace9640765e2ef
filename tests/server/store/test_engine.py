"""SQLite's file: opened once and safely, and shared with others that look into it while the server runs."""

import subprocess
import sys
from pathlib import Path

from server_lab import Lab, outcome

LOOK = """
import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute("SELECT count(*) FROM events").fetchone()[0])
"""


def seen_by_another_process(data: Path) -> int:
    """What `sqlite3 server.db`, a backup, or a second `aipolicy server` sees; it comes, looks, and closes."""
    path = str(data / "server.db")
    return int(subprocess.run([sys.executable, "-c", LOOK, path], check=True, capture_output=True).stdout)


def test_a_process_that_looks_into_the_database_takes_nothing_with_it(data: Path) -> None:
    """A process that closes any descriptor of a file loses all its locks on it (POSIX).

    The server once opened the file beside SQLite; then whoever looked in took SQLite's log for abandoned and
    removed it, and what the server stored from then on was acknowledged and lost.
    """
    with Lab.open(data) as lab:
        device = lab.enrol()
        for stored in range(1, 4):
            device.send(outcome())
            assert seen_by_another_process(data) == stored
            lab.get("/overview")
    assert seen_by_another_process(data) == 3
