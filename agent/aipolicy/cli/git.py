"""What the repository here has: a file as it was in a revision, and which of two commits came first."""

import os
import subprocess
from typing import Final

from aipolicy.cli.errors import Failure
from aipolicy.core.wire import printable

_SECONDS: Final = 30
_QUIET: Final = {
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
"""The repository may be somebody's: nothing is fetched or asked for a look at it."""


def is_revision(name: str) -> bool:
    """Whether it names a file in git: with a colon, and no file of that name lies here."""
    return ":" in name and not os.path.lexists(name)


def read(name: str, limit: int) -> bytes:
    """At most `limit` bytes of `HEAD~1:policies/policy.yaml`, as `git show` takes it."""
    if name.startswith("-"):
        raise Failure(f"{printable(name)}: a revision of git does not begin with a dash")
    ran = _git(name, "cat-file", "blob", name)
    if ran.returncode:
        why = ran.stderr.decode("utf-8", "replace").strip().removeprefix("fatal: ").split("\n")[0]
        raise Failure(f"{printable(name)}: {printable(why) or 'git has no such file'}")
    return ran.stdout[:limit]


def builds_on(newer: str, older: str) -> bool:
    """Whether `older` is `newer` or lies in its history; one that git does not know does not.

    Raises Failure where `newer` is not here, or git is not.
    """
    for commit in (newer, older):
        if commit.startswith("-"):
            raise Failure(f"{printable(commit)}: a commit does not begin with a dash")
    if _git(newer, "rev-parse", "--verify", "--quiet", f"{newer}^{{commit}}").returncode:
        raise Failure(f"{printable(newer)}: git has no such commit here")
    return _git(newer, "merge-base", "--is-ancestor", older, newer).returncode == 0


def _git(about: str, *words: str) -> "subprocess.CompletedProcess[bytes]":
    """One command to its end. about: what an error is to name."""
    try:
        return subprocess.run(
            ["git", *words],
            env={**os.environ, **_QUIET},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise Failure(f"{printable(about)}: git took more than {_SECONDS} seconds") from late
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise Failure(f"{printable(about)}: git cannot be run: {why}") from error
