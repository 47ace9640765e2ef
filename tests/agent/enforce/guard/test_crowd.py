"""Given starts that wait for an answer, then people take turns."""

from aipolicy.enforce.guard.crowd import Crowd
from aipolicy.platforms.linux_permission import OPEN_EXEC_PERM, Event


def test_people_take_turns_and_everybody_is_answered_once() -> None:
    crowd = Crowd()
    for fd in range(100):
        crowd.add(1, Event(fd=fd, pid=1, mask=OPEN_EXEC_PERM))
    first = [event.fd for event in crowd.some()]
    crowd.add(2, Event(fd=200, pid=2, mask=OPEN_EXEC_PERM))
    second = [event.fd for event in crowd.some()]
    assert 200 in second[:2]
    answered = [*first, *second]
    while crowd:
        answered += [event.fd for event in crowd.some()]
    assert answered[0] == 0
    assert sorted(answered) == [*range(100), 200]
