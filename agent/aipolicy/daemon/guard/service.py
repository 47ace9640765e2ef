"""The classifier's process: answers the gate's questions, keeps its table, and tells the daemon.

Two lines, a process each, so that a small file never waits behind a large one. The second is forked off once
all is loaded, and tells the first what it has refused.
"""

import contextlib
import os
import select
import socket
import stat
import time
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, cast

import msgspec

from aipolicy.core.model import Verdict
from aipolicy.daemon.catalog_keeper import catalog_stamp, kept_catalog
from aipolicy.daemon.guard.classifier import Classifier
from aipolicy.daemon.guard.line import AnswerLine
from aipolicy.daemon.guard.places import compiled
from aipolicy.daemon.guard.rules import GuardRules
from aipolicy.daemon.judge import Judge
from aipolicy.daemon.windows import with_windows
from aipolicy.enforce.guard import messages, table
from aipolicy.enforce.guard.book import ANYWHERE, EVERYBODY, File, file_of
from aipolicy.enforce.guard.deadman import CLASSIFIER_FDS
from aipolicy.enforce.guard.table import Refusal
from aipolicy.examine import examiner_for
from aipolicy.platforms.linux_calls import effective_uid, open_flags
from aipolicy.platforms.linux_self import die_with_parent, fork
from aipolicy.platforms.local_peer import peer_uid
from aipolicy.platforms.machine import Machine
from aipolicy.state.evidence import EvidenceCache
from aipolicy.state.files import write_safely
from aipolicy.state.sendable import sendable

_LOOK_S: Final = 0.5
_MOST_REFUSED: Final = 20_000
_MOST_UNTOLD: Final = 1_000


