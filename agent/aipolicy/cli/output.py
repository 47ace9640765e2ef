"""Standard output and standard error that take nothing any more: a full disk, a reader who went away."""

import contextlib
import errno
import os
import sys
from typing import Final

import click

_FAILURES: Final = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def failed(error: OSError) -> bool:
    """Whether it may be of these two: an error about another file names that."""
    return error.filename is None and error.errno in _FAILURES


def let_go(word: str = "") -> None:
    """Say a last word where that is possible, and let Python's own end find nothing to write."""
    with contextlib.suppress(OSError):
        if word:
            click.echo(word, err=True)
    for name in ("stdout", "stderr"):
        try:
            getattr(sys, name).flush()
        except OSError:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  until we end
