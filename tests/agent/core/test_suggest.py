"""Did you mean: the near word is found whatever the case, and a far one is not offered."""

import pytest

from aipolicy.core.suggest import did_you_mean, nearest

KNOWN = ("claude-code", "qoder", "cursor", "Amp")


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("claud-code", "claude-code"),
        ("Claude Code", "claude-code"),
        ("\u0441laude-code", "claude-code"),
        ("CURSOR", "cursor"),
        ("amp", "Amp"),
        ("quoder", "qoder"),
        ("vim", None),
        ("", None),
        ("claude-code" * 10_000, None),
    ],
)
def test_nearest(word: str, meant: str | None) -> None:
    assert nearest(word, KNOWN) == meant


def test_the_words_at_the_end_of_a_message() -> None:
    assert did_you_mean("qodr", KNOWN) == ", did you mean 'qoder'?"
    assert did_you_mean("vim", KNOWN) == ""


def test_what_others_call_otherwise() -> None:
    assert did_you_mean("Deny", ["allow", "block"]) == ", did you mean 'block'?"
    assert did_you_mean("deny", ["allow", "report"]) == ""
