"""For build servers that know JUnit's XML: a test per file, or one per error where the file is wrong."""

from xml.etree import ElementTree

from aipolicy.cli.checked.report import CheckedFile, CheckReport
from aipolicy.core.problem import Problem, annotate
from aipolicy.core.unsafe import visible
from aipolicy.core.wire import printable

_SUITE = "aipolicy policy check"


def write(report: CheckReport) -> str:
    """One suite. Characters that XML cannot hold are shown escaped, as in a terminal."""
    failures = sum(1 for _ in report.problems())
    counts = {"tests": str(failures + sum(file.ok for file in report.files)), "failures": str(failures)}
    root = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(root, "testsuite", {"name": _SUITE, **counts, "errors": "0"})
    for file in report.files:
        _add(suite, file)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True)


def _add(suite: ElementTree.Element, file: CheckedFile) -> None:
    name = printable(file.file)
    if file.ok:
        right = {"classname": name, "name": "is right", "file": name}
        case = ElementTree.SubElement(suite, "testcase", right)
        if file.ended:
            said = (f"line {one.line}: warning: {one.message}; {one.suggestion}" for one in file.ended)
            ElementTree.SubElement(case, "system-out").text = visible("\n".join(said))
    for problem in file.problems:
        _add_failure(suite, name, problem)


def _add_failure(suite: ElementTree.Element, file: str, problem: Problem) -> None:
    name = f"line {problem.line}, column {problem.column}: {problem.code}"
    case = ElementTree.SubElement(
        suite, "testcase", {"classname": file, "name": name, "file": file, "line": str(problem.line)}
    )
    failure = ElementTree.SubElement(
        case, "failure", {"type": problem.code, "message": visible(problem.message)}
    )
    failure.text = visible(annotate(problem))
