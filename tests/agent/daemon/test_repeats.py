"""What happens again and again is told so often, then counted, and the count told after an hour."""

from aipolicy.daemon.repeats import QUIET_S, Repeats, Worth


def test_the_first_ones_are_told_and_the_last_of_them_says_so() -> None:
    repeats = Repeats(free=2)
    told = [repeats.one_more("a", float(second)) for second in range(5)]
    assert told == [Worth(0, last=False), Worth(0, last=True), None, None, None]
    assert repeats.one_more("b", 5.0) == Worth(0, last=False)


def test_after_an_hour_the_count_is_told() -> None:
    repeats = Repeats(free=1)
    repeats.one_more("a", 0.0)
    for second in range(7):
        assert repeats.one_more("a", float(second)) is None
    assert repeats.one_more("a", QUIET_S) == Worth(7, last=True)
    assert repeats.one_more("a", QUIET_S + 1) is None


def test_it_is_bounded() -> None:
    repeats = Repeats(free=1)
    for number in range(20_000):
        repeats.one_more(number, 0.0)
    assert repeats.one_more(0, 0.0) == Worth(0, last=True), "forgotten"
    assert repeats.one_more(19_999, 0.0) is None
