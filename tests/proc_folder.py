"""A folder that looks like /proc, for tests of what is read from it: real files, no processes.

proc = ProcFolder(tmp_path)                       # has a process 1 and "self"
proc.add(200, exe="/usr/bin/node", arguments=["node", "x.js"], folder="/home/a")
"""

import os
from collections.abc import Sequence
from pathlib import Path

STAT = (
    "{pid} ({comm}) {state} {parent} 1 1 {tty} -1 {flags} 0 0 0 0 0 0 0 0 20 0 {threads} 0 {started}"
    " 1 1 1 1 1 {stack}"
)


class ProcFolder:
    """Every process is a folder of files as the kernel would show them."""

    def __init__(self, place: Path) -> None:
        self.place = place / "proc"
        self.place.mkdir(parents=True)
        (self.place / "namespaces").mkdir()
        (self.place / "self").mkdir()
        (self.place / "self/mountinfo").write_bytes(b"")
        self.add(1, exe="/sbin/init", uid=0, parent=0)

    @property
    def path(self) -> str:
        return str(self.place)

    def add(
        self,
        pid: int,
        *,
        exe: str | None,
        arguments: Sequence[str | bytes] = (),
        cmdline: bytes | None = None,
        comm: bytes | None = None,
        uid: int = 1000,
        parent: int = 1,
        state: str = "S",
        flags: int = 0,
        threads: int = 1,
        started: int = 5000,
        stack: int = 77,
        tty: int = 0,
        folder: str = "/",
        root: str = "/",
        namespace: str = "host",
        pids: Sequence[int] = (),
    ) -> Path:
        """exe None: it has none (a thread of the kernel, a zombie)."""
        place = self.place / str(pid)
        place.mkdir(exist_ok=True)
        name = comm if comm is not None else os.fsencode(os.path.basename(exe or "x"))[:15]
        line = STAT.format(
            pid=pid,
            comm="@",
            state=state,
            parent=parent,
            tty=tty,
            flags=flags,
            threads=threads,
            started=started,
            stack=stack,
        )
        (place / "stat").write_bytes(line.encode().replace(b"@", name) + b" 0 0 0\n")
        numbers = "\t".join(map(str, pids or [pid]))
        status = f"Name:\tx\nState:\t{state}\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\nNSpid:\t{numbers}\n"
        (place / "status").write_bytes(status.encode())
        words = [word if isinstance(word, bytes) else os.fsencode(word) for word in arguments]
        (place / "cmdline").write_bytes(
            cmdline if cmdline is not None else b"".join(w + b"\0" for w in words)
        )
        (place / "mountinfo").write_bytes(b"")
        for link, target in (("exe", exe), ("cwd", folder), ("root", root)):
            if target is not None:
                (place / link).unlink(missing_ok=True)
                os.symlink(os.fsencode(target), place / link)
        shared = self.place / "namespaces" / namespace
        shared.touch()
        (place / "ns").mkdir(exist_ok=True)
        (place / "ns/mnt").unlink(missing_ok=True)
        os.link(shared, place / "ns/mnt")
        return place
