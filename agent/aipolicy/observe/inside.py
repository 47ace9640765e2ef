"""The look from inside a container's root: `python -m aipolicy.observe.inside`, started by containers.py.

It enters that root for good before it touches the first file. All that it needs is loaded by then, and
nothing can be loaded afterwards: modules, codecs and libraries would come from the container.
"""

import codecs
import logging
import sys
from collections.abc import Iterator
from typing import Final

import msgspec

from aipolicy.core.model import Executable, Extension, FileFacts, Observation, Package, PackageRef, Unseen
from aipolicy.examine import Examiner
from aipolicy.observe.contained import PASSED_OVER, Contained
from aipolicy.observe.containers import HAS_ENDED, Answer, Asked, Said, Task
from aipolicy.observe.everywhere import look_inside
from aipolicy.platforms.linux_confine import end_with_parent, enter

_CODECS: Final = ("ascii", "cp437", "latin-1", "unicode_escape", "utf-8", "utf-8-sig", "utf-16", "utf-16-le")


class AskedCache:
    """Implements examine.FactsCache by asking who started us: the facts outlive this process there."""

    def get(
        self, device: int, inode: int, size: int, mtime_ns: int, ctime_ns: int, marks_digest: str
    ) -> FileFacts | None:
        asked = Asked(
            device=device, inode=inode, size=size, mtime_ns=mtime_ns, ctime_ns=ctime_ns, digest=marks_digest
        )
        _say(Said(asked=asked))
        return msgspec.json.decode(sys.stdin.buffer.readline(), type=Answer).facts

    def put(self, facts: FileFacts, marks_digest: str) -> None:
        _say(Said(facts=facts, digest=marks_digest))


def main() -> int:
    """The exit status."""
    end_with_parent()
    task = msgspec.json.decode(sys.stdin.buffer.readline(), type=Task)
    wanted = task.wanted
    examiner = Examiner(marks=wanted.marks, versions=wanted.versions, pypi=wanted.pypi, cache=AskedCache())
    _load_no_more()
    try:
        files = Contained(enter(task.root), frozenset(task.ours))
    except ProcessLookupError:
        return HAS_ENDED
    for said in _sayings(look_inside(files, wanted, examiner), files):
        _say(said)
    return 0


def _sayings(found: Iterator[Observation | Unseen], files: Contained) -> Iterator[Said]:
    for one in found:
        match one:
            case Unseen():
                if one.reason != PASSED_OVER:
                    yield Said(unseen=one)
            case (
                Executable(path=path)
                | Package(package=PackageRef(path=path))
                | Extension(package=PackageRef(path=path))
            ):
                if files.out_of_reach(path) is None:
                    yield Said(seen=one)


def _say(said: Said) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")
    sys.stdout.buffer.flush()


def _load_no_more() -> None:
    """A traceback would read the lines of our modules, by names that mean other files now."""
    for name in _CODECS:
        codecs.lookup(name)
    sys.meta_path.clear()
    sys.path.clear()
    logging.disable()


if __name__ == "__main__":
    sys.exit(main())
