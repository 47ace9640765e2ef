"""Every value of the vocabulary has a word on the page; an unknown one is shown as it is."""

from aipolicy.core.model import Confidence, Done, Evidence, Ruling
from aipolicy_server.console import words


def test_every_value_has_a_word_and_a_meaning() -> None:
    for table, values in ((words.RULINGS, Ruling), (words.DONE, Done), (words.CONFIDENCES, Confidence)):
        assert set(table) == set(values)
        assert all(word.meaning for word in table.values())


def test_rulings_and_confidences_differ_by_shape_and_word() -> None:
    for table in (words.RULINGS, words.CONFIDENCES):
        assert len({word.shape for word in table.values()}) == len(table)
        assert len({word.text for word in table.values()}) == len(table)


def test_a_ban_not_put_into_effect_has_a_shape_of_its_own() -> None:
    shapes = {done: word.shape for done, word in words.DONE.items()}
    assert shapes[Done.FAILED] == shapes[Done.NOT_ENFORCEABLE] == "alert"
    assert list(shapes.values()).count("alert") == 2


def test_an_unknown_value_is_shown_as_it_is() -> None:
    assert words.ruling_word("new_ruling").text == "new ruling"
    assert words.done_word(None).text == ""
    assert words.evidence_kind(Evidence(kind="snap_package", value="x")) == "snap package"
    assert words.evidence_kind(Evidence(kind="npm", value="x")) == "npm package"
