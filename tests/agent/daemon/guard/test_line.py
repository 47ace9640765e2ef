"""Given what the gate asks, then it gets an answer, whatever happens to the classifier over it."""

import os
from pathlib import Path
from typing import Any, cast

import pytest

from aipolicy.daemon.guard.classifier import Classifier
from aipolicy.daemon.guard.line import AnswerLine
from aipolicy.daemon.guard.rules import GuardRules
from aipolicy.enforce.guard import messages
from aipolicy.enforce.guard.book import file_of
from machine_needs import NEEDS_LINUX

pytestmark = NEEDS_LINUX


class _Rules:
    policy, number = object(), 7


class _Classifier:
    def start(self, *_words: object, **_more: object) -> None:
        raise RecursionError("an odd file")


def test_a_file_that_cannot_be_judged_starts_is_blamed_and_does_not_end_the_classifier(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ours, gates = messages.pair()
    line = AnswerLine(
        ours, cast(GuardRules, _Rules()), cast(Classifier, _Classifier()), lambda _refusal, _verdict: None
    )
    odd = tmp_path / "odd"
    odd.write_bytes(b"")
    fd = os.open(odd, os.O_RDONLY)
    asked = {"path": str(odd), "uid": 1, "pid": 0, "opens": False, "file": list(file_of(os.fstat(fd)))}
    for number in range(100):
        messages.send(gates, {"what is": "not understood"})
        messages.send(gates, {"ask": number, **asked}, [fd])
        while line.turn() and (received := messages.receive(gates)) is None:
            pass
        assert received is not None
        said: dict[str, Any] = received.message or {}
        assert (said["say"], said["refused"], said["failed"]) == (number, False, True)
    os.close(fd)
    assert 0 < len(caplog.records) < 20, "anybody may start odd files without a pause"
    for end in (ours, gates):
        end.close()
