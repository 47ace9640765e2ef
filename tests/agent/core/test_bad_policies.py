"""A hundred wrong policies with one mistake each: said at its line and column, with its code and what to do.

Beside each lies what `aipolicy policy check` says of it, as a person reads it.
"""

from pathlib import Path

import pytest

from aipolicy.core.policy import PolicyErrors, parse
from aipolicy.core.problem import annotate
from aipolicy.tools import load

BAD = Path(__file__).parents[2] / "policies" / "bad"
FILES = sorted(BAD.glob("*.yaml"))
KNOWN = load().known


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_is_said_where_it_is_wrong_and_what_to_do(file: Path) -> None:
    with pytest.raises(PolicyErrors) as refused:
        parse(file.read_bytes(), "policy.yaml", KNOWN)
    (problem,) = refused.value.problems
    assert annotate(problem) + "\n" == file.with_suffix(".txt").read_text()
    assert problem.suggestion or "did you mean" in problem.message


def test_there_are_a_hundred() -> None:
    assert len(FILES) >= 100
