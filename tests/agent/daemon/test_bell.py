"""What wakes the loop: a ring is heard once, and after the end none is."""

from aipolicy.daemon.bell import Bell


def test_rings_before_a_wait_are_heard_once() -> None:
    bell = Bell()
    bell.ring()
    bell.ring()
    assert bell.rung(0.0)
    assert not bell.rung(0.0)


def test_the_end_ends_a_wait_and_is_nothing_to_do() -> None:
    bell = Bell()
    bell.ring()
    bell.end()
    assert not bell.rung(60.0)
    assert bell.ended
