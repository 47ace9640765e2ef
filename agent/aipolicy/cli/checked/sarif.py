"""For code scanning: SARIF 2.1.0, the OASIS standard."""

import json
import os
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import quote

from aipolicy import __version__
from aipolicy.cli.checked.report import CheckReport
from aipolicy.core.ended import Ended
from aipolicy.core.error_page import in_markdown, in_text
from aipolicy.core.problem import Code, Problem
from aipolicy.core.unsafe import visible
from aipolicy.core.wire import printable

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_ENDED: Final[dict[str, Any]] = {
    "id": "ended",
    "name": "Ended",
    "shortDescription": {"text": "The last day of an entry or an exemption is over."},
    "defaultConfiguration": {"level": "warning"},
}


def write(report: CheckReport) -> str:
    """One run, with a rule for each code that was met, and one for what is over."""
    problems = list(report.problems())
    met = {problem.code for problem in problems}
    codes = [code for code in Code if code in met]
    rules = {str(code): number for number, code in enumerate(codes)}
    over = [(file.file, one) for file in report.files for one in file.ended]
    described = [*map(_rule, codes), *([_ENDED] if over else [])]
    driver = {"name": "aipolicy", "version": __version__, "rules": described}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True, "exitCode": 0 if report.ok else 2}],
        "results": [
            *(_result(problem, rules[problem.code]) for problem in problems),
            *(_warning(file, one, len(codes)) for file, one in over),
        ],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1)


def _rule(code: Code) -> dict[str, Any]:
    return {
        "id": code,
        "name": "".join(word.capitalize() for word in code.name.split("_")),
        "shortDescription": {"text": code.meaning},
        "help": {"text": in_text(code), "markdown": in_markdown(code)},
        "defaultConfiguration": {"level": "error"},
    }


def _result(problem: Problem, rule: int) -> dict[str, Any]:
    text = "\n".join(filter(None, (problem.message, problem.suggestion)))
    region: dict[str, Any] = {"startLine": problem.line, "startColumn": problem.column}
    if problem.source_line:
        region["snippet"] = {"text": visible(problem.source_line)}
    return _found(problem.code, rule, "error", text, problem.file, region)


def _warning(file: str, one: Ended, rule: int) -> dict[str, Any]:
    text = f"{one.message}\n{one.suggestion}"
    return _found(_ENDED["id"], rule, "warning", text, file, {"startLine": one.line})


def _found(name: str, rule: int, level: str, text: str, file: str, region: dict[str, Any]) -> dict[str, Any]:
    location = {"artifactLocation": {"uri": _uri(file)}, "region": region}
    return {
        "ruleId": name,
        "ruleIndex": rule,
        "level": level,
        "message": {"text": visible(text)},
        "locations": [{"physicalLocation": location}],
    }


def _uri(file: str) -> str:
    path = PurePath(file)
    try:
        return path.as_uri() if path.is_absolute() else quote(os.fsencode(path.as_posix()))
    except UnicodeEncodeError:  # a name that no file of this system has
        return quote(printable(file))
