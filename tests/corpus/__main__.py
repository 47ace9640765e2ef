"""`make corpus`: builds every case, looks once, prints tool x form, precision and recall.

Exit code 1: a look-alike is convicted, or less than 0.99 of what is there is found for certain, or an answer
is not the one that the corpus expects.
"""

# ruff: noqa: T201  a program that prints

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from corpus.cases import installs, lookalikes, positives
from corpus.scoring import Answer, answers, score
from machine.real_packages import CACHE
from machine_needs import Started

LEAST_RECALL = 0.99


def main() -> int:
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="corpus-") as folder, Started() as started:
        given = answers([*positives(), *installs(), *lookalikes()], Path(folder), started)
    print(table(given))
    result = score(given)
    changed = [answer for answer in given if answer.not_built is None and answer.changed]
    for answer in changed:
        print(f"the corpus says otherwise: {answer.case.title}: {described(answer)}")
    return int(bool(result.convicted or changed or result.recall < LEAST_RECALL))


def table(given: Sequence[Answer]) -> str:
    """In Markdown; docs/corpus.md has the last one."""
    lines = ["| tool | form | found | version | because |", "| --- | --- | --- | --- | --- |"]
    lines += [_line(answer) for answer in given if answer.case.tool is not None]
    lines += ["", "| look-alike | what is said of it |", "| --- | --- |"]
    lines += [f"| {a.case.title} | {described(a)} |" for a in given if a.case.tool is None]
    return "\n".join([*lines, "", *_summary(given)])


def _line(answer: Answer) -> str:
    case, found = answer.case, answer.meant
    if found is None:
        return f"| {case.source} | {case.form} | {answer.not_built or '**no**'} | | |"
    stated = found.version or "none stated"
    version = stated if answer.version_right else f"**{found.version or 'unknown'}**"
    because = ", ".join(dict.fromkeys(evidence.kind for evidence in found.because))
    return f"| {case.source} | {case.form} | {found.confidence} | {version} | {because} |"


def described(answer: Answer) -> str:
    """What the look says of one case, in a few words."""
    if answer.not_built is not None:
        return f"not built: {answer.not_built}"
    said = dict.fromkeys(f"{f.tool} {f.confidence} ({f.form})" for f in answer.findings)
    return ", ".join(said) or "nothing"


def _summary(given: Sequence[Answer]) -> list[str]:
    result = score(given)
    built = [answer for answer in given if answer.not_built is None]
    there = [answer for answer in built if answer.case.tool is not None]
    others = len(built) - len(there)
    suspected = sum(bool(answer.wrong) for answer in built if answer.case.tool is None)
    return [
        f"{len(there)} forms of {len({a.case.tool for a in there})} tools:"
        f" recall at certain {result.recall:.3f}, precision at certain {result.precision:.3f},"
        f" version right {result.versions:.3f}.",
        f"{others} look-alikes: {len(result.convicted)} convicted (certain),"
        f" {suspected} suspected (likely or more).",
        f"{len(given) - len(built)} cases could not be built here.",
    ]


if __name__ == "__main__":
    sys.exit(main())
