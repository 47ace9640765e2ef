"""Every mutation still finds its place: a stale one is noticed only when somebody runs them all."""

import pytest

from mutations import HERE, MUTATIONS, Mutation


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[mutation.what for mutation in MUTATIONS])
def test_its_place_is_there_and_so_are_its_tests(mutation: Mutation) -> None:
    assert mutation.old in (HERE / mutation.file).read_text()
    assert all((HERE / test.partition("::")[0]).exists() for test in mutation.tests)
