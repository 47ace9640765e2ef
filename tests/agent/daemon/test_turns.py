"""Nobody waits for more than one program of anybody else."""

from aipolicy.daemon.turns import Turns


def test_one_of_each_person_in_turn() -> None:
    turns = Turns()
    for pid in (10, 11, 12):
        turns.wait(1, pid)
    turns.wait(2, 20)
    assert [turns.next() for _ in range(5)] == [10, 20, 11, 12, None]
    assert not turns


def test_who_comes_late_waits_for_one_and_not_for_all() -> None:
    turns = Turns()
    for pid in range(100, 150):
        turns.wait(1, pid)
    turns.next()
    turns.wait(2, 20)
    assert [turns.next(), turns.next()] == [101, 20]


def test_each_process_waits_once_and_no_person_fills_the_memory() -> None:
    turns = Turns(most=3)
    for pid in (1, 2, 2, 1, 3, 4):
        turns.wait(7, pid)
    assert [turns.next() for _ in range(4)] == [2, 3, 4, None]
