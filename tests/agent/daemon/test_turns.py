"""Nobody waits for more than one program of anybody else, and nobody's programs keep the machine busy."""

from aipolicy.daemon.turns import REST, Turns


def test_one_of_each_person_in_turn() -> None:
    turns = Turns()
    for pid in (10, 11, 12):
        turns.wait(1, pid)
    turns.wait(2, 20)
    assert [turns.next(0.0) for _ in range(5)] == [(1, 10), (2, 20), (1, 11), (1, 12), None]
    assert not turns.ready(0.0)


def test_who_comes_late_waits_for_one_and_not_for_all() -> None:
    turns = Turns()
    for pid in range(100, 150):
        turns.wait(1, pid)
    turns.next(0.0)
    turns.wait(2, 20)
    assert [turns.next(0.0), turns.next(0.0)] == [(1, 101), (2, 20)]


def test_each_process_waits_once_and_no_person_fills_the_memory() -> None:
    turns = Turns(most=3)
    for pid in (1, 2, 2, 1, 3, 4):
        turns.wait(7, pid)
    assert [turns.next(0.0) for _ in range(4)] == [(7, 2), (7, 3), (7, 4), None]


def test_after_a_long_turn_a_person_rests_and_the_others_do_not() -> None:
    turns = Turns()
    for pid in (10, 11):
        turns.wait(1, pid)
    assert turns.next(100.0) == (1, 10)
    turns.took(1, 0.5, 100.5)
    assert not turns.ready(101.0)
    turns.wait(2, 20)
    assert turns.next(101.0) == (2, 20)
    assert turns.next(101.0) is None
    rested = 100.5 + 0.5 * REST
    assert turns.ready(rested)
    assert turns.next(rested) == (1, 11)
