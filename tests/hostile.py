"""Things that a user can put in place of a file to hang, flood or mislead whoever reads it."""

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: makes a device node, or gives up rights")

TERABYTE = 1 << 40


@contextmanager
def acting_as(uid: int) -> Iterator[None]:
    """The block runs with the rights of `uid`."""
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def folder_for_everybody() -> Iterator[Path]:
    """A temporary folder that any user may enter, which pytest's own may not."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)  # noqa: S103  that is what it is for
        yield Path(name)


def fifo(place: Path) -> None:
    os.mkfifo(place)


def folder(place: Path) -> None:
    place.mkdir()


def bound_socket(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as opened:
        here = os.getcwd()
        os.chdir(place.parent)  # the name of a socket may have 108 bytes only
        try:
            opened.bind(place.name)
        finally:
            os.chdir(here)


def device(place: Path) -> None:
    """/dev/zero under another name: reading it never ends."""
    os.mknod(place, 0o020666, os.makedev(1, 5))


def link_to_shadow(place: Path) -> None:
    place.symlink_to("/etc/shadow")


def link_to_itself(place: Path) -> None:
    place.symlink_to(place.name)


def dangling(place: Path) -> None:
    place.symlink_to("nowhere")


def endless_brackets(place: Path) -> None:
    place.write_bytes(b"[" * 1_000_000)


def endless_objects(place: Path) -> None:
    place.write_bytes(b'{"name":' * 100_000)


def two_gigabytes(place: Path) -> None:
    place.write_bytes(b'{"name": "x", "version": "')
    os.truncate(place, 2 << 30)


def terabyte(place: Path) -> None:
    place.touch()
    os.truncate(place, TERABYTE)


def noise(place: Path) -> None:
    place.write_bytes(bytes(range(256)) * 40)


def an_array(place: Path) -> None:
    place.write_bytes(b'["name", "version"]')


def empty(place: Path) -> None:
    place.touch()


def wrong_types(place: Path) -> None:
    place.write_bytes(b'{"name": 5, "version": ["1"], "bin": 7, "main": {}, "optionalDependencies": "x"}')


UNREADABLE: tuple[tuple[Callable[[Path], None], str], ...] = (
    (fifo, "not a regular file"),
    (folder, "not a regular file"),
    (bound_socket, "not a regular file"),
    (link_to_shadow, "a symbolic link"),
    (link_to_itself, "a symbolic link"),
    (dangling, "a symbolic link"),
)
"""What is no regular file, and why it is refused."""

NO_JSON: tuple[tuple[Callable[[Path], None], str], ...] = (
    (endless_brackets, "nested too deeply"),
    (endless_objects, "nested too deeply"),
    (two_gigabytes, "larger than 1 MiB"),
    (terabyte, "larger than 1 MiB"),
    (noise, "not valid JSON"),
    (empty, "not valid JSON"),
    (an_array, "not a JSON object"),
)
"""What is a regular file and no JSON object, and why."""
