"""A desktop: a real session bus of a person's, and on it a stand-in for what shows notices there."""

import pwd
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import IO

import pytest

from endtoend.python_for_all import python_for

_SHOWS = """
import sys
from jeepney import DBusAddress, HeaderFields, MessageType, message_bus, new_method_return
from jeepney.io.blocking import open_dbus_connection
connection = open_dbus_connection(sys.argv[1])
connection.send_and_get_reply(message_bus.RequestName("org.freedesktop.Notifications"))
print("there", flush=True)
while True:
    asked = connection.receive()
    if asked.header.message_type is MessageType.method_call:
        _app, _replaces, _icon, title, body, _actions, _hints, _expires = asked.body
        print(repr((title, body)), flush=True)
        connection.send(new_method_return(asked, "u", (1,)))
"""


class SessionBus:
    """buses: the folder of session buses. person: whose this one is; a bus wants an account."""

    def __init__(self, folder: Path, owner: str = "nobody") -> None:
        if shutil.which("dbus-daemon") is None or shutil.which("busctl") is None:
            pytest.skip("needs dbus-daemon and busctl")
        account = pwd.getpwnam(owner)
        self.buses, self.uid = folder, account.pw_uid
        self.person = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        place = folder / str(self.uid)
        place.mkdir()
        shutil.chown(place, owner)
        self.bus = place / "bus"
        command = [
            "dbus-daemon",
            "--session",
            "--nofork",
            "--print-address",
            f"--address=unix:path={self.bus}",
        ]
        self._children = [
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd="/", **self.person)
        ]  # type: ignore[call-overload]
        self._heard(0)

    def show_notices(self) -> None:
        """From now on there is a desktop behind the bus."""
        python = python_for(self.uid)
        command = [*python.command, "-c", _SHOWS, f"unix:path={self.bus}"]
        child = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", **python.environ},
            **self.person,  # type: ignore[call-overload]
        )
        self._children.append(child)
        assert self._heard(1) == "there"

    def shown(self) -> str:
        """The next notice that is shown: its title and body, as Python writes a pair."""
        return self._heard(1)

    def _heard(self, child: int) -> str:
        said: IO[str] | None = self._children[child].stdout
        assert said is not None
        return said.readline().rstrip("\n")

    def __enter__(self) -> "SessionBus":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for child in reversed(self._children):
            child.kill()
            child.wait()
            if child.stdout is not None:
                child.stdout.close()
