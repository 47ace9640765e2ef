"""For GitHub Actions: workflow commands, which it shows beside the line in the pull request.

How a value is escaped is not in its documentation but in its own toolkit: packages/core/src/command.ts.
"""

from aipolicy.cli.checked.report import CheckReport
from aipolicy.core.plural import plural
from aipolicy.core.problem import Problem
from aipolicy.core.wire import printable


def write(report: CheckReport) -> str:
    """A line per error, and one that counts them."""
    wrong = sum(not file.ok for file in report.files)
    errors = sum(1 for _ in report.problems())
    lines = [
        *map(_command, report.problems()),
        f"{len(report.files)} checked, {wrong} wrong, {plural(errors, 'error')}",
    ]
    return "\n".join(lines)


def _command(problem: Problem) -> str:
    places = {
        "file": printable(problem.file),
        "line": str(problem.line),
        "col": str(problem.column),
        "title": f"{problem.code} (aipolicy policy explain {problem.code})",
    }
    properties = ",".join(f"{name}={_property(value)}" for name, value in places.items())
    text = problem.message + (f"\n{problem.suggestion}" if problem.suggestion else "")
    return f"::error {properties}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
