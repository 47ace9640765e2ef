"""Groups of a directory that answers, fails or hangs: known, not known, and never waited for."""

import os
import pwd
import threading
import time

import pytest

from aipolicy.daemon.directory import GOOD_FOR_S, Directory
from aipolicy.platforms import this_machine
from machine_needs import NEEDS_LINUX, until

SOON_S = 0.05
LATE_S = 30.0


class Asked:
    """A directory service that knows bob, and counts."""

    def __init__(self) -> None:
        self.times = 0
        self.hangs = threading.Event()
        self.hangs.set()

    def __call__(self, user: str) -> frozenset[str]:
        self.times += 1
        self.hangs.wait()
        return {"bob": frozenset({"staff"})}[user]


def test_an_answer_is_kept_for_a_while() -> None:
    asked, now = Asked(), [0.0]
    directory = Directory(asked, LATE_S, lambda: now[0])
    assert [directory.groups("bob") for _ in range(3)] == [frozenset({"staff"})] * 3
    assert (asked.times, directory.unanswered) == (1, "")
    now[0] = GOOD_FOR_S
    assert directory.groups("bob") == frozenset({"staff"})
    assert asked.times == 2


def test_an_unknown_person_is_not_known_and_asked_for_again_soon() -> None:
    asked, now = Asked(), [0.0]
    directory = Directory(asked, LATE_S, lambda: now[0])
    assert directory.groups("eve") is None
    assert directory.groups("eve") is None
    assert (asked.times, directory.unanswered) == (1, "eve")
    now[0] = 61.0
    assert directory.groups("eve") is None
    assert asked.times == 2


def test_one_that_hangs_is_waited_for_once_and_not_asked_over_and_over() -> None:
    asked = Asked()
    asked.hangs.clear()
    directory = Directory(asked, SOON_S)
    assert directory.groups("bob") is None
    begun = time.monotonic()
    assert {directory.groups("bob") for _ in range(10_000)} == {None}
    assert time.monotonic() - begun < LATE_S  # ten minutes, if each had waited
    assert (until(lambda: asked.times), directory.unanswered) == (1, "bob")
    assert {directory.groups(f"u{n}") for n in range(9)} == {None}
    assert until(lambda: asked.times == 4)  # no more hang at once; the last one's thread may begin late
    asked.hangs.set()
    waiting = Directory(asked, LATE_S)
    assert waiting.groups("bob") == frozenset({"staff"})


def test_an_answer_that_came_late_counts_from_then_on() -> None:
    asked = Asked()
    asked.hangs.clear()
    directory = Directory(asked, SOON_S)
    assert directory.groups("bob") is None
    asked.hangs.set()
    assert until(lambda: directory.groups("bob")) == frozenset({"staff"})
    assert directory.unanswered == ""


@NEEDS_LINUX
def test_the_systems_own_answer() -> None:
    me = pwd.getpwuid(os.getuid()).pw_name
    assert this_machine().groups_of(me)
    with pytest.raises(LookupError):
        this_machine().groups_of("nobody-of-that-name")
