"""The folders where a Linux machine keeps programs for everybody."""

import os
import stat
from collections.abc import Callable, Iterator

from aipolicy.platforms.linux_calls import open_flags

_STANDARD = (
    "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
    "/usr/local/games", "/usr/games", "/snap/bin", "/var/lib/flatpak/exports/bin",
    "/home/linuxbrew/.linuxbrew/bin", "/opt/bin",
)  # fmt: skip
_CONFIGURED = ("/etc/environment", "/etc/login.defs")
_MAX_BYTES = 1 << 16


def folders(root: str, path_variable: str, out_of_reach: Callable[[str], str | None]) -> tuple[str, ...]:
    """Existing ones, each once whatever it is called (/bin is a link to /usr/bin on most machines)."""
    wanted = [*_STANDARD, *_from_files(root), *_split(path_variable), *_opt(root)]
    found: dict[tuple[int, int], str] = {}
    for folder in wanted:
        place = os.path.join(root, folder.lstrip("/"))
        if out_of_reach(place):
            continue
        try:
            seen = os.stat(place)
        except (OSError, ValueError):
            continue
        if os.path.isdir(place):
            found.setdefault((seen.st_dev, seen.st_ino), os.path.realpath(place))
    return tuple(found.values())


def _from_files(root: str) -> Iterator[str]:
    for name in _CONFIGURED:
        try:
            fd = os.open(
                os.path.join(root, name.lstrip("/")), os.O_RDONLY | open_flags("O_NONBLOCK", "O_NOCTTY")
            )
        except OSError:
            continue
        with open(fd, "rb") as file:  # in a container anybody's, perhaps a FIFO
            text = file.read(_MAX_BYTES) if stat.S_ISREG(os.fstat(fd).st_mode) else b""
        yield from paths_in(text.decode("utf-8", "replace"))


def paths_in(text: str) -> Iterator[str]:
    """The folders of `PATH=...` in /etc/environment and of ENV_PATH, ENV_SUPATH in login.defs."""
    for line in text.splitlines():
        words = line.strip().removeprefix("export ").lstrip()
        if words.startswith(("PATH=", "ENV_PATH", "ENV_SUPATH")):
            yield from _split(words.partition("=")[2].strip().strip("\"'"))


def _split(variable: str) -> Iterator[str]:
    for folder in variable.split(":"):
        if folder.startswith(
            "/"
        ):  # an empty or relative entry means the current folder: nobody's in particular
            yield folder


def _opt(root: str) -> Iterator[str]:
    """/opt/NAME/bin: where vendors' packages put their programs."""
    try:
        names = sorted(os.listdir(os.path.join(root, "opt")))
    except OSError:
        return
    for name in names[:1000]:
        yield f"/opt/{name}/bin"
