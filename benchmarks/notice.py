"""How long after they started a tool is a person told of it? From the exec to the notice on their terminal.

    python benchmarks/notice.py [--starts N] [--busy N]        root, Linux, gcc

Each start is of another tool and another file, never seen before, since a person is told of a tool once an
hour. `refused`: by a guard on a filesystem of its own, which judges the file while it waits. `warned`: by the
process watch, as it runs. --busy: so many endless loops run beside.
"""

import argparse
import contextlib
import fcntl
import mmap
import os
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from aipolicy.core.policy import parse
from aipolicy.core.tools import Catalog
from aipolicy.daemon.catalog_keeper import catalog_at_start
from aipolicy.daemon.enforcer import Enforcer
from aipolicy.daemon.guard.command import guard_socket
from aipolicy.daemon.guard.link import GuardLink
from aipolicy.daemon.judge import Judge, Surroundings
from aipolicy.daemon.process_watch import ProcessWatch
from aipolicy.daemon.reporter import Reporter
from aipolicy.daemon.teller import Teller
from aipolicy.examine import examiner_for
from aipolicy.platforms import this_machine
from aipolicy.platforms.sources import process_source
from aipolicy.state.store import Store
from machine.guard.lab import GuardLab
from machine_needs import until
from ptys import Pty

_PATIENCE_S: Final = 30.0
_TOOL: Final = """
id: {id}
name: {id}
vendor: acme
category: cli
evidence:
  content: ["{id}-first-mark-7d1f", "{id}-second-mark-93ab"]
sources:
  content: made for this benchmark
examples:
  - {{is: certain, program: /home/u/bin/notes, marks: ["{id}-first-mark-7d1f", "{id}-second-mark-93ab"]}}
not:
  - {{npm: {id}}}
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--starts", type=int, default=100)
    arguments.add_argument("--busy", type=int, default=0)
    chosen = arguments.parse_args()
    refused = [f"notice-refused-{number:03}" for number in range(chosen.starts)]
    warned = [f"notice-warned-{number:03}" for number in range(chosen.starts)]
    with (
        tempfile.TemporaryDirectory(prefix="aipolicy-notice-") as name,
        GuardLab(Path(name)) as lab,
        _busy(chosen.busy),
    ):
        for tool in (*refused, *warned):
            (lab.tools / f"{tool}.yaml").write_text(_TOOL.format(id=tool))
        start = catalog_at_start(str(lab.tools), lab.state)
        assert not start.fault, start.fault
        store = Store.open(name + "/spool", now=lambda: datetime.now(UTC))
        reporter = Reporter(store, this_machine(), lambda: datetime.now(UTC), lambda: None)
        print(f"ms from the exec to the notice on the terminal, {chosen.starts} starts, {chosen.busy} busy")
        with _guard(lab, refused, reporter):
            _print("refused", [_told_after_ms(_put(lab, lab.disk, tool)) for tool in refused])
        with _watch(start.catalog, warned, reporter):
            _print("warned", [_told_after_ms(_put(lab, lab.folder, tool)) for tool in warned])
        store.close()


@contextlib.contextmanager
def _guard(lab: GuardLab, tools: list[str], reporter: Reporter) -> Iterator[None]:
    lab.policy(f"mode: block\nbanned: [{', '.join(tools)}]\n")
    lab.start()
    link = GuardLink(
        path=guard_socket(str(lab.state)),
        command=["false"],
        wanted=lambda: True,
        started=lambda: None,
        reporter=reporter,
        teller=Teller(),
    )
    link.start()
    until(lambda: link.state == "in force" or None)
    yield
    link.close()
    lab.stop()


@contextlib.contextmanager
def _watch(catalog: Catalog, tools: list[str], reporter: Reporter) -> Iterator[None]:
    policy = parse(f"mode: warn\nbanned: [{', '.join(tools)}]\n", "policy.yaml", catalog.known)
    here = Surroundings(device="d", hostname="h", os="linux")
    judge = Judge(catalog=catalog, policy=policy, surroundings=here)
    source, why_polling = process_source(this_machine(), time.monotonic)
    assert not why_polling, why_polling
    watch = ProcessWatch(
        machine=this_machine(),
        source=source,
        examiner=examiner_for(catalog),
        judge=lambda: judge,
        enforcer=Enforcer(this_machine(), Teller(), tool_packages=()),
        reporter=reporter,
    )
    watch.start()
    until(lambda: watch.beats or None)
    yield
    watch.close()


def _put(lab: GuardLab, folder: Path, tool: str) -> Path:
    """A program of this tool, as large as tools are."""
    program = folder / tool
    marks = f"\0{tool}-first-mark-7d1f\0{tool}-second-mark-93ab\0"
    program.write_bytes(lab.allowed.read_bytes() + marks.encode())
    program.chmod(0o755)
    return program


def _told_after_ms(program: Path) -> float:
    """The program lives until then, if it may."""
    with Pty() as pty, mmap.mmap(-1, 8) as begun:
        child = _started(
            program, pty.path, lambda: begun.__setitem__(slice(0, 8), struct.pack("d", time.monotonic()))
        )
        shown = b""
        while b"aipolicy:" not in shown:
            ready = select.select([pty.master], [], [], _PATIENCE_S)[0]
            assert ready, f"{program} was not told: {shown!r}"
            shown += os.read(pty.master, 1 << 16)
        told = time.monotonic()
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, 9)
        os.waitpid(child, 0)
        (at,) = struct.unpack("d", begun[:8])
    return (told - at) * 1000


def _started(program: Path, terminal: str, begin: Callable[[], None]) -> int:
    """A child that executes it in a terminal of its own; its pid."""
    child = os.fork()
    if child:
        return child
    try:
        os.setsid()
        fd = os.open(terminal, os.O_RDWR)
        fcntl.ioctl(fd, termios.TIOCSCTTY, 0)
        begin()
        os.execv(program, [str(program), "60"])  # noqa: S606
    except OSError:  # refused: the notice is of where it sits, and that must still be there
        time.sleep(_PATIENCE_S)
    finally:
        os._exit(1)


@contextlib.contextmanager
def _busy(number: int) -> Iterator[None]:
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def _print(what: str, took_ms: list[float]) -> None:
    ordered = sorted(took_ms)
    last = ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
    print(
        f"{what:<8} p50 {statistics.median(ordered):6.1f}  p99 {last:6.1f}  longest {ordered[-1]:6.1f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
