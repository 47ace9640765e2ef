"""What the gate does not know yet and asks about: who waits, whose turn it is, and when waiting ends. No I/O.

Large files take long to judge, so they have a line of their own; in each line people take turns, so that
nobody holds up others with many or large files.
"""

from bisect import insort
from collections import Counter, OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from aipolicy.enforce.guard.book import File

CAP_S: Final = 1.0
"""A program waits no longer than this for its verdict, and starts: then it is ended once it is judged."""
LARGE_BYTES: Final = 32 << 20
MOST_OF_ONE: Final = 256
"""Questions of one person that may wait; further programs start unasked, and are judged as they run."""
MOST_WAITING_OF_ONE: Final = 256
"""Programs of one person that may wait, for whatever file.

With each answer the kernel wakes all who wait, so that n answers cost n squared: 1,024 took 3.5 s on Linux
6.18, and the deadman ended the gate.
"""
MOST_WAITING: Final = 1_024
"""Programs that may wait at a time: each holds a descriptor, and where none is left the kernel refuses."""
STUCK_S: Final = {"quick": 10.0, "slow": 60.0}
"""Judging one file longer than this, and than a program may wait, the classifier of this line is taken for
stuck.
"""


class Subject(NamedTuple):
    """What is asked: may `uid` start (or, `opens`, with a program that is told to run it, open) `file` here?

    Who opens a file matters, and who starts one that running instances of it may start: such a question is
    one process's own: pid, else 0.
    """

    file: File
    path: str
    uid: int
    opens: bool = False
    pid: int = 0


class Waiting(NamedTuple):
    """One who waits. fd: the descriptor that its event brought. due: monotonic seconds."""

    fd: int
    pid: int
    due: float


@dataclass(eq=False)
class Question:
    """A question and all who wait for its answer. number: names it to the classifier."""

    number: int
    subject: Subject
    waiting: list[Waiting] = field(default_factory=list)
    sent: bool = False
    sent_at: float = 0.0


class Line:
    """Questions that were not sent yet; one may be underway."""

    def __init__(self) -> None:
        self.underway: Question | None = None
        self._by_person: OrderedDict[int, deque[Question]] = OrderedDict()

    def room_for(self, uid: int) -> bool:
        return len(self._by_person.get(uid, ())) < MOST_OF_ONE

    def add(self, question: Question) -> None:
        self._by_person.setdefault(question.subject.uid, deque()).append(question)

    def next(self, now: float) -> Question | None:
        """The next question, of the person whose turn it is; it is underway then."""
        while self.underway is None and self._by_person:
            uid, questions = self._by_person.popitem(last=False)
            question = questions.popleft()
            if questions:
                self._by_person[uid] = questions
            if question.waiting:  # else those who asked have gone on
                question.sent, question.sent_at = True, now
                self.underway = question
                return question
        return None


class Questions:
    """All that is open. `quick`, `slow`: the two lines. cap_s: how long anybody waits. most: how many."""

    def __init__(self, cap_s: float = CAP_S, most: int = MOST_WAITING) -> None:
        self._cap_s = cap_s
        self._most = most
        self.quick = Line()
        self.slow = Line()
        self.waiting = 0
        """How many wait now."""
        self._waiting_of: Counter[int] = Counter()
        self._by_subject: dict[Subject, Question] = {}
        self._by_number: dict[int, Question] = {}
        self._due: deque[tuple[Waiting, Question]] = deque()
        self._numbers = 0

    def line(self, name: str) -> Line:
        """quick or slow."""
        return self.quick if name == "quick" else self.slow

    def ask(self, subject: Subject, fd: int, pid: int, now: float, due: float | None = None) -> bool:
        """Whether it waits from now on; False: there is no room, it has to start unasked.

        due: of one that has waited before.
        """
        if self.waiting >= self._most or self._waiting_of[subject.uid] >= MOST_WAITING_OF_ONE:
            return False
        question = self._by_subject.get(subject)
        if question is None:
            line = self._line_of(subject)
            if not line.room_for(subject.uid):
                return False
            self._numbers += 1
            question = Question(number=self._numbers, subject=subject)
            self._by_subject[subject] = self._by_number[question.number] = question
            line.add(question)
        waiting = Waiting(fd=fd, pid=pid, due=now + self._cap_s if due is None else due)
        question.waiting.append(waiting)
        insort(self._due, (waiting, question), key=lambda one: one[0].due)
        self._count(subject.uid, 1)
        return True

    def answered(self, number: int) -> tuple[Subject, tuple[Waiting, ...]] | None:
        """What the question with this number was about and who waited for the answer; None: it is not
        open.
        """
        question = self._by_number.get(number)
        return None if question is None else (question.subject, self._close(question))

    def again(self, number: int) -> None:
        """The answer to this question does not count: it is asked once more for those who still wait."""
        question = self._by_number.get(number)
        if question is None:
            return
        line = self._line_of(question.subject)
        line.underway, question.sent = None, False
        if question.waiting:
            line.add(question)
        else:
            self._close(question)

    def overdue(self, now: float) -> Iterator[Waiting]:
        """Who has waited long enough; they wait no more. A question that was sent stays open."""
        while self._due and (self._due[0][0].due <= now or self._due[0][0] not in self._due[0][1].waiting):
            waiting, question = self._due.popleft()
            if waiting not in question.waiting:
                continue
            question.waiting.remove(waiting)
            self._count(question.subject.uid, -1)
            if not question.waiting and not question.sent:
                self._close(question)
            yield waiting

    def next_due(self) -> float | None:
        """When the next has waited long enough."""
        return self._due[0][0].due if self._due else None

    def give_up(self) -> Iterator[Waiting]:
        """Everybody who waits: nobody is there to answer. Nothing is open any more."""
        for question in list(self._by_number.values()):
            yield from self._close(question)

    def _close(self, question: Question) -> tuple[Waiting, ...]:
        """It is open no more; who has waited for it until now."""
        waiting, question.waiting = tuple(question.waiting), []
        del self._by_number[question.number]
        del self._by_subject[question.subject]
        self._count(question.subject.uid, -len(waiting))
        for line in (self.quick, self.slow):
            if line.underway is question:
                line.underway = None
        return waiting

    def _count(self, uid: int, more: int) -> None:
        self.waiting += more
        self._waiting_of[uid] += more
        if not self._waiting_of[uid]:
            del self._waiting_of[uid]

    def _line_of(self, subject: Subject) -> Line:
        return self.slow if subject.file.size > LARGE_BYTES else self.quick
