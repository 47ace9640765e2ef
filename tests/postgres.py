"""A PostgreSQL of the test run's own, from Debian's binaries: no port, gone with its folder.

    with Cluster.start() as cluster:
        url = cluster.new_database()

`why_not()` says why there can be none here, or is empty.
"""

import contextlib
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

_counter = itertools.count(1)


def _binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    return found[-1] if found and (found[-1] / "initdb").exists() else None


def why_not() -> str:
    """Why no PostgreSQL can be started here; empty when one can."""
    if _binaries() is None:
        return "PostgreSQL's server is not installed (no /usr/lib/postgresql/*/bin/initdb)"
    if os.geteuid() == 0:
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            return "PostgreSQL does not run as root, and there is no account `postgres`"
    return ""


class Cluster:
    """One running server. `stop("immediate")` is its crash; `start_again` its recovery."""

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        self.folder = folder
        self.durable = durable
        binaries = _binaries()
        assert binaries is not None
        self._binaries = binaries
        self._user = "postgres" if os.geteuid() == 0 else None

    @classmethod
    @contextlib.contextmanager
    def start(cls, *, durable: bool = False) -> Iterator["Cluster"]:
        """durable: it waits for the disk, which only what is measured needs: no test takes its power away."""
        folder = Path(tempfile.mkdtemp(prefix="aipolicy-pg-", dir="/tmp"))
        cluster = cls(folder, durable=durable)
        try:
            if cluster._user:
                shutil.chown(folder, cluster._user)
            cluster._run(
                "initdb", "-D", str(folder / "data"), "-A", "trust", "-U", "postgres", "-E", "UTF8", "-N"
            )
            cluster.start_again()
            yield cluster
        finally:
            with contextlib.suppress(subprocess.CalledProcessError):
                cluster.stop("immediate")
            shutil.rmtree(folder, ignore_errors=True)

    def start_again(self) -> None:
        options = f"-c listen_addresses='' -c unix_socket_directories={self.folder} -c max_connections=200"
        options += "" if self.durable else " -F"
        self._run(
            "pg_ctl",
            "-D",
            str(self.folder / "data"),
            "-l",
            str(self.folder / "log"),
            "-o",
            options,
            "-w",
            "start",
        )

    def stop(self, mode: str) -> None:
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", mode, "-w", "stop")

    def new_database(self, template: str = "template0") -> str:
        """The address of a fresh database, a copy of another one's (which nobody may be using)."""
        name = f"t{next(_counter)}"
        create = f"CREATE DATABASE {name} TEMPLATE {template}"
        self._run("psql", "-h", str(self.folder), "-U", "postgres", "-q", "-c", create, "postgres")
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._binaries / program), *arguments],
            user=self._user,
            cwd="/",
            check=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
