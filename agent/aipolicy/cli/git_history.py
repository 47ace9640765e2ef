"""What the repository here says of two commits."""

import os
import subprocess

from aipolicy.cli.errors import Failure
from aipolicy.cli.git_file import QUIET, SECONDS
from aipolicy.core.wire import printable


def builds_on(newer: str, older: str) -> bool:
    """Whether `older` is `newer` or lies in its history; one that git does not know does not.

    Raises Failure where `newer` is not here, or git is not.
    """
    for commit in (newer, older):
        if commit.startswith("-"):
            raise Failure(f"{printable(commit)}: a commit does not begin with a dash")
    if not _git("rev-parse", "--verify", "--quiet", f"{newer}^{{commit}}"):
        raise Failure(f"{printable(newer)}: git has no such commit here")
    return _git("merge-base", "--is-ancestor", older, newer)


def _git(*words: str) -> bool:
    """Whether git says yes, by its exit code."""
    try:
        ran = subprocess.run(
            ["git", *words],
            env={**os.environ, **QUIET},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise Failure(f"git cannot be run: {why}") from error
    except subprocess.TimeoutExpired as late:
        raise Failure(f"git took more than {SECONDS} seconds") from late
    return ran.returncode == 0
