"""The last refusals on disk: what the gate refuses from its first moment, before anybody can judge.

Written by the classifier, read by the gate before it marks anything. In root's own folder only; whatever is
wrong with the file, it counts as empty: then a banned tool is refused once the classifier is there.
"""

import json
import os
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from aipolicy.enforce.guard.book import ANYWHERE, File, Known, Says, file_of
from aipolicy.platforms.linux_calls import effective_uid, open_flags
from aipolicy.platforms.linux_mounts import MountTable

TABLE: Final = "guard-table.json"
"""Its name in the state folder."""
_VERSION: Final = 3
_MOST_BYTES: Final = 64 << 20


class Refusal(NamedTuple):
    """One file that is refused. place: where it lay. anywhere: at every place. uid: to whom.

    depends: not to a running instance of the same tool.
    """

    file: File
    place: str
    anywhere: bool
    uid: int
    depends: bool = False

    def known(self) -> Known:
        says = Says.DEPENDS if self.depends else Says.REFUSED
        return Known(self.file, ANYWHERE if self.anywhere else self.place, self.uid, says)


def encoded(refusals: Iterable[Refusal], until: float | None = None) -> bytes:
    """The table as it lies on disk. until: when the policy may say something else, seconds since 1970."""
    return json.dumps({"version": _VERSION, "until": until, "refused": list(refusals)}).encode("ascii")


def load(path: str, now: float | None = None) -> tuple[Refusal, ...]:
    """What the table at `path` refuses; nothing where it is missing, damaged, or anybody else could write
    it, or where it is no longer known to hold `now`: a ban has ended since, or somebody was exempt.
    """
    flags = os.O_RDONLY | open_flags("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC")
    try:
        with open(os.open(path, flags), "rb") as file:
            status = os.fstat(file.fileno())
            if status.st_uid != effective_uid() or status.st_mode & 0o022 or status.st_size > _MOST_BYTES:
                return ()
            content = json.loads(file.read(_MOST_BYTES))
        if content["version"] != _VERSION:
            return ()
        until = content["until"]
        if now is not None and until is not None and now >= float(until):
            return ()
        return tuple(
            Refusal(File(*map(int, numbers)), str(place), bool(anywhere), int(uid), bool(depends))
            for numbers, place, anywhere, uid, depends in content["refused"]
        )
    except (OSError, ValueError, LookupError, TypeError, ArithmeticError, RecursionError):
        return ()


def on_this_start(refusals: Iterable[Refusal], mounts: MountTable) -> Iterator[Refusal]:
    """The same after a restart of the machine, which may give a filesystem another device number.

    A file at its old place that is the same but for that is the same file.
    """
    for refusal in refusals:
        if mounts.out_of_reach(refusal.place) is None:
            try:
                here = file_of(os.lstat(refusal.place))
            except (OSError, ValueError):
                here = refusal.file
            if here[1:] == refusal.file[1:]:
                refusal = refusal._replace(file=here)
        yield refusal
