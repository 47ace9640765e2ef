"""A notice on a person's desktop, over the session bus of each one's own: the bus refuses root.

The command runs as that person, detached, and is ended when it hangs: nobody waits for it.
"""

import html
import os
import stat
import subprocess
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from aipolicy.core.wire import printable
from aipolicy.platforms.linux_calls import effective_uid

DESKTOP_S: Final = 2.0


class Desktop:
    """Hands notices over; its children are looked after by `poll`."""

    def __init__(
        self,
        start: Callable[[list[str], int], subprocess.Popen[bytes]] | None = None,
        buses: str = "/run/user",
    ) -> None:
        """start: starts a command as a user. buses: the folder of the users' session buses."""
        self._start = start
        self._buses = buses
        self._waiting: list[tuple[subprocess.Popen[bytes], float, Callable[[], None]]] = []

    def tell(
        self, uid: int, title: str, text: str, now: float, failed: Callable[[], None] = lambda: None
    ) -> bool:
        """Whether it was handed over. failed: called by `poll` where nobody behind the bus took it."""
        bus = f"{self._buses}/{uid}/bus"
        if (group := _group_of_socket(bus, uid)) is None:
            return False
        start = self._start or partial(_as_user, group=group)
        command = notify_command(bus, title, "\n".join(map(printable, text.splitlines())))
        try:
            self._waiting.append((start(command, uid), now + DESKTOP_S, failed))
        except (OSError, subprocess.SubprocessError):  # no busctl, no right to be that person
            return False
        return True

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def poll(self, now: float) -> None:
        """Reaps those that are done and ends those that hang."""
        left = []
        for child, due, failed in self._waiting:
            if child.poll() is not None:
                if child.returncode:
                    failed()
                continue
            if now >= due:
                child.kill()
            left.append((child, due, failed))
        self._waiting = left


def notify_command(bus: str, title: str, body: str) -> list[str]:
    """org.freedesktop.Notifications.Notify through busctl, which is part of systemd.

    The body is markup (Desktop Notifications Specification 1.2), the title is not.
    """
    call = ["org.freedesktop.Notifications", "/org/freedesktop/Notifications"]
    return [
        *("busctl", f"--address=unix:path={bus}", "--timeout=2", "--", "call", *call),
        *("org.freedesktop.Notifications", "Notify", "susssasa{sv}i"),
        *("aipolicy", "0", "", printable(title), html.escape(body, quote=False), "0", "0", "-1"),
    ]


def _group_of_socket(path: str, uid: int) -> int | None:
    """Whose socket it is by group; None where it is not this person's own."""
    try:
        found = os.stat(path, follow_symlinks=False)
    except OSError:
        return None
    return found.st_gid if stat.S_ISSOCK(found.st_mode) and found.st_uid == uid else None


def _as_user(command: list[str], uid: int, group: int) -> subprocess.Popen[bytes]:
    """The bus refuses root, so the child becomes the user; it gets nothing of our environment.

    group: no directory is asked for it, which may hang while everybody waits for a notice.
    """
    person: dict[str, Any] = {}
    if uid != effective_uid():  # else there is nobody to become, and without root no right to try
        person = {"user": uid, "group": group, "extra_groups": []}
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin"},
        cwd="/",
        start_new_session=True,
        **person,
    )
