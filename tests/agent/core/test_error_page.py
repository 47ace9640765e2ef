"""The pages of the error codes keep their word: a wrong example gets that code, a mended one is right."""

import pytest

from aipolicy.core.error_page import PAGES, errors_of, in_markdown, in_text
from aipolicy.core.policy import PolicyErrors, parse
from aipolicy.core.problem import Code
from aipolicy.core.unsafe import UNSAFE
from aipolicy.tools import load

KNOWN = load().known
WITH_EXAMPLE = [code for code, page in PAGES.items() if page.wrong is not None]


def test_every_code_has_a_page() -> None:
    assert set(PAGES) == set(Code)


def test_only_a_file_that_cannot_be_read_has_no_example() -> None:
    assert set(Code) - set(WITH_EXAMPLE) == {Code.UNREADABLE}


@pytest.mark.parametrize("code", WITH_EXAMPLE)
def test_the_wrong_example_gets_its_code_and_no_other(code: Code) -> None:
    wrong = PAGES[code].wrong
    assert wrong is not None
    with pytest.raises(PolicyErrors) as refused:
        parse(wrong.content(), "policy.yaml", KNOWN)
    codes = {problem.code for problem in refused.value.problems}
    assert codes - {Code.UNKNOWN_TOOL} == {code} - {Code.UNKNOWN_TOOL}  # 1,000 of them make E012
    assert len(refused.value.problems) == 1 or code == Code.TOO_MANY


@pytest.mark.parametrize("code", WITH_EXAMPLE)
def test_the_mended_example_is_right(code: Code) -> None:
    assert parse(PAGES[code].mended, "policy.yaml", KNOWN)


@pytest.mark.parametrize("code", Code)
def test_a_page_shows_the_error_and_nothing_invisible(code: Code) -> None:
    errors = errors_of(code, KNOWN)
    for page in (in_text(code, errors), in_markdown(code, errors)):
        assert code.meaning in page
        assert (f"[{code}]" in page) == (code in WITH_EXAMPLE)
        assert not UNSAFE.search(page)
        assert len(page) < 3_000
