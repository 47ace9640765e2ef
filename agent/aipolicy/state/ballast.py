"""A file that only takes up room: on a full disk SQLite cannot even delete, and this room back lets it."""

import os
from pathlib import Path

SIZE = 256 * 1024
_PIECE = 16 * 1024


class Ballast:
    """The ballast file at `path`. Neither call raises: the agent works without it."""

    def __init__(self, path: Path, size: int = SIZE) -> None:
        self._path = path
        self._size = size

    def take(self) -> bool:
        """Take the room again, or as much as there is; whether all of it could be had."""
        try:
            if self._path.stat().st_size == self._size:
                return True
        except OSError:
            pass
        self.give_back()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        try:
            descriptor = os.open(self._path, flags, 0o600)
        except OSError:
            return False
        written = 0
        try:
            while written < self._size:
                # Random bytes: a filesystem that compresses would store zeros in no room at all.
                written += os.write(descriptor, os.urandom(min(_PIECE, self._size - written)))
            os.fsync(descriptor)
        except OSError:
            return False
        finally:
            os.close(descriptor)
        return True

    def give_back(self) -> None:
        """Free the room for the next transaction."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError:
            return
