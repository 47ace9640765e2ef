"""`aipolicy policy test`: what came of the tests that a policy carries."""

import sys

import click

from aipolicy.cli import policy_files
from aipolicy.cli.catalog import catalog
from aipolicy.cli.checked import text
from aipolicy.cli.checked.report import CheckedFile
from aipolicy.cli.json_form import in_json
from aipolicy.cli.policy_check import DEFAULT_FILE
from aipolicy.core.model import Record
from aipolicy.core.plural import plural
from aipolicy.core.policy import PolicyErrors, parse
from aipolicy.core.problem import Problem
from aipolicy.core.run_tests import TestResult, run_tests
from aipolicy.core.tools import Catalog
from aipolicy.core.wire import printable


class TestedFile(Record, frozen=True, kw_only=True):
    """One file. version: the policy's, empty where it is wrong. problems: all that is wrong with it.

    tests: what came of each.
    """

    file: str
    version: str = ""
    problems: tuple[Problem, ...] = ()
    tests: tuple[TestResult, ...] = ()


class TestReport(Record, frozen=True, kw_only=True):
    """What `policy test --format json` prints. ok: whether every file is right and every test passed."""

    schema: str = "aipolicy.policy-test/1"
    ok: bool
    files: tuple[TestedFile, ...]


@click.command()
@click.argument("files", nargs=-1, metavar="[FILES]...")
@click.option("--tools", "tools_dir", metavar="DIR", help="A folder with your own tool files.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def test(files: tuple[str, ...], tools_dir: str | None, form: str) -> None:
    """Run the tests of each file; policy.yaml where none is named.

    A folder stands for all YAML files in and below it, - for the standard input. Exit code: 0 all passed, 1 a
    test failed, 2 a policy is wrong.
    """
    tools = catalog(tools_dir)
    tested = tuple(_tested(file, tools) for file in policy_files.read(files or (DEFAULT_FILE,)))
    code = max(map(_exit_code, tested))
    if form == "json":
        report = TestReport(ok=code == 0, files=tested)
        click.echo(in_json(report))
    else:
        for file in tested:
            _show(file)
    sys.exit(code)


def _tested(file: policy_files.NamedFile, tools: Catalog) -> TestedFile:
    if file.text is None:
        return TestedFile(file=file.name, problems=(file.problem,) if file.problem else ())
    try:
        policy = parse(file.text, file.name, tools.known)
    except PolicyErrors as errors:
        return TestedFile(file=file.name, problems=errors.problems)
    return TestedFile(file=file.name, version=policy.version, tests=run_tests(policy, tools))


def _exit_code(file: TestedFile) -> int:
    if not file.version:
        return 2
    return 0 if all(result.ok for result in file.tests) else 1


def _show(file: TestedFile) -> None:
    """A line for each test; what failed goes to standard error as well, with why."""
    if not file.version:
        wrong = CheckedFile(file=file.file, ok=False, policy=None, problems=file.problems)
        text.show_wrong(wrong, "no test was run")
        return
    width = max((len(result.about) for result in file.tests), default=0)
    for result in file.tests:
        click.echo(
            printable(f"{'ok  ' if result.ok else 'FAIL'} {result.about:<{width}}  {_outcome(result)}")
        )
    failed = [result for result in file.tests if not result.ok]
    for result in failed:
        click.echo(printable(f"{result.rule}: {result.about}: {_outcome(result)}; {result.why}"), err=True)
    click.echo(f"{printable(file.file)}: {_sum(len(file.tests), len(failed))}", err=bool(failed))


def _outcome(result: TestResult) -> str:
    if result.ok:
        return f"{result.expected}  {result.reason}"
    return f"expected {result.expected}, got {result.got or 'one or the other'}"


def _sum(tests: int, failed: int) -> str:
    if not tests:
        return "it carries no tests"
    run = plural(tests, "test")
    return f"{run}, {failed:,} failed" if failed else f"{run}, all passed"