class GuardService:
    """The first line and all that is not urgent."""

    def __init__(
        self,
        *,
        state: Path,
        quick: socket.socket,
        reports: socket.socket,
        slow_learned: socket.socket,
        slow_pid: int,
        rules: GuardRules,
        classifier: Classifier,
        listener: socket.socket,
        catalog: tuple[int, ...],
    ) -> None:
        self._state = state
        self._catalog = catalog
        self._rules = rules
        self._reports = reports
        self._slow_learned = slow_learned
        self._slow_pid = slow_pid
        self._listener = listener
        self._line = AnswerLine(quick, rules, classifier, self._learn)
        self._line.other = self._hear_gate
        self._refusals: dict[tuple[File, str, int], tuple[Refusal, Verdict]] = {}
        self._refusals_before = self._refusals
        """By the rules before these: the gate may just have refused by them."""
        self._table_stale = False
        self._daemon: socket.socket | None = None
        self._untold: deque[messages.Message] = deque()
        self._numbers = self._sent = 0
        self._heard: int | None = None
        """The gate's number of its last refusal that was heard here."""
        self._missed = 0
        """Refusals that are only counted: dropped in a flood, or lost with a process before this one."""
        self._told = 0
        self._report: messages.Message = {}
        self._report_due = 0.0

    def run(self) -> None:
        """Until the gate's side or the second line is gone, or with another catalog: we start anew."""
        self._rules.refresh()
        self._begin()
        while True:
            self._wait()
            if not self._line.turn() or not self._hear_deadman():
                return
            if not self._hear_slow():
                self._end(over="slow")
                return
            if catalog_stamp(self._state) not in (self._catalog, ()):
                self._end()
                return
            self._hear_daemon()
            self._accept()
            if self._rules.refresh():
                self._begin()
            self._save()
            self._tell()

    def _end(self, over: str = "") -> None:
        """Tells the gate over what line's question we end, so that no other file is blamed for it."""
        messages.send_surely(self._line.channel, {"ends": over})

    def _begin(self) -> None:
        """New rules: nothing that was said counts any more. What was refused before is judged before that."""
        before = [refusal for refusal, _ in self._refusals.values()]
        before = before or list(table.load(str(self._state / table.TABLE)))
        self._refusals_before, self._refusals = self._refusals, {}
        self._table_stale = True
        again = [one for refusal in before for one in self._judged_at(refusal.place, refusal.uid)]
        messages.send_surely(self._line.channel, {"forget": self._rules.number})
        for refused in again:
            self._refuse_now(*refused)
        messages.send_surely(self._line.channel, {"ready": [os.getpid(), self._slow_pid]})

    def _judged_at(self, place: str, uid: int) -> list[tuple[Refusal, int]]:
        """The refusals of a file that nobody starts just now, and of what Python compiled of it; each with
        the file, open. None: it passes.
        """
        fd = _opened(place)
        if fd is None:
            return []
        # All before the judgement: where a process of a container is being ended, its root goes with it.
        files = [(place, fd)]
        files += [(path, there) for path in compiled(place) if (there := _opened(path)) is not None]
        refused: list[tuple[Refusal, int]] = []
        try:
            ruling = self._line.ruling(fd, place, uid)
            for path, there in files:
                refusal = self._line.refusal(ruling, file_of(os.fstat(there)), path, uid)
                if refusal is not None:
                    refused.append((refusal, there))
        finally:
            for there in {there for _, there in files} - {there for _, there in refused}:
                os.close(there)
        return refused

    def _refuse_now(self, refusal: Refusal, fd: int) -> None:
        known = refusal.known()
        messages.send_surely(self._line.channel, {"known": [[list(known.file), *known[1:]]]})
        self._line.watch(fd)
        os.close(fd)

    # --- what is heard -----------------------------------------------------------------------------------

    def _wait(self) -> None:
        waiting = [self._line.channel, self._slow_learned, self._reports, self._listener]
        select.select([*waiting, *([self._daemon] if self._daemon else [])], [], [], _LOOK_S)

    def _hear_gate(self, message: messages.Message) -> None:
        if "refused" not in message:
            return
        self._hear_slow()  # it told us why before it told the gate to refuse
        self._count(int(message.get("number", 0)), int(message.get("told", 0)))
        verdict = self._why(File(*message["refused"]), str(message["path"]), int(message["uid"]))
        # None: by the table of an earlier life, and by rules that are no longer in force.
        if verdict is None or len(self._untold) >= _MOST_UNTOLD:
            self._missed += 1
            return
        told = {key: message.get(key, 0) for key in ("path", "uid", "pid", "terminal", "session", "parent")}
        self._put({"verdict": _encoded(verdict), **told})

    def _count(self, number: int, told: int) -> None:
        """Those between the last one and this. number: 0 of a gate that was started by an older aipolicy.
        told: the last one that the daemon has taken; what a classifier before us heard after it is lost.
        """
        before = told if self._heard is None else self._heard
        self._missed += max(0, number - before - 1)
        self._heard = number

    def _put(self, told: messages.Message) -> None:
        self._numbers += 1
        numbers = {"number": self._numbers, "of_gate": self._heard, "missed": self._missed}
        self._untold.append({**numbers, **told})
        self._missed = 0

    def _why(self, file: File, path: str, uid: int) -> Verdict | None:
        """The verdict by which the gate refused it."""
        keys = (
            (file, path, uid),
            (file, path, EVERYBODY),
            (file, ANYWHERE, uid),
            (file, ANYWHERE, EVERYBODY),
        )
        for refusals in (self._refusals, self._refusals_before):
            for key in keys:
                if key in refusals:
                    return refusals[key][1]
        return None

    def _hear_slow(self) -> bool:
        while (received := messages.receive(self._slow_learned)) is not None:
            if received.message is None:
                return False
            numbers, *rest = received.message["refusal"]
            refusal = Refusal(File(*numbers), *rest)
            self._learn(refusal, msgspec.json.decode(received.message["verdict"], type=Verdict))
        return True

    def _hear_deadman(self) -> bool:
        while (received := messages.receive(self._reports)) is not None:
            if received.message is None:
                return False
            before, self._report = self._report, received.message
            if before and before.get("starts") != self._report.get("starts"):
                self._begin()  # a new gate, which knows no more than the table
        return True

    def _learn(self, refusal: Refusal, verdict: Verdict) -> None:
        known = refusal.known()
        if len(self._refusals) < _MOST_REFUSED:
            self._refusals[known.file, known.path, known.uid] = refusal, verdict
            self._table_stale = True

    def _save(self) -> None:
        if self._table_stale:
            self._table_stale = False
            with contextlib.suppress(OSError):  # a full disk: the table before stays
                refusals = [refusal for refusal, _ in self._refusals.values()]
                write_safely(self._state / table.TABLE, table.encoded(refusals, self._rules.until()))

    # --- the daemon --------------------------------------------------------------------------------------

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return
        connection.setblocking(False)
        if peer_uid(connection) != effective_uid():
            connection.close()
            return
        self._hear_daemon()  # the one before: what it has taken is not told again
        if self._daemon is not None:
            self._daemon.close()
        self._daemon, self._sent = connection, 0

    def _hear_daemon(self) -> None:
        while self._daemon is not None and (received := messages.receive(self._daemon)) is not None:
            messages.close_all(received.files)
            message = received.message
            if message is None:
                self._daemon.close()
                self._daemon = None
                self._sent = 0
            elif "taken" in message:
                while self._untold and self._untold[0]["number"] <= message["taken"]:
                    self._told = int(self._untold.popleft()["of_gate"])
                messages.send(self._line.channel, {"told": self._told})
            elif "enter" in message:
                messages.send_surely(self._line.channel, {"enter": int(message["enter"])})
            elif "judge" in message:
                for place, uid in message["judge"]:
                    for refused in self._judged_at(str(place), int(uid)):
                        self._refuse_now(*refused)

    def _tell(self) -> None:
        """Refusals until they are taken, and now and then how all is."""
        if self._daemon is None:
            return
        now = time.monotonic()
        # First, and until it is taken: somebody who is refused without a pause must not keep it back.
        if now >= self._report_due and messages.send(self._daemon, {"report": self._report}):
            self._report_due = now + _LOOK_S
        if self._missed and len(self._untold) < _MOST_UNTOLD:
            self._put({})
        for refused in list(self._untold):
            if refused["number"] > self._sent:
                if not messages.send(self._daemon, {"refused": refused}):
                    return
                self._sent = refused["number"]


