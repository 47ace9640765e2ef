"""What marks are worth, in one file and spread over those that a script loads."""

import pytest

from aipolicy.core.content import (
    SMALLEST_TOOL,
    SPREAD,
    embedded_version,
    is_proof,
    why_they_do_not_count,
)
from aipolicy.core.model import FileFacts, FileKind
from aipolicy.tools import load
from sights import native, script

LARGE, SMALL = SMALLEST_TOOL, SMALLEST_TOOL - 1


def module(*marks: str, size: int = SMALL, version: str | None = None) -> FileFacts:
    return script("/home/u/notes/x.js", marks=marks, size=size, version=version)


def entry(*imported: FileFacts, marks: tuple[str, ...] = ()) -> FileFacts:
    return script("/home/u/notes/cli.js", marks=marks, size=100, imported=imported)


A, B, C, D = ("acme:a", "acme:b", "acme:c", "acme:d")

PROOF = {
    "a large script": module(A, B, size=LARGE),
    "a large program": native("/home/u/notes", marks=(A, B), size=LARGE),
    "it loads a large script": entry(module(A, B, size=LARGE)),
    "four in four files": entry(*(module(mark) for mark in (A, B, C, D))),
    "three and its own": entry(module(A), module(B), module(C), marks=(D,)),
    "files that share some": entry(module(A, B), module(A), module(C, A), module(D)),
    "and a list of others": entry(module(A, B, size=LARGE), module("x:1", "y:1", "z:1", size=LARGE)),
}
NO_PROOF = {
    "a small script": module(A, B, C, D),
    "one in a large script": module(A, size=LARGE),
    "a small program": native("/home/u/notes", marks=(A, B), size=SMALL),
    "a list": module(A, B, "x:1", "y:1", size=LARGE),
    "it loads a small list": entry(module(A, B, C, D)),
    "one in each of two large ones": entry(module(A, size=LARGE), module(B, size=LARGE)),
    "three in three files": entry(module(A), module(B), module(C)),
    "the same in four files": entry(module(A), module(A), module(A), module(A)),
    "all in one, and again in others": entry(module(A, B, C, D), module(A), module(B), module(A)),
    "of different tools": entry(module(A), module(B), module("x:1"), module("x:2")),
    "in lists": entry(*(module(mark, "x:1", "y:1") for mark in (A, B, C, D))),
}


@pytest.mark.parametrize("file", PROOF.values(), ids=PROOF)
def test_proof(file: FileFacts) -> None:
    assert is_proof(file)


@pytest.mark.parametrize("file", NO_PROOF.values(), ids=NO_PROOF)
def test_no_proof(file: FileFacts) -> None:
    assert SPREAD == 4
    assert not is_proof(file)


def test_the_version_is_that_of_the_file_with_most_marks() -> None:
    old, new = module(A, version="1.0"), module(A, B, version="2.0")
    assert embedded_version(entry(old, new, module("x:1", version="9")), "acme") == "2.0"
    assert embedded_version(entry(module("x:1", version="9")), "acme") is None
    assert embedded_version(module(A, version="3"), "acme") == "3"
    assert module().kind is FileKind.SCRIPT


def test_why_marks_do_not_count_is_said_in_words() -> None:
    catalog = load()
    pi = [mark.id for mark in catalog.by_id["pi"].marks]
    loads = entry(*(module(mark) for mark in pi[:3]))
    assert "no 4 of one tool" in why_they_do_not_count(loads, catalog.index)
    assert "smaller than any tool" in why_they_do_not_count(module(*pi), catalog.index)
    assert "a mention" in why_they_do_not_count(module(pi[0], size=LARGE), catalog.index)
    assert why_they_do_not_count(entry(*(module(mark) for mark in pi)), catalog.index) == ""
    assert why_they_do_not_count(module(), catalog.index) == ""
