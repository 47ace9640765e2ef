"""A file as it was in a revision of git: `HEAD~1:policies/policy.yaml`, as `git show` takes it."""

import os
import subprocess
from typing import Final

from aipolicy.cli.errors import Failure
from aipolicy.core.wire import printable

SECONDS: Final = 30
QUIET: Final = {
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
"""The repository may be somebody's: nothing is fetched or asked for a look at a file."""


def is_revision(name: str) -> bool:
    """Whether it names a file in git: with a colon, and no file of that name lies here."""
    return ":" in name and not os.path.lexists(name)


def read(name: str, limit: int) -> bytes:
    """At most `limit` bytes of it."""
    if name.startswith("-"):
        raise Failure(f"{printable(name)}: a revision of git does not begin with a dash")
    command = ["git", "cat-file", "blob", name]
    try:
        with subprocess.Popen(
            command, env={**os.environ, **QUIET}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as git:
            try:
                text, said = git.communicate(timeout=SECONDS)
            except subprocess.TimeoutExpired as late:
                git.kill()
                raise Failure(f"{printable(name)}: git took more than {SECONDS} seconds") from late
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise Failure(f"{printable(name)}: git cannot be run: {why}") from error
    if git.returncode:
        why = said.decode("utf-8", "replace").strip().removeprefix("fatal: ").split("\n")[0]
        raise Failure(f"{printable(name)}: {printable(why) or 'git has no such file'}")
    return text[:limit]