def serve(state: str, tools: str | None, machine: Machine, listen_at: str) -> None:
    """Be the classifier, started by the deadman with CLASSIFIER_FDS; returns when the gate is gone."""
    folder = Path(state)
    quick, slow, reports = (socket.socket(fileno=fd) for fd in CLASSIFIER_FDS)
    reports.setblocking(False)
    stamp, catalog = catalog_stamp(folder), kept_catalog(tools, folder)
    here, there = messages.pair()
    parent = os.getpid()
    pid = fork()
    if not pid and not die_with_parent(parent):
        return
    # At once, since the gate is to see which of us has ended, and in which order.
    for others in (there, slow) if pid else (here, quick, reports):
        others.close()
    name = "quick" if pid else "slow"
    rules = GuardRules(folder, catalog, machine, machine.host("").hostname)
    examiner = examiner_for(catalog, EvidenceCache(folder / f"guard-{name}.db"))
    classifier = Classifier(
        machine,
        examiner,
        lambda: cast(Judge, rules.judge()),
        catalog.wanted.deb | catalog.wanted.rpm,
        lambda: datetime.now(UTC),
        with_windows=with_windows(catalog),
    )
    if not pid:
        _serve_large(slow, there, rules, classifier)
        return
    GuardService(
        state=folder,
        quick=quick,
        reports=reports,
        slow_learned=here,
        slow_pid=pid,
        rules=rules,
        classifier=classifier,
        listener=_listener(listen_at),
        catalog=stamp,
    ).run()


def _serve_large(
    channel: socket.socket, first: socket.socket, rules: GuardRules, classifier: Classifier
) -> None:
    """Until the gate's side is closed. It ends with the first line by the kernel's hand (die_with_parent):
    only that comes after all that the first line had open is closed, and the gate goes by this order.
    """

    def learned(refusal: Refusal, verdict: Verdict) -> None:
        messages.send_surely(first, {"refusal": list(refusal), "verdict": _encoded(verdict)})

    line = AnswerLine(channel, rules, classifier, learned)
    rules.refresh()
    while line.turn():
        select.select([channel], [], [], _LOOK_S)
        rules.refresh()


def _encoded(verdict: Verdict) -> str:
    """Its path is the one that the kernel told, in whatever bytes somebody has chosen."""
    return msgspec.json.encode(sendable(verdict)).decode()


def _opened(place: str) -> int | None:
    """A file of a person's: what lies there may have been exchanged for anything."""
    flags = os.O_RDONLY | open_flags("O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC")
    try:
        fd = os.open(place, flags)
    except (OSError, ValueError):
        return None
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    return None


def _listener(path: str) -> socket.socket:
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    return messages.listening(path)
