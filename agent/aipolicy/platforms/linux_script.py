"""Which script a Linux process runs. The only place that sees arguments: only the script's name leaves it.

They are in no record, no log line and no exception.
"""

import os
from collections.abc import Callable
from typing import Final, NamedTuple

from msgspec import structs

from aipolicy.platforms.interpreters import Ran, family_of, may_run_a_script, what_runs
from aipolicy.platforms.linux_mounts import may_hang, mount_of, parse_mountinfo
from aipolicy.platforms.linux_proc import Status, link, read, same_file, split_arguments, started_as
from aipolicy.platforms.posix_users import account_of
from aipolicy.platforms.scripts import OWN_DESCRIPTORS, View, find_loads, find_script

_MAX_BYTES: Final = 6 << 20
"""The kernel takes no more: three quarters of the stack that every program has (fs/exec.c, _STK_LIM)."""
_MAX_MOUNTINFO: Final = 1 << 22


class Given(NamedTuple):
    """script: as the process names it, as we do for a chroot. place: the path that opens it here.

    loads: the same two of each file that is loaded before it, or that typed-in code names.
    unsettled: there are no arguments, which is rare for a program that runs, but so for a moment during exec.
    """

    script: str | None = None
    place: str | None = None
    module: str | None = None
    loads: tuple[tuple[str, str | None], ...] = ()
    unsettled: bool = False

    @property
    def nothing(self) -> bool:
        return self.script is None and self.module is None and not self.loads


def script_of(
    folder: str,
    exe: str,
    comm: bytes,
    status: Status,
    contained: bool,
    out_of_reach: Callable[[str], str | None],
    family: str | None = None,
) -> Given:
    """folder: /proc/PID. out_of_reach: why a path of ours is not to be touched.

    family: what the program is where its name does not say so.
    """
    program = os.fsencode(exe)
    if family is None and not may_run_a_script(program, comm):
        return Given()
    data = read(f"{folder}/cmdline", _MAX_BYTES)
    if not data:
        return Given(unsettled=True)
    ran = what_runs(program, _as_called(split_arguments(data)), comm, family)
    if ran is None or ran.nothing:
        ran = Ran(family="shebang", script=started_as(folder))  # its arguments may be gone, or unknown to us
    if ran.nothing:
        return Given()
    pid = status.pids[-1] if status.pids else 0
    by_module = ran.module is not None or (ran.family == "python" and ran.loads != ())
    if by_module and b"/" not in ran.interpreter:  # found in a PATH: which one?
        ran = structs.replace(ran, interpreter=started_as(folder) or ran.interpreter)
    account = account_of(status.uid) if by_module else None
    home = account.home if account else None
    view = _inside(folder, exe, pid, home) if contained else _here(folder, exe, pid, home, out_of_reach)

    def named(found: str) -> tuple[str, str | None]:
        if found.startswith(OWN_DESCRIPTORS):
            held = f"{folder}/fd/{found.removeprefix(OWN_DESCRIPTORS)}"
            return link(held) or found, held
        place = view.prefix + found if found.startswith("/") else None
        if contained and place and out_of_reach(found) is None and same_file(found, place):
            place = found  # a private mount namespace in which this file is the one everybody sees
        # A chroot's path means nothing to anybody outside it; a container's is how people know it.
        return found if contained else place or found, place

    loads = tuple(named(found) for found in find_loads(ran, view))
    found = find_script(ran, view)
    if found is None or found == view.program.removesuffix(" (deleted)"):
        return Given(module=ran.module, loads=loads)
    script, place = named(found)
    return Given(script=script, place=place, module=ran.module, loads=loads)


def _as_called(arguments: list[bytes]) -> list[bytes]:
    """A launcher that runs a script itself gives its process the title of the call it stands for (pm2)."""
    words = arguments[0].split() if len(arguments) == 1 else []
    return words if len(words) > 1 and family_of(words[0]) and words[1].startswith(b"/") else arguments


def _inside(folder: str, exe: str, pid: int, home: str | None) -> View:
    """A container: everything is found through /proc/PID/root, and its own mounts count."""
    mounts = parse_mountinfo(read(f"{folder}/mountinfo", _MAX_MOUNTINFO) or b"")
    return View(
        pid=pid,
        proc=folder,
        prefix=f"{folder}/root",
        folder=link(f"{folder}/cwd"),
        program=exe,
        home=home,
        out_of_reach=lambda path: may_hang(mount_of(os.path.normpath(path), mounts)),
    )


def _here(
    folder: str, exe: str, pid: int, home: str | None, out_of_reach: Callable[[str], str | None]
) -> View:
    """Our own mount namespace, perhaps in a chroot; the kernel names its paths as we see them."""
    root = link(f"{folder}/root") or "/"
    prefix = "" if root == "/" else root
    return View(
        pid=pid,
        proc=folder,
        prefix=prefix,
        folder=_below(prefix, link(f"{folder}/cwd")),
        program=_below(prefix, exe) or exe,
        home=home,
        out_of_reach=lambda path: out_of_reach(prefix + path),
    )


def _below(prefix: str, path: str | None) -> str | None:
    """A path of ours in the chroot's terms; None where it lies outside."""
    if path is None or not prefix:
        return path
    return path.removeprefix(prefix) or "/" if path == prefix or path.startswith(prefix + "/") else None
