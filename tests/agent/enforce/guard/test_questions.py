"""Who waits for a verdict waits for a bounded time, and nobody holds up others with many or large files."""

from hypothesis import given
from hypothesis import strategies as st

from aipolicy.enforce.guard.book import File
from aipolicy.enforce.guard.questions import (
    LARGE_BYTES,
    MOST_OF_ONE,
    MOST_WAITING,
    MOST_WAITING_OF_ONE,
    Questions,
    Subject,
)


def subject(inode: int, uid: int = 1000, size: int = 1) -> Subject:
    return Subject(file=File(1, inode, size, 0, 0), path=f"/{inode}", uid=uid)


def test_all_who_ask_the_same_wait_for_one_answer() -> None:
    questions = Questions(cap_s=1.0)
    assert questions.ask(subject(1), 10, 100, 0.0)
    assert questions.ask(subject(1), 11, 101, 0.5)
    question = questions.quick.next(0.0)
    assert question is not None
    assert questions.quick.next(0.0) is None, "one at a time"
    answered = questions.answered(question.number)
    assert answered is not None
    assert [waiting.fd for waiting in answered[1]] == [10, 11]
    assert questions.answered(question.number) is None
    assert list(questions.overdue(9.0)) == []
    assert questions.waiting == 0


def test_who_has_waited_long_enough_goes_on_and_the_question_stays_open_if_it_was_sent() -> None:
    questions = Questions(cap_s=1.0)
    questions.ask(subject(1), 10, 100, 0.0)
    questions.ask(subject(2), 11, 101, 0.0)
    sent = questions.quick.next(0.0)
    assert sent is not None
    assert questions.next_due() == 1.0
    assert [waiting.fd for waiting in questions.overdue(1.0)] == [10, 11]
    assert questions.quick.next(0.0) is None, "nobody waits for the second: it was not sent"
    assert questions.answered(sent.number) == (subject(1), ())
    assert questions.next_due() is None


def test_a_large_file_waits_in_a_line_of_its_own() -> None:
    questions = Questions()
    questions.ask(subject(1, size=LARGE_BYTES + 1), 10, 100, 0.0)
    questions.ask(subject(2), 11, 101, 0.0)
    small, large = questions.quick.next(0.0), questions.slow.next(0.0)
    assert small is not None
    assert large is not None
    assert (small.subject, large.subject) == (subject(2), subject(1, size=LARGE_BYTES + 1))


def test_people_take_turns() -> None:
    questions = Questions()
    for inode in range(50):
        questions.ask(subject(inode, uid=1), inode, 1, 0.0)
    questions.ask(subject(99, uid=2), 99, 1, 0.0)
    first, order = questions.quick.next(0.0), []
    for _ in range(2):
        assert first is not None
        order.append(first.subject.uid)
        questions.answered(first.number)
        first = questions.quick.next(0.0)
    assert order == [1, 2]


def test_there_is_room_for_so_many_and_the_others_start_unasked() -> None:
    questions = Questions()
    asked = [questions.ask(subject(n, uid=1), n, 1, 0.0) for n in range(MOST_OF_ONE + 1)]
    assert asked == [True] * MOST_OF_ONE + [False]
    assert questions.ask(subject(0, uid=2), 1, 1, 0.0), "of another person"
    same = [questions.ask(subject(0, uid=2), n, 1, 0.0) for n in range(MOST_WAITING_OF_ONE)]
    assert same == [True] * (MOST_WAITING_OF_ONE - 1) + [False], "of one person, for one file"
    assert questions.ask(subject(0, uid=3), 1, 1, 0.0), "who is not held up by them"
    for uid in range(4, 9):
        for n in range(MOST_WAITING_OF_ONE):
            questions.ask(subject(0, uid=uid), n, 1, 0.0)
    assert questions.waiting == MOST_WAITING


def test_a_question_whose_answer_does_not_count_is_asked_again_for_who_still_waits() -> None:
    questions = Questions(cap_s=1.0)
    questions.ask(subject(1), 10, 100, 0.0)
    first = questions.quick.next(0.0)
    assert first is not None
    questions.again(first.number)
    assert questions.quick.next(0.5) is first
    assert [waiting.fd for waiting in questions.overdue(1.0)] == [10]
    questions.again(first.number)
    assert questions.quick.next(1.0) is None


def test_giving_up_lets_everybody_go() -> None:
    questions = Questions()
    questions.ask(subject(1), 10, 1, 0.0)
    questions.ask(subject(2), 11, 1, 0.0)
    questions.quick.next(0.0)
    assert sorted(waiting.fd for waiting in questions.give_up()) == [10, 11]
    assert questions.waiting == 0
    assert questions.quick.next(0.0) is None


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(0, 2))))
def test_everybody_is_let_go_exactly_once(steps: list[tuple[int, int, int]]) -> None:
    questions = Questions(cap_s=3.0)
    asked: list[int] = []
    gone: list[int] = []
    underway: list[int] = []
    for now, (step, inode, uid) in enumerate(steps):
        match step:
            case 0:
                if questions.ask(subject(inode, uid), now, 1, float(now)):
                    asked.append(now)
            case 1:
                if (question := questions.quick.next(0.0)) is not None:
                    underway.append(question.number)
            case 2:
                if underway and (answered := questions.answered(underway.pop())) is not None:
                    gone += [waiting.fd for waiting in answered[1]]
            case 3:
                gone += [waiting.fd for waiting in questions.overdue(float(now))]
        assert questions.waiting == len(asked) - len(gone)
    gone += [waiting.fd for waiting in questions.give_up()]
    assert sorted(gone) == sorted(asked)


def test_who_asks_once_more_waits_no_longer_for_that() -> None:
    questions = Questions(cap_s=1.0)
    assert questions.ask(subject(1), fd=10, pid=1, now=0.0)
    first = questions.line("quick").next(0.0)
    assert first is not None
    assert questions.ask(subject(2), fd=11, pid=2, now=0.5)
    answered = questions.answered(first.number)
    assert answered is not None
    assert questions.ask(subject(3), fd=10, pid=1, now=0.6, due=answered[1][0].due)
    assert [waiting.fd for waiting in questions.overdue(1.0)] == [10]
    assert [waiting.fd for waiting in questions.overdue(1.5)] == [11]
