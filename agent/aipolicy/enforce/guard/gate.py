"""The loop that answers the kernel: what is known at once, the rest when the classifier has said.

While it thinks, programs wait. So it does nothing that can take long: it opens no file but those of /proc,
looks up nothing on a disk, writes no log, and has no thread but that of openings.py, which mostly sleeps.
Whatever goes wrong, the answer is: allowed.
"""

import math
import os
import socket
import time
from collections import OrderedDict, deque
from collections.abc import Collection, Iterable
from typing import Final

from aipolicy.enforce.guard import messages
from aipolicy.enforce.guard.book import ANYWHERE, EVERYBODY, Book, File, Known, Says, file_of
from aipolicy.enforce.guard.crowd import Crowd
from aipolicy.enforce.guard.filesystems import Filesystems
from aipolicy.enforce.guard.openings import Openings
from aipolicy.enforce.guard.questions import (
    CAP_S,
    MOST_WAITING,
    STUCK_S,
    Question,
    Questions,
    Subject,
    Waiting,
)
from aipolicy.enforce.guard.shared import Shared
from aipolicy.platforms.linux_calls import link_target, ready_of
from aipolicy.platforms.linux_permission import (
    CLOSE_WRITE,
    MOST_AT_ONCE,
    OPEN_EXEC_PERM,
    OVERFLOW,
    Event,
    PermissionGroup,
    parse_events,
)

_BEAT_S: Final = 0.25
_STUCK_S: Final = 1.5
_MOST_UNTOLD: Final = 1_000
_BLAMED_TWICE: Final = 2
_MOST_BLAMED: Final = 1_000


