"""Where the policy comes from. One seam: a file here, what the server published in published_policy.py.

A source gives bytes that were complete when they were read; whether they are a valid policy is core's to say.
"""

import hashlib
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol

from aipolicy.core.model import Record
from aipolicy.core.wire import printable
from aipolicy.core.yamlfile import MAX_BYTES
from aipolicy.state.files import identity, read_small, stamp, write_safely

MOST_BYTES: Final = MAX_BYTES
_SETTLE_S: Final = 0.2
ACCEPTED: Final = "policy.accepted"
HELD: Final = "policy.held"
"""One that would stop so much at once that an administrator is to accept it first."""
_LAST_GOOD: Final = "policy.last-good.yaml"
_PROVEN: Final = ("policy.proven.yaml", "policy.proven-before.yaml")
"""The last two that an agent ran well with, the newer first."""


class PolicyText(Record, frozen=True, kw_only=True):
    """name: what errors and rules call it ("policy.yaml"). sha256: of the content, in hex.

    number: of a policy that the server published, 0 for one from elsewhere.
    """

    name: str
    content: bytes
    sha256: str
    number: int = 0


class NoPolicy(Record, frozen=True, kw_only=True):
    """No policy could be read. reason: in words. passing: it is being written; look again soon."""

    reason: str
    passing: bool = False


class PolicySource(Protocol):
    """Gives the policy as it is now."""

    def read(self) -> PolicyText | NoPolicy: ...


class FilePolicy:
    """The policy in a file of the operator's. Links are followed: Kubernetes makes it one."""

    def __init__(self, path: str, wait: Callable[[float], object] = time.sleep) -> None:
        """`wait`: called between the two looks that must agree."""
        self.path = path
        self._wait = wait

    def read(self) -> PolicyText | NoPolicy:
        """The complete content: what two looks at the file, a moment apart, found alike.

        An editor that writes in place first empties the file; a copy over a slow network is half there for a
        while. Neither may be taken for a policy.
        """
        first = self._look()
        if isinstance(first, NoPolicy):
            return first
        self._wait(_SETTLE_S)
        second = self._look()
        if isinstance(second, NoPolicy):
            return second
        if first != second:
            return NoPolicy(reason=f"{self.path}: it is being written", passing=True)
        content, _ = second
        name = printable(os.path.basename(self.path))
        return PolicyText(name=name, content=content, sha256=hashlib.sha256(content).hexdigest())

    def _look(self) -> tuple[bytes, tuple[int, ...]] | NoPolicy:
        try:
            # Not blocking: a FIFO in this place would hold us for ever.
            flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
            with open(os.open(self.path, flags), "rb") as file:
                before = os.fstat(file.fileno())
                if not stat.S_ISREG(before.st_mode):
                    return NoPolicy(reason=f"{self.path}: it is no regular file")
                content = file.read(MOST_BYTES + 1)
                after = os.fstat(file.fileno())
        except OSError as error:
            return NoPolicy(reason=f"{self.path}: {error.strerror or error}")
        if len(content) > MOST_BYTES:
            return NoPolicy(reason=f"{self.path}: it is larger than {MOST_BYTES} bytes")
        if identity(before) != identity(after) or len(content) != after.st_size:
            return NoPolicy(reason=f"{self.path}: it is being written", passing=True)
        return content, identity(after)


class LastGood:
    """The last policy that was valid, kept so that a restart beside a broken one goes on enforcing it."""

    def __init__(self, folder: Path, name: str = _LAST_GOOD) -> None:
        self._path = folder / name

    def keep(self, text: PolicyText) -> bool:
        """Keep it; whether the disk took it. On a full disk the one before stays whole."""
        number = f"#{text.number} " if text.number else ""
        head = f"# {text.sha256} {number}{text.name}\n".encode()
        try:
            write_safely(self._path, head + text.content)
        except OSError:
            return False
        return True

    def stamp(self) -> tuple[int, ...]:
        """Another one after each `keep`; empty where nothing is kept."""
        return stamp(self._path)

    def load(self) -> PolicyText | None:
        """The policy kept last, None where none was or the disk changed it since."""
        try:
            kept = read_small(self._path, MOST_BYTES + 4096)
        except OSError:
            return None
        head, newline, content = (kept or b"").partition(b"\n")
        sha256 = hashlib.sha256(content).hexdigest()
        mark = f"# {sha256} ".encode()
        if not newline or not head.startswith(mark):
            return None
        name = head[len(mark) :].decode(errors="replace")
        numbered = re.fullmatch(r"#([0-9]{1,16}) (.*)", name, re.ASCII | re.DOTALL)
        number, name = (int(numbered[1]), numbered[2]) if numbered else (0, name)
        return PolicyText(name=name, content=content, sha256=sha256, number=number)


class ProvenPolicies:
    """The last policies that an agent ran well with: one of them serves while a newer one is set aside."""

    def __init__(self, folder: Path) -> None:
        self._newer, self._older = (LastGood(folder, name) for name in _PROVEN)

    def keep(self, text: PolicyText) -> None:
        """One more that is proven; what a full disk does not take is not kept."""
        newest = self._newer.load()
        if newest is not None and newest.sha256 == text.sha256:
            return
        if newest is None or self._older.keep(newest):
            self._newer.keep(text)

    def newest_first(self) -> Iterator[PolicyText]:
        return (kept for one in (self._newer, self._older) if (kept := one.load()) is not None)


class NotedVersion:
    """The version of a policy, noted in the state folder: HELD, or ACCEPTED by an administrator."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / name

    def note(self, version: str) -> None:
        """Raises OSError."""
        write_safely(self._path, f"{version}\n".encode())

    def version(self) -> str:
        """The one noted last, empty where none was."""
        try:
            return (read_small(self._path, 100) or b"").decode("ascii", "replace").strip()
        except OSError:
            return ""

    def stamp(self) -> tuple[int, ...]:
        """Another one after each `note`; empty where none was."""
        return stamp(self._path)
