"""What the operating system's package manager says, and whether only the administrator can replace a file.

Which package owns a file is asked about a handful of files before something is stopped. What rpm has
installed is asked here as well: its database has had three formats (Berkeley DB, ndb, sqlite), each with
packages as binary headers, which rpm reads itself in 10 ms; what dpkg has is text that observe reads.
"""

import os
import re
import stat
import subprocess
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from aipolicy.core.model import Unseen

_MERGED = (
    "bin/",
    "sbin/",
    "lib/",
    "lib32/",
    "lib64/",
    "libx32/",
)  # /bin is /usr/bin today, the lists say /bin
_SYSTEM_FOLDERS = ("/bin/", "/sbin/", "/lib", "/usr/bin/", "/usr/sbin/", "/usr/lib", "/usr/libexec/")
_FOREIGN = ("/node_modules/", "/site-packages/", "/dist-packages/")  # npm and pip install there as well
_ASK_S = 5.0

_RPM: Final = ("/usr/bin/rpm", "/bin/rpm")
RPM_FOLDERS: Final = ("/usr/lib/sysimage/rpm", "/var/lib/rpm")
"""Where the database is: Fedora 36 and later and SUSE (rpm.org, %_dbpath), else the older place."""
_RPM_DATABASES: Final = ("rpmdb.sqlite", "Packages.db", "Packages")
_RPM_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*")
_RPM_FORMAT: Final = r"\tP\t%{NAME}\t%{VERSION}-%{RELEASE}\n[\tF\t%{FILENAMES}\n]"
_RPM_ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}
"""Nobody's ~/.rpmmacros is read: a macro can run a command."""


class Rpm(NamedTuple):
    """An installed rpm package and the files it lists."""

    name: str
    version: str
    files: tuple[str, ...]


def installed_rpms(root: str, names: Iterable[str]) -> tuple[Rpm, ...] | Unseen:
    """Those of the packages `names` that rpm has installed; nothing where rpm has no database."""
    wanted = sorted(name for name in names if _RPM_NAME.fullmatch(name))
    database = next((folder for folder in _below(root, RPM_FOLDERS) if _has_rpms(folder)), None)
    if database is None or not wanted:
        return ()
    program = next((program for program in _RPM if os.path.exists(program)), None)
    if program is None:
        return Unseen(place=database, reason="no rpm program to read it with")
    command = [program, "--dbpath", os.path.abspath(database), "-q", "--queryformat", _RPM_FORMAT, "--"]
    try:
        answer = subprocess.run(
            [*command, *wanted],
            capture_output=True,
            timeout=_ASK_S,
            check=False,
            stdin=subprocess.DEVNULL,
            env=_RPM_ENVIRONMENT,
        )
    except (OSError, subprocess.TimeoutExpired):
        return Unseen(place=database, reason="rpm did not answer")
    if answer.stderr.startswith(b"error:"):
        return Unseen(place=database, reason="rpm could not read it")
    return tuple(read_rpms(answer.stdout.decode("utf-8", "surrogateescape")))


def read_rpms(answer: str) -> list[Rpm]:
    """The packages in rpm's answer; of one that is not installed it has a sentence without tabs."""
    found: list[tuple[str, str, list[str]]] = []
    for line in answer.split("\n"):
        match line.split("\t"):
            case ["", "P", name, version]:
                found.append((name, version, []))
            case ["", "F", path] if found:
                found[-1][2].append(path)
    return [Rpm(name, version, tuple(files)) for name, version, files in found]


def _below(root: str, folders: Iterable[str]) -> list[str]:
    return [root.rstrip("/") + folder for folder in folders]


def _has_rpms(folder: str) -> bool:
    return any(os.path.exists(f"{folder}/{name}") for name in _RPM_DATABASES)


