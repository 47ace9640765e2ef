"""What is known of a file counts for these bytes only, and where its place decided, for that place only."""

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from aipolicy.enforce.guard.book import ANYWHERE, EVERYBODY, Book, File, Known, Says, file_of

FILE = File(device=1, inode=2, size=3, mtime_ns=4, ctime_ns=5)
_PATHS, _UIDS = ("/a", "/b"), (0, 1000)
_REACHES = st.tuples(st.sampled_from((ANYWHERE, *_PATHS)), st.sampled_from((EVERYBODY, *_UIDS)))


def test_of_an_unknown_file_nothing_is_known() -> None:
    book = Book()
    assert not book.knows(FILE)
    assert book.says(FILE, "/a", 1000) is None
    assert not book.passes_always(FILE)


def test_a_verdict_counts_as_far_as_it_reaches() -> None:
    book = Book()
    book.put(Known(FILE, "/a", 1000, Says.REFUSED))
    assert book.says(FILE, "/a", 1000) is Says.REFUSED
    assert book.says(FILE, "/b", 1000) is None
    assert book.says(FILE, "/a", 1001) is None
    book.put(Known(FILE, ANYWHERE, EVERYBODY, Says.PASSES))
    assert book.says(FILE, "/b", 1001) is Says.PASSES
    assert book.says(FILE, "/a", 1000) is Says.REFUSED, "a refusal counts before a permission"
    assert not book.passes_always(FILE), "the kernel has to ask: one place is refused"


def test_what_depends_on_who_starts_it_is_refused_to_nobody_yet_and_always_asked() -> None:
    book = Book()
    book.put(Known(FILE, ANYWHERE, EVERYBODY, Says.PASSES))
    book.put(Known(FILE, "/a", 1000, Says.DEPENDS))
    assert book.says(FILE, "/a", 1000) is Says.DEPENDS
    assert not book.passes_always(FILE)
    book.put(Known(FILE, ANYWHERE, 1000, Says.REFUSED))
    assert book.says(FILE, "/a", 1000) is Says.REFUSED


def test_what_passes_everywhere_for_everybody_need_not_be_asked_again() -> None:
    book = Book()
    book.put(Known(FILE, ANYWHERE, EVERYBODY, Says.PASSES))
    assert book.passes_always(FILE)
    book.put(Known(FILE, ANYWHERE, EVERYBODY, Says.REFUSED))
    assert not book.passes_always(FILE)


def test_other_bytes_are_another_file(tmp_path: Path) -> None:
    place = tmp_path / "a"
    place.write_bytes(b"one")
    before = file_of(os.stat(place))
    book = Book()
    book.put(Known(before, ANYWHERE, EVERYBODY, Says.PASSES))
    os.utime(place, ns=(1, 1))
    assert not book.knows(file_of(os.stat(place)))


def test_the_book_is_bounded_and_forgets_who_was_asked_about_longest_ago() -> None:
    book = Book(most=2)
    files = [FILE._replace(inode=number) for number in range(3)]
    for file in files[:2]:
        book.put(Known(file, ANYWHERE, EVERYBODY, Says.PASSES))
    assert book.says(files[0], "/a", 0) is Says.PASSES
    book.put(Known(files[2], ANYWHERE, EVERYBODY, Says.REFUSED))
    assert [book.knows(file) for file in files] == [True, False, True]


def test_forgetting() -> None:
    book = Book()
    book.put(Known(FILE, ANYWHERE, EVERYBODY, Says.REFUSED))
    book.forget(FILE)
    assert not book.knows(FILE)


@given(
    before=st.lists(st.tuples(_REACHES, st.sampled_from(Says)), max_size=6),
    between=st.lists(st.tuples(_REACHES, st.sampled_from(Says)), max_size=6),
    asked=st.tuples(st.sampled_from(_PATHS), st.sampled_from(_UIDS)),
)
def test_between_two_sets_of_rules_a_refusal_counts_until_the_new_ones_say_otherwise(
    before: list[tuple[tuple[str, int], Says]],
    between: list[tuple[tuple[str, int], Says]],
    asked: tuple[str, int],
) -> None:
    book, new = Book(), Book()
    for reach, says in before:
        book.put(Known(FILE, *reach, says))
    was = book.says(FILE, *asked)
    book.begin_anew()
    assert not book.passes_always(FILE), "what passed is asked about again"
    for reach, says in between:
        for each in (book, new):
            each.put(Known(FILE, *reach, says))
    now = new.says(FILE, *asked)
    in_between = was if was is Says.REFUSED else None
    assert book.says(FILE, *asked) is (in_between if now is None else now)
    book.settle()
    assert book.says(FILE, *asked) is now


def test_a_classifier_that_ended_in_between_changes_nothing() -> None:
    book = Book()
    book.put(Known(FILE, ANYWHERE, EVERYBODY, Says.REFUSED))
    book.begin_anew()
    book.begin_anew()
    assert book.knows(FILE)
    assert book.says(FILE, "/a", 1000) is Says.REFUSED
    book.forget(FILE)
    assert not book.knows(FILE)
