"""A scan that fails is followed by the next one, whatever made it fail."""

import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from aipolicy.core.policy import parse
from aipolicy.daemon.judge import Judge, Surroundings
from aipolicy.daemon.process_watch import ProcessWatch
from aipolicy.daemon.reporter import Reporter
from aipolicy.daemon.scanner import Scanner
from aipolicy.examine import examiner_for
from aipolicy.platforms.events import InstallHints
from aipolicy.platforms.machine import User
from aipolicy.state.store import Store
from aipolicy.tools import load
from host import FakeMachine

PATIENCE_S = 30.0


class Broken(FakeMachine):
    """A machine that nothing can be asked of, until it is mended."""

    broken = True
    asked = 0

    def users(self) -> tuple[User, ...]:
        self.asked += 1
        if self.broken:
            raise RuntimeError("concurrent poll() invocation")
        return super().users()


class NoInstalls:
    """Nothing is ever installed."""

    way = "folders"

    def __init__(self) -> None:
        self._closed = threading.Event()

    def wait(self, timeout_s: float) -> InstallHints:
        self._closed.wait(timeout_s)
        return InstallHints()

    def watch(self, folders: tuple[str, ...]) -> None:
        pass

    def close(self) -> None:
        self._closed.set()


class NoProcesses:
    """Nothing runs."""

    def sweep(self) -> None:
        pass


def test_after_one_failed_scan_there_was_never_another_one(tmp_path: Path) -> None:
    """What had broken the scan broke the report of it, too, and that ended the scanner's thread."""
    machine = Broken(tmp_path / "machine")
    store = Store.open(str(tmp_path / "state"), now=lambda: datetime.now(UTC))
    catalog = load()
    judge = Judge(
        catalog=catalog,
        policy=parse("banned: []\n", "policy.yaml", catalog.known),
        surroundings=Surroundings(device="d", hostname="h", os="linux"),
    )
    scanner = Scanner(
        machine=machine,
        examiner=examiner_for(catalog),
        installs=NoInstalls(),
        judge=lambda: judge,
        processes=cast(ProcessWatch, NoProcesses()),
        reporter=Reporter(store, machine, lambda: datetime.now(UTC), lambda: None),
        every_s=900,
        scanned=lambda: None,
    )
    scanner.start()
    end = time.monotonic() + PATIENCE_S
    while machine.asked < 2 and time.monotonic() < end:  # by the scan, and by the report of its failure
        time.sleep(0.005)
    machine.broken = False
    while scanner.status is None and time.monotonic() < end:
        scanner.soon()
        time.sleep(0.05)
    scanner.close()
    store.close()
    assert scanner.status is not None
