"""One line of the classifier: questions of the gate come in, rulings go out."""

import logging
import os
import socket
from collections.abc import Callable
from typing import Final

from aipolicy.core.model import Verdict
from aipolicy.daemon.guard.classifier import PASSES, Classifier, Ruling
from aipolicy.daemon.guard.rules import GuardRules
from aipolicy.enforce.guard import messages
from aipolicy.enforce.guard.book import EVERYBODY, File, file_of
from aipolicy.enforce.guard.table import Refusal

logger = logging.getLogger(__name__)

_MOST_A_TURN: Final = 64
_MOST_LOGGED: Final = 16


class AnswerLine:
    """One line: reads questions from `channel` and answers them by the rules of the moment.

    learned: called with each refusal.
    """

    def __init__(
        self,
        channel: socket.socket,
        rules: GuardRules,
        classifier: Classifier,
        learned: Callable[[Refusal, Verdict], None],
    ) -> None:
        channel.setblocking(False)
        self.channel = channel
        self._rules = rules
        self._classifier = classifier
        self._learned = learned
        self.other: Callable[[messages.Message], None] = lambda _message: None
        """What to do with a message that is no question."""
        self._logged = 0

    def turn(self) -> bool:
        """Answer some of what is there; False when the gate's side is closed.

        Not all: somebody who starts programs without a pause would keep us from other rules and the daemon.
        """
        for _ in range(_MOST_A_TURN):
            if (received := messages.receive(self.channel)) is None:
                break
            try:
                if received.message is None:
                    return False
                if "ask" in received.message and len(received.files) == 1:
                    self._answer(received.message, received.files[0])
                else:
                    self.other(received.message)
            except Exception:
                self._log("the gate said what is not understood")
            finally:
                messages.close_all(received.files)
        return True

    def _answer(self, asked: messages.Message, fd: int) -> None:
        ruling, failed = Ruling(), False
        try:
            ruling = self._ruling(asked, fd)
        except Exception:  # one odd file must not keep us from all others
            failed = True
            self._log("a file could not be judged")
        messages.send_surely(  # whatever happened, somebody waits for this
            self.channel,
            {
                "say": asked["ask"],
                "policy": self._rules.number,
                "refused": ruling.verdict is not None,
                "anywhere": ruling.anywhere,
                "everybody": ruling.everybody,
                "depends": ruling.depends,
                "changing": ruling.changing,
                "failed": failed,
            },
        )

    def _log(self, what: str) -> None:
        """Some: anybody may have files that are odd, and start them without a pause."""
        if self._logged < _MOST_LOGGED:
            self._logged += 1
            logger.exception(what)

    def _ruling(self, asked: messages.Message, fd: int) -> Ruling:
        file, path, uid = File(*asked["file"]), str(asked["path"]), int(asked["uid"])
        if self._rules.policy is None:
            return PASSES
        if asked["opens"]:
            ruling = self._classifier.open(int(asked["pid"]), path)
        else:
            ruling = self._classifier.start(fd, path, uid, file, pid=int(asked["pid"]))
        if self.refusal(ruling, file, path, uid) is not None:
            self.watch(fd)
        return ruling

    def ruling(self, fd: int, place: str, uid: int) -> Ruling:
        """Whether this file would be refused to `uid`, by itself or given to an interpreter."""
        if self._rules.policy is None:
            return PASSES
        return self._classifier.start(fd, place, uid, file_of(os.fstat(fd)), given=True)

    def refusal(self, ruling: Ruling, file: File, place: str, uid: int) -> Refusal | None:
        """What the table is to hold of it; None: it passes."""
        if ruling.verdict is None:
            return None
        whom = EVERYBODY if ruling.everybody else uid
        refusal = Refusal(file, place, ruling.anywhere, whom, ruling.depends)
        self._learned(refusal, ruling.verdict)
        return refusal

    def watch(self, fd: int) -> None:
        """Be asked when this file is opened: an interpreter or the loader may run it."""
        messages.send_surely(self.channel, {"watch": True}, [fd])
