"""A bounded part of the corpus: look-alikes, but for a few slow ones, and tools that other tests have, too.

`make corpus` builds all of it.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from corpus.cases import Case, installs, installs_table, lookalikes, positives
from corpus.scoring import Answer, answers
from machine.real_packages import CACHE
from machine_needs import NEEDS_LINUX, NEEDS_ROOT, Started

pytestmark = [NEEDS_LINUX, NEEDS_ROOT, pytest.mark.xdist_group("machine")]

ALL = [*positives(), *installs(), *lookalikes()]
IN_SUITE = [case for case in ALL if case.in_suite]


def test_the_corpus_is_large() -> None:
    there = [case for case in ALL if case.tool is not None]
    assert len(there) >= 60
    assert len({case.tool for case in there}) >= 15
    assert len(ALL) - len(there) >= 40
    assert len({case.title for case in ALL}) == len(ALL)


@pytest.fixture(scope="module")
def given() -> Iterator[dict[str, Answer]]:
    """One look at all of them."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="corpus-") as folder, Started() as started:
        yield {answer.case.title: answer for answer in answers(IN_SUITE, Path(folder), started)}


@pytest.mark.parametrize("case", IN_SUITE, ids=lambda case: case.title)
def test_the_answer_is_right_or_a_known_fault(case: Case, given: dict[str, Answer]) -> None:
    answer = given[case.title]
    if answer.not_built is not None:
        pytest.skip(answer.not_built)
    assert not answer.convicted
    said = [(f.tool, f.state, f.confidence, f.version, f.form, f.because) for f in answer.findings]
    if case.missed is not None:
        assert not answer.as_meant, f"mended: take this out of the corpus's YAML: {case.missed}"
        return
    assert answer.as_meant, said
    if case.tool is not None:
        assert answer.version_right, said


def test_the_page_of_forms_has_the_list_of_installs() -> None:
    page = Path(__file__).parents[2] / "docs/forms.md"
    assert installs_table() in page.read_text(), f"docs/forms.md lacks:\n{installs_table()}"
