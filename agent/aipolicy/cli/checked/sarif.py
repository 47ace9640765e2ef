"""For code scanning: SARIF 2.1.0, the OASIS standard."""

import json
import os
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import quote

from aipolicy import __version__
from aipolicy.cli.checked.report import CheckReport
from aipolicy.core.error_page import in_markdown, in_text
from aipolicy.core.problem import Code, Problem
from aipolicy.core.unsafe import visible
from aipolicy.core.wire import printable

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def write(report: CheckReport) -> str:
    """One run, with a rule for each code that was met."""
    problems = list(report.problems())
    met = {problem.code for problem in problems}
    codes = [code for code in Code if code in met]
    driver = {"name": "aipolicy", "version": __version__, "rules": [_rule(code) for code in codes]}
    rules = {str(code): number for number, code in enumerate(codes)}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True, "exitCode": 0 if report.ok else 2}],
        "results": [_result(problem, rules[problem.code]) for problem in problems],
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
    location = {"artifactLocation": {"uri": _uri(problem.file)}, "region": region}
    return {
        "ruleId": problem.code,
        "ruleIndex": rule,
        "level": "error",
        "message": {"text": visible(text)},
        "locations": [{"physicalLocation": location}],
    }


def _uri(file: str) -> str:
    path = PurePath(file)
    try:
        return path.as_uri() if path.is_absolute() else quote(os.fsencode(path.as_posix()))
    except UnicodeEncodeError:  # a name that no file of this system has
        return quote(printable(file))