class Packages:
    """Answers are kept as long as the package database does not change."""

    def __init__(self, root: str, ask: Callable[[str], str | Unseen | None] | None = None) -> None:
        self._info = os.path.join(root, "var/lib/dpkg/info")
        self._diversions = os.path.join(root, "var/lib/dpkg/diversions")
        self._ask = ask or _ask_rpm
        self._answers: dict[str, str | Unseen | None] = {}
        self._seen_at: int | None = None

    def owner(self, path: str) -> str | Unseen | None:
        """Name of the package; None: no package's file; Unseen: nobody could be asked."""
        if not path.startswith("/") or "\n" in path:  # the lists hold one path a line
            return None
        changed = _mtime(self._info)
        if changed != self._seen_at:
            self._answers, self._seen_at = {}, changed
        if path not in self._answers:
            self._answers[path] = self._ask(path) if changed is None else self._in_lists(path)
        return self._answers[path]

    def _in_lists(self, path: str) -> str | Unseen | None:
        """dpkg-query -S without the program: it must answer while programs are being stopped."""
        wanted = {b"\n" + os.fsencode(name) + b"\n" for name in self._names(path)}
        try:
            names = os.listdir(self._info)
        except OSError as error:
            return Unseen(place=self._info, reason=str(error.strerror).lower())
        for name in names:
            if name.endswith(".list"):
                try:
                    with open(os.path.join(self._info, name), "rb") as file:
                        listed = b"\n" + file.read() + b"\n"
                except OSError:
                    continue
                if any(line in listed for line in wanted):
                    return name.removesuffix(".list").partition(":")[0]
        return None

    def _names(self, path: str) -> set[str]:
        """The names lists may have for a file: before /bin went into /usr/bin, and before a diversion."""
        names = {path}
        short = path.removeprefix("/usr")
        if short.lstrip("/").startswith(_MERGED):
            names |= {short, "/usr" + short}
        try:
            with open(self._diversions, encoding="utf-8", errors="surrogateescape") as file:
                lines = file.read().splitlines()
        except OSError:
            return names
        for original, diverted in zip(lines[0::3], lines[1::3], strict=False):
            if diverted in names:
                names.add(original)
        return names


def _ask_rpm(path: str) -> str | Unseen | None:
    """rpm -qf, where there is rpm. Without a database nobody knows of a file in the system's own folders."""
    for program in _RPM:
        if os.path.exists(program):
            try:
                answer = subprocess.run(
                    [program, "-qf", "--queryformat", "%{NAME}\\n", "--", path],
                    capture_output=True,
                    timeout=_ASK_S,
                    check=False,
                    stdin=subprocess.DEVNULL,
                )
            except (OSError, subprocess.TimeoutExpired):
                return Unseen(place=program, reason="did not answer")
            if answer.returncode == 0:
                return answer.stdout.decode("utf-8", "replace").split("\n")[0]
            return None
    if path.startswith(_SYSTEM_FOLDERS) and not any(folder in path for folder in _FOREIGN):
        return Unseen(place=path, reason="no package database that we can read")
    return None


def root_only(path: str) -> bool:
    """Whether the file and every folder above it belong to root and nobody else may write to them."""
    if not path.startswith("/"):
        return False
    while True:
        try:
            found = os.stat(path, follow_symlinks=False)
        except (OSError, ValueError):
            return False
        if found.st_uid != 0 or (found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and found.st_gid != 0):
            return False
        if found.st_mode & stat.S_IWOTH:
            return False
        if path == "/":
            return True
        path = os.path.dirname(path)


def os_release(root: str) -> str | None:
    """PRETTY_NAME of os-release(5)."""
    for name in ("etc/os-release", "usr/lib/os-release"):
        try:
            with open(os.path.join(root, name), encoding="utf-8", errors="replace") as file:
                lines = file.read(1 << 16).splitlines()
        except OSError:
            continue
        for line in lines:
            key, _, value = line.partition("=")
            if key.strip() == "PRETTY_NAME":
                return value.strip().strip("\"'") or None
    return None


def _mtime(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None