class Gate:
    """Two groups of permission events and what is known. run() until told to end.

    group: for starts, of whole filesystems. opens: for openings, of the files that are refused; one of its
    own, whose marks stay when the other is told to forget all files.
    control: from the deadman; it brings new channels to the classifier. quick, slow: these channels. refused:
    what was refused before, so that it is from the first moment. cap_s: how long a program waits at most.
    most_waiting: how many programs may. most_read: how many the kernel may tell of that are not answered yet.
    classifier: its pid.
    """

    def __init__(
        self,
        *,
        group: PermissionGroup,
        opens: PermissionGroup,
        filesystems: Filesystems,
        shared: Shared,
        control: socket.socket,
        quick: socket.socket,
        slow: socket.socket,
        refused: Collection[Known] = (),
        cap_s: float = CAP_S,
        most_waiting: int = MOST_WAITING,
        most_read: int = MOST_WAITING,
        classifier: int = 0,
    ) -> None:
        self._group = group
        self._opens = opens
        self._openings = Openings(opens)
        self._filesystems = filesystems
        self._shared = shared
        self._control = control
        self._channels = {"quick": quick, "slow": slow}
        self._connected = True
        self._classifier = classifier
        self._ready = False
        self._to_blame: str | None = None
        self._policy = 0
        self._own: frozenset[int] = frozenset()
        self._book = Book()
        self._questions = Questions(cap_s, most_waiting)
        self._stuck_s = {name: max(stuck_s, cap_s) for name, stuck_s in STUCK_S.items()}
        self._blamed: OrderedDict[File, int] = OrderedDict()
        self._untold: deque[messages.Message] = deque(maxlen=_MOST_UNTOLD)
        """Numbered without a gap, so that whoever hears them can count those that were dropped."""
        self._crowd = Crowd()
        self._most_read = most_read
        self._ending = False
        for known in refused:
            self._book.put(known)

    def run(self) -> None:
        """Until the deadman says so, or is gone."""
        self._openings.start()
        self._filesystems.refresh()
        while not self._ending and self._openings.stuck_for(time.monotonic()) < _STUCK_S:
            self._shared.add("beats")
            self._turn()

    def _turn(self) -> None:
        for fd in self._ready_descriptors():
            try:
                self._attend(fd)
            except Exception:  # a fault of ours must stop nobody
                self._shared.add("faults")
        for event in self._crowd.some():
            self._answer_somehow(event)
        self._let_unasked_go(self._questions.overdue(time.monotonic()))
        self._send_questions()
        self._look_whether_stuck()
        self._tell()
        self._shared.set("ready", int(self._ready))
        self._shared.set("waiting", self._questions.waiting)
        self._shared.set("known", len(self._book))
        self._shared.set("marked", len(self._filesystems.marked))
        self._shared.set("unmarked", len(self._filesystems.unmarked))

    def _ready_descriptors(self) -> list[int]:
        channels = [channel.fileno() for channel in self._channels.values()] if self._connected else []
        due = self._questions.next_due()
        patience_s = _BEAT_S if due is None else min(_BEAT_S, due - time.monotonic())
        patience_s = 0.0 if self._crowd else patience_s
        waiting = [self._group.fileno(), self._openings.fileno(), self._control.fileno(), *channels]
        return ready_of(waiting, patience_s, urgent=self._filesystems.fileno())

    def _attend(self, fd: int) -> None:
        if fd == self._group.fileno():
            self._hear_kernel()
        elif fd == self._openings.fileno():
            for event in self._openings.take():
                self._answer_somehow(event)
        elif fd == self._filesystems.fileno():
            self._filesystems.refresh()
        elif fd == self._control.fileno():
            self._hear_deadman()
        else:
            for channel in self._channels.values():
                if fd == channel.fileno():
                    self._hear_classifier(channel)

    def _hear_kernel(self) -> None:
        """Few are answered as they come. Each answer wakes all who wait (see MOST_WAITING_OF_ONE), so of a
        crowd all are taken and answered in turns: nobody waits until all of one person's are answered.
        """
        while not self._crowd or len(self._crowd) + MOST_AT_ONCE <= self._most_read:
            events = tuple(parse_events(self._group.read()))
            many = self._crowd or len(events) >= MOST_AT_ONCE
            for event in events:
                if many and event.asks and event.fd >= 0:
                    self._crowd.add(_person(event.pid), event)
                else:
                    self._answer_somehow(event)
            if not many or not events:
                return

    # --- events ---------------------------------------------------------------------------------------------

    def _answer_somehow(self, event: Event) -> None:
        """Answers, and closes its descriptor, unless it waits from now on."""
        if event.fd < 0:
            if event.mask & OVERFLOW:
                self._shared.add("lost")
            return
        waits = False
        try:
            waits = self._answer(event)
        except Exception:
            self._shared.add("faults")
        finally:
            if not waits:
                # Answered already, this is ENOENT and changes nothing; else nobody may be left waiting.
                self._let_go(event.fd)

    def _answer(self, event: Event) -> bool:
        """Whether it waits. What is not answered here is allowed by the caller."""
        file = file_of(os.fstat(event.fd))
        if not event.asks:
            if event.mask & CLOSE_WRITE:
                self._group.ask_again(event.fd)
                self._book.forget(file)
            return False
        self._shared.add("asked")
        if event.pid in self._own:
            return False
        opens = not event.mask & OPEN_EXEC_PERM
        if not opens and self._book.passes_always(file):
            self._group.let_pass(event.fd)
            return False
        path, uid = link_target(f"/proc/self/fd/{event.fd}"), _person(event.pid)
        says = None if opens else self._book.says(file, path, uid)
        if not opens:
            if says is Says.REFUSED:
                self._refuse(event.fd, event.pid, Subject(file, path, uid))
            if says in (Says.REFUSED, Says.PASSES):
                return False
        elif not self._book.knows(file):
            return False
        if not self._ready or self._blamed.get(file, 0) >= _BLAMED_TWICE:
            self._shared.add("unasked")
            return False
        of_one = opens or says is Says.DEPENDS
        subject = Subject(file, path, uid, opens, event.pid if of_one else 0)
        if self._questions.ask(subject, event.fd, event.pid, time.monotonic()):
            return True
        self._shared.add("unasked")
        return False

    def _refuse(self, fd: int, pid: int, subject: Subject) -> None:
        told = _who(pid)  # while it waits; a moment later it is gone
        self._shared.add("refused")
        self._answer_in_its_group(fd, allow=False)
        told |= {"path": subject.path, "uid": subject.uid, "pid": pid}
        self._untold.append({"refused": list(subject.file), "number": self._shared.get("refused"), **told})

    def _let_unasked_go(self, all_waiting: Iterable[Waiting]) -> None:
        """They start without a verdict."""
        for waiting in all_waiting:
            self._shared.add("unasked")
            self._let_go(waiting.fd)

    def _let_go(self, fd: int) -> None:
        self._shared.add("beats")  # of many who wait for one file each answer is progress
        try:
            self._answer_in_its_group(fd, allow=True)
        finally:
            os.close(fd)

    def _answer_in_its_group(self, fd: int, *, allow: bool) -> None:
        """To the other group the descriptor means nothing."""
        self._group.answer(fd, allow=allow)
        self._opens.answer(fd, allow=allow)

    # --- the classifier ----------------------------------------------------------------------------------

    def _send_questions(self) -> None:
        for name, channel in self._channels.items():
            line = self._questions.line(name)
            while self._ready and (question := line.next(time.monotonic())) is not None:
                if not self._send(channel, question):
                    break

    def _send(self, channel: socket.socket, question: Question) -> bool:
        subject, waiting = question.subject, tuple(question.waiting)
        message = {
            "ask": question.number,
            "file": list(subject.file),
            "path": subject.path,
            "uid": subject.uid,
            "pid": subject.pid,
            "opens": subject.opens,
        }
        if messages.send(channel, message, [waiting[0].fd]):
            return True
        self._questions.answered(question.number)
        self._let_unasked_go(waiting)
        return False

    def _hear_classifier(self, channel: socket.socket) -> None:
        if self._connected and self._has_closed(channel):
            self._classifier_ended()

    def _has_closed(self, channel: socket.socket) -> bool:
        """Whether the other side has ended; what it said until then is done."""
        while (received := messages.receive(channel)) is not None:
            try:
                if received.message is None:
                    return True
                self._do(received.message, received.files)
            finally:
                messages.close_all(received.files)
        return False

    def _do(self, message: messages.Message, files: tuple[int, ...]) -> None:
        if "say" in message:
            self._said(message)
        elif "known" in message:
            for one in message["known"]:
                self._book.put(_known(one))
        elif "watch" in message:
            for fd in files:
                self._openings.watch(fd, file_of(os.fstat(fd)))
        elif "forget" in message:
            self._policy = int(message["forget"])
            self._shared.add("rules")
            self._book.begin_anew()
            self._group.forget_files()
        elif "told" in message:
            self._shared.set("told", int(message["told"]))
        elif "enter" in message:
            self._filesystems.enter(int(message["enter"]))
        elif "ready" in message:
            self._own = frozenset(int(pid) for pid in message["ready"])
            self._book.settle()
            self._ready = True
        elif "ends" in message:
            self._to_blame = str(message["ends"])

    def _said(self, message: messages.Message) -> None:
        """The answer to a question; who has not waited long enough yet gets it."""
        if message["policy"] != self._policy:  # by rules that are not in force, no longer or not yet
            self._questions.again(int(message["say"]))
            return
        answered = self._questions.answered(int(message["say"]))
        if answered is None:
            return
        (subject, all_waiting), refused = answered, bool(message["refused"])
        changing = bool(message.get("changing"))  # a classifier of an older version says neither
        if message.get("failed"):
            self._blame(subject.file)
        elif not subject.opens and not changing:
            path = ANYWHERE if message["anywhere"] else subject.path
            uid = EVERYBODY if message["everybody"] else subject.uid
            says = Says.DEPENDS if message["depends"] else Says(refused)
            self._book.put(Known(subject.file, path, uid, says))
            if says is Says.DEPENDS and not subject.pid:
                self._ask_of_each(subject, all_waiting)
                return
        for waiting in all_waiting:
            waits = False
            try:
                waits = self._answer_waiting(waiting, subject, refused, changing)
            except Exception:
                self._shared.add("faults")
            finally:
                if not waits:
                    self._let_go(waiting.fd)

    def _ask_of_each(self, subject: Subject, all_waiting: Iterable[Waiting]) -> None:
        """Whether it starts depends on who starts it: now each is asked about by itself."""
        for waiting in all_waiting:
            of_one = subject._replace(pid=waiting.pid)
            if not self._questions.ask(of_one, waiting.fd, waiting.pid, time.monotonic()):
                self._let_unasked_go([waiting])

    def _answer_waiting(self, waiting: Waiting, subject: Subject, refused: bool, changing: bool) -> bool:
        """Whether it waits on: touched or written to since it was judged, it is asked about once more."""
        by_now = file_of(os.fstat(waiting.fd))
        if by_now != subject.file and not changing:
            anew = subject._replace(file=by_now)
            if self._questions.ask(anew, waiting.fd, waiting.pid, time.monotonic(), due=waiting.due):
                return True
            self._shared.add("unasked")
        elif refused:
            self._refuse(waiting.fd, waiting.pid, subject)
        elif not subject.opens and self._book.passes_always(subject.file):
            self._openings.leave(waiting.fd, subject.file)
            self._group.let_pass(waiting.fd)
        return False

    def _look_whether_stuck(self) -> None:
        for name, stuck_s in self._stuck_s.items():
            asked = self._questions.line(name).underway
            if self._ready and asked is not None and time.monotonic() - asked.sent_at > stuck_s:
                self._blame(asked.subject.file)
                asked.sent_at = math.inf
                self._shared.set("stuck", self._classifier)

    def _blame(self, file: File) -> None:
        """The classifier failed, ended or hung over it: twice, and it is not asked about the file again."""
        self._blamed[file] = self._blamed.pop(file, 0) + 1
        while len(self._blamed) > _MOST_BLAMED:
            self._blamed.popitem(last=False)
        self._shared.set("given_up", sum(times >= _BLAMED_TWICE for times in self._blamed.values()))

    def _classifier_ended(self) -> None:
        """Each of its two processes ends with the other, and only the file over which one did is blamed.

        Stuck, it is blamed already. The quick one, where it ends in good order, says who is to blame: "slow"
        or nobody. Else it was itself, if it has ended by now; it closes its end before the slow one can.
        """
        quick_closed, slow_closed = map(self._has_closed, self._channels.values())
        to_blame = self._to_blame
        if to_blame is None:
            to_blame = "quick" if quick_closed else "slow" if slow_closed else ""
        underway = {name: self._questions.line(name).underway for name in self._channels}
        stuck = any(asked and asked.sent_at == math.inf for asked in underway.values())
        if not stuck and (asked := underway.get(to_blame)) is not None:
            self._blame(asked.subject.file)
        self._classifier_gone()

    def _classifier_gone(self) -> None:
        """What is known stays; what is not is allowed until there is another one."""
        self._connected = self._ready = False
        self._to_blame = None
        self._own = frozenset()
        self._let_unasked_go(self._questions.give_up())

    def _tell(self) -> None:
        while self._untold and self._ready and not messages.half_full(self._channels["quick"]):
            said = {**self._untold[0], "told": self._shared.get("told")}
            if not messages.send(self._channels["quick"], said):
                return
            self._untold.popleft()

    def _hear_deadman(self) -> None:
        received = messages.receive(self._control)
        if received is None:
            return
        if received.message is None or "end" in received.message:
            self._ending = True
        elif "classifier" in received.message and len(received.files) == 2:
            if self._connected:
                self._classifier_ended()
            self._classifier = int(received.message["classifier"])
            for name, fd in zip(("quick", "slow"), received.files, strict=True):
                self._channels[name].close()
                self._channels[name] = socket.socket(fileno=fd)
                self._channels[name].setblocking(False)
            self._connected = True
            return
        messages.close_all(received.files)


def _person(pid: int) -> int:
    """Who asks: /proc/PID belongs to the effective user (or to root, where it may not be traced)."""
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return EVERYBODY


def _who(pid: int) -> messages.Message:
    """Where the person who is refused sits: fields 7, 6 and 4 of proc_pid_stat(5), and the namespace."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            fields = file.read(4096).rpartition(b")")[2].split()
        own = os.readlink(f"/proc/{pid}/ns/mnt") == os.readlink("/proc/self/ns/mnt")
        terminal = int(fields[4]) if own else 0
        return {"terminal": terminal, "session": int(fields[3]), "parent": int(fields[1])}
    except (OSError, IndexError, ValueError):
        return {"terminal": 0, "session": 0, "parent": 0}


def _known(one: list[object]) -> Known:
    numbers, path, uid, says = one
    return Known(File(*numbers), str(path), int(str(uid)), Says(says))  # type: ignore[misc, arg-type]
