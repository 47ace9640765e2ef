"""The root of a container, or of any other mount namespace: what lies there, and nothing outside of it.

Readers take `root: Root | None`; None is this machine's own root. Linux 5.6 and later only.
"""

import errno
import os
from types import TracebackType
from typing import Final

from aipolicy.examine.openat2 import IN_ROOT, ON_THIS_MOUNT, Opener, openat2

_FOLDER: Final = getattr(os, "O_PATH", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_DIRECTORY", 0)


class Root:
    """Open as long as the `with` block runs. Raises OSError, also where the system has no openat2.

    place: the folder, by a path of ours (/proc/PID/root). seen_from: the absolute path in it of the file that
    is judged, which was found to be in reach. For what else is looked up no link is followed, and no mount
    entered that this file does not lie below: who is root in there may at any moment mount what hangs.
    """

    def __init__(self, place: str, seen_from: str) -> None:
        call = openat2()
        if call is None:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), place)
        self._call: Opener = call
        self._seen_from = seen_from
        self._fd = os.open(place, _FOLDER)

    def __enter__(self) -> "Root":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._fd)

    def open(self, path: str, flags: int) -> int:
        """A descriptor of what lies at the absolute `path`. ValueError: a name that no file can have."""
        if path == self._seen_from:
            return self._call(path, flags, IN_ROOT, self._fd)
        path = os.path.normpath(path)
        shared = os.path.commonpath((os.path.dirname(self._seen_from), path))
        folder = self._call(shared, _FOLDER, IN_ROOT, self._fd)
        try:
            return self._call(os.path.relpath(path, shared), flags, ON_THIS_MOUNT, folder)
        finally:
            os.close(folder)
