"""Given a directory service that answers, or does not, then who asks for a name has an answer in time."""

import threading

from aipolicy.platforms.account_names import AccountNames
from machine_needs import until


def test_a_name_is_asked_for_once_and_one_that_there_is_not_again_a_little_later() -> None:
    clock = [0.0]
    asked: list[int] = []
    accounts = {7: "alice"}

    def ask(uid: int) -> str | None:
        asked.append(uid)
        if uid == 9:
            raise OSError("the directory is away")
        return accounts.get(uid)

    names = AccountNames(ask, patience_s=60.0, now=lambda: clock[0])
    assert [names.of(uid) for uid in (7, 8, 9, 7, 8, 9)] == ["alice", None, None] * 2
    assert asked == [7, 8, 9]
    accounts[8] = "bob"
    clock[0] += 6.0
    assert [names.of(uid) for uid in (7, 8, 8)] == ["alice", "bob", "bob"]


def test_a_directory_that_hangs_holds_up_nobody_and_is_believed_once_it_answers() -> None:
    answers = threading.Event()
    clock = [0.0]
    asked: list[int] = []

    def ask(uid: int) -> str | None:
        asked.append(uid)
        answers.wait()
        return f"person{uid}"

    names = AccountNames(ask, patience_s=0.0, now=lambda: clock[0])
    assert [names.of(uid) for uid in [1, 1, *range(2, 10)]] == [None] * 10
    clock[0] += 61.0
    assert names.of(1) is None
    until(lambda: len(asked) == 4 or None)
    assert sorted(asked) == [1, 2, 3, 4], "so many may hang at a time"
    answers.set()
    assert until(lambda: names.of(1)) == "person1"
