"""For GitHub Actions: workflow commands, which it shows beside the line in the pull request.

How a value is escaped is not in its documentation but in its own toolkit: packages/core/src/command.ts.
"""

from collections.abc import Mapping

from aipolicy.cli.checked.report import CheckReport
from aipolicy.core.ended import Ended
from aipolicy.core.plural import plural
from aipolicy.core.problem import Problem
from aipolicy.core.wire import printable


def write(report: CheckReport) -> str:
    """A line per error and per warning, and one that counts them."""
    wrong = sum(not file.ok for file in report.files)
    errors = sum(1 for _ in report.problems())
    warnings = [_warning(file.file, one) for file in report.files for one in file.ended]
    counts = f"{len(report.files)} checked, {wrong} wrong, {plural(errors, 'error')}"
    counts += f", {plural(len(warnings), 'warning')}" if warnings else ""
    return "\n".join((*map(_error, report.problems()), *warnings, counts))


def _error(problem: Problem) -> str:
    places = {
        "file": printable(problem.file),
        "line": str(problem.line),
        "col": str(problem.column),
        "title": f"{problem.code} (aipolicy policy explain {problem.code})",
    }
    text = problem.message + (f"\n{problem.suggestion}" if problem.suggestion else "")
    return _command("error", places, text)


def _warning(file: str, one: Ended) -> str:
    places = {"file": printable(file), "line": str(one.line)}
    return _command("warning", places, f"{one.message}\n{one.suggestion}")


def _command(level: str, places: Mapping[str, str], text: str) -> str:
    properties = ",".join(f"{name}={_property(value)}" for name, value in places.items())
    return f"::{level} {properties}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
