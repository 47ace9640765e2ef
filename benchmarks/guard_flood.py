"""One person floods the guard with starts: how much longer do the starts of another one take?

    python benchmarks/guard_flood.py [--rounds N] [--starts N]    root, Linux, gcc

The one starts programs without a pause in six processes, each a file that nobody has started before (a fresh
copy). The other starts a known program, and fresh ones. Both without a guard and with one, quiet and beside
the flood, in turns in one run; what is printed is the median of each over the median of the quiet one.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from machine.guard.lab import GuardLab

_FLOODS, _OTHER = 64_801, 64_901
_WORKERS: Final = 6
_FLOOD: Final = "i=0; while :; do cp {program} $0-$i && ./$0-$i >/dev/null; rm -f $0-$i; i=$((i+1)); done"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--starts", type=int, default=40, help="of each kind in a round")
    chosen = parser.parse_args()
    took: dict[tuple[str, str, str], list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="flood-", dir="/var/cache") as folder:
        Path(folder).chmod(0o755)
        with GuardLab(Path(folder)) as lab:
            lab.disk.chmod(0o777)
            for _ in range(chosen.rounds):
                for guard in ("without", "with"):
                    if guard == "with":
                        lab.start(cap_s=1.0)
                    _measure(lab, guard, "quiet", took, chosen.starts)
                    with _flooding(lab):
                        _measure(lab, guard, "flood", took, chosen.starts)
                    if guard == "with":
                        lab.stop()
    print("start of         guard    quiet ms  beside the flood ms   ratio")
    for kind in ("a known program", "a fresh program"):
        for guard in ("without", "with"):
            quiet, flood = (statistics.median(took[kind, guard, state]) for state in ("quiet", "flood"))
            print(f"{kind:<16} {guard:<8} {quiet * 1e3:8.2f} {flood * 1e3:20.2f} {flood / quiet:7.2f}")
    return 0


def _measure(
    lab: GuardLab, guard: str, state: str, took: dict[tuple[str, str, str], list[float]], starts: int
) -> None:
    known = lab.put(lab.allowed, "known")
    _start(known)
    for number in range(starts):
        took.setdefault(("a known program", guard, state), []).append(_start(known))
        fresh = lab.put(lab.allowed, f"fresh{number}")
        took.setdefault(("a fresh program", guard, state), []).append(_start(fresh))
        fresh.unlink()


def _start(program: Path) -> float:
    """Seconds until it has ended."""
    before = time.perf_counter()
    subprocess.run(
        [program], user=_OTHER, group=_OTHER, extra_groups=[], stdout=subprocess.DEVNULL, check=True
    )
    return time.perf_counter() - before


@contextmanager
def _flooding(lab: GuardLab) -> Iterator[None]:
    program = lab.put(lab.allowed, "original")
    line = _FLOOD.format(program=program)
    floods = [
        subprocess.Popen(
            ["/bin/sh", "-c", line, f"flood{number}"],
            user=_FLOODS,
            group=_FLOODS,
            extra_groups=[],
            cwd=lab.disk,
            start_new_session=True,
        )
        for number in range(_WORKERS)
    ]
    time.sleep(0.5)
    try:
        yield
    finally:
        for one in floods:
            os.killpg(one.pid, signal.SIGKILL)
            one.wait()
        for left in lab.disk.glob("flood*"):
            left.unlink()


if __name__ == "__main__":
    sys.exit(main())
