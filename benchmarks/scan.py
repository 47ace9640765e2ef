"""The look at a machine of five users, 50,000 files and as many in node_modules.

Beside `find` there, and sha256sum of a program.

Ratios from one run: the walk and the whole look against `find`, the examiner against `sha256sum`. Cold means
that the kernel's caches were dropped (root only) and nothing was examined before; "first" the same with the
files in memory; warm the next look of the same daemon. The start is `aipolicy scan --help`. System folders
are left out: they differ by machine.

    python benchmarks/scan.py [--files N] [--modules N] [--rounds N] [--program FILE]...
"""

import argparse
import hashlib
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from aipolicy.core.model import Unseen
from aipolicy.examine import Examiner, examiner_for, resolve
from aipolicy.observe import Disguises, look_everywhere
from aipolicy.platforms import this_machine
from aipolicy.tools import load
from host import FakeMachine
from installed import NATIVE_CLAUDE, aider, extension, npm_package, put

CATALOG = load()
USERS = 5
FILES_PER_FOLDER = 10
DISK = "/var/tmp"  # noqa: S108  /tmp is often memory, which is never cold


@dataclass(frozen=True)
class Cost:
    """CPU and wall seconds."""

    cpu: float
    wall: float


def measured(work: Callable[[], object], child: bool = False) -> Cost:
    """What `work` costs; of a child process its CPU."""
    who = resource.RUSAGE_CHILDREN if child else resource.RUSAGE_SELF
    before, began = resource.getrusage(who), time.perf_counter()
    work()
    wall, after = time.perf_counter() - began, resource.getrusage(who)
    return Cost(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall)


def median(costs: list[Cost]) -> Cost:
    return Cost(statistics.median(c.cpu for c in costs), statistics.median(c.wall for c in costs))


def command(*words: str) -> Callable[[], object]:
    return lambda: subprocess.run(words, stdout=subprocess.DEVNULL, check=True)


def drop_caches() -> bool:
    """Empty the page and directory caches; False where we may not."""
    try:
        os.sync()
        Path("/proc/sys/vm/drop_caches").write_text("3")
    except OSError:
        return False
    return True


# --- the tree ----------------------------------------------------------------------------------------------


def build(machine: FakeMachine, files: int, modules: int) -> None:
    """Homes of developers: sources in folders of ten files, and one install of each of five kinds.

    modules: how many files more lie in node_modules, which no walk enters.
    """
    for number in range(USERS):
        home = machine.add_user(f"user{number}").home
        for folder in range(files // USERS // FILES_PER_FOLDER):
            place = Path(home, "src", f"project{folder % 20}", f"module{folder % 7}", f"part{folder}")
            place.mkdir(parents=True)
            for name in range(FILES_PER_FOLDER):
                (place / f"file{name}.py").write_bytes(b"x = 1\n")
        for folder in range(modules // USERS // FILES_PER_FOLDER):
            place = Path(home, "src", f"project{folder % 20}", "node_modules", f"package{folder}", "dist")
            place.mkdir(parents=True)
            for name in range(FILES_PER_FOLDER):
                (place / f"file{name}.js").write_bytes(b"x = 1\n")
        npm_package(f"{home}/.npm-global/lib/node_modules", "claude-code-2.1.197", NATIVE_CLAUDE)
        npm_package(f"{home}/src/app/node_modules", "qwen-code-0.15.10")
        aider(f"{home}/.local/share/pipx/venvs/aider-chat")
        extension(f"{home}/.vscode/extensions")
        put(f"{home}/bin/notes", NATIVE_CLAUDE)


class LikeTheRealOne(FakeMachine):
    """The fake machine, but what lies on which filesystem is asked of the real one: that costs, too."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.out_of_reach = this_machine().out_of_reach  # type: ignore[method-assign]  # the real one's method


# --- the measurements --------------------------------------------------------------------------------------


def look(machine: FakeMachine, examiner: Examiner, disguises: Disguises | None = None) -> int:
    """One whole look; how many things were seen."""
    seen = list(look_everywhere(machine, CATALOG.wanted, examiner, disguises=disguises))
    unseen = [found for found in seen if isinstance(found, Unseen)]
    assert not unseen, unseen
    return len(seen)


def compare_looks(machine: FakeMachine, rounds: int) -> None:
    """Each round measures `find` and the look in the same state of the caches."""
    find = command("find", machine.root, "-type", "f", "-name", "nothing")
    look(machine, examiner_for(CATALOG))
    rows: dict[str, tuple[list[Cost], list[Cost]]] = {name: ([], []) for name in ("cold", "first", "warm")}
    kept = examiner_for(CATALOG)
    disguises = Disguises()
    found = look(machine, kept, disguises)
    for _ in range(rounds):
        if drop_caches():
            rows["cold"][0].append(measured(find, child=True))
            drop_caches()
            fresh = examiner_for(CATALOG)
            rows["cold"][1].append(measured(partial(look, machine, fresh)))
        fresh = examiner_for(CATALOG)
        find()
        rows["first"][0].append(measured(find, child=True))
        rows["first"][1].append(measured(partial(look, machine, fresh)))
        rows["warm"][0].append(measured(find, child=True))
        rows["warm"][1].append(measured(partial(look, machine, kept, disguises)))
    print(f"the look, {USERS} users; {found} things seen; medians of {rounds} rounds")
    print(f"{'':8}{'find, ms':>18}{'look, ms':>18}{'look : find':>18}")
    print(f"{'':8}{'CPU':>9}{'wall':>9}{'CPU':>9}{'wall':>9}{'CPU':>9}{'wall':>9}")
    for name, (theirs, ours) in rows.items():
        if not ours:
            print(f"{name:8}  not measured: dropping the kernel's caches needs root")
            continue
        peer, mine = median(theirs), median(ours)
        print(
            f"{name:8}{peer.cpu * 1e3:9.1f}{peer.wall * 1e3:9.1f}{mine.cpu * 1e3:9.1f}{mine.wall * 1e3:9.1f}"
            f"{mine.cpu / peer.cpu:9.2f}{mine.wall / peer.wall:9.2f}"
        )


def compare_examiner(program: str, rounds: int) -> None:
    """A program never seen before, its pages in memory, beside its SHA-256.

    By sha256sum, and by OpenSSL through Python, which uses the processor's own instructions for it.
    """
    path = resolve(program, lambda _path: None)
    size = os.stat(path).st_size
    digest = command("sha256sum", path)
    digest()
    ours, theirs, fastest, again = [], [], [], []
    for _ in range(rounds):
        examiner = examiner_for(CATALOG)
        examiner.file(sys.executable)  # the marks are compiled when a thread looks for the first time
        ours.append(measured(partial(examiner.file, path)))
        again.append(measured(partial(examiner.file, path)))
        theirs.append(measured(digest, child=True))
        fastest.append(measured(partial(openssl_sha256, path)))
    mine, peer, fast = median(ours), median(theirs), median(fastest)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\nthe examiner, {path}, {size / 1e6:.0f} MB, {len(CATALOG.wanted.marks)} marks in two encodings")
    print(f"first time {mine.cpu * 1e3:8.1f} ms CPU")
    print(f"  {mine.cpu / peer.cpu:.2f} of sha256sum ({peer.cpu * 1e3:.1f} ms)")
    print(f"  {mine.cpu / fast.cpu:.2f} of OpenSSL's SHA-256 ({fast.cpu * 1e3:.1f} ms)")
    stat = median([measured(partial(os.stat, path)) for _ in range(rounds)])
    print(f"known      {median(again).cpu * 1e3:8.3f} ms CPU (a stat {stat.cpu * 1e3:.3f})")
    print(f"this process at most {peak:.0f} MB")


def compare_start(rounds: int) -> None:
    """What it costs before a scan begins, beside Python alone."""
    ours = [
        measured(command(sys.executable, "-m", "aipolicy", "scan", "--help"), child=True)
        for _ in range(rounds)
    ]
    bare = [measured(command(sys.executable, "-c", "pass"), child=True) for _ in range(rounds)]
    mine, python = median(ours), median(bare)
    print(f"\nthe start  {mine.cpu * 1e3:8.1f} ms CPU, Python alone {python.cpu * 1e3:.1f}")


def openssl_sha256(path: str) -> None:
    with open(path, "rb") as file:
        hashlib.file_digest(file, "sha256")


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--files", type=int, default=50_000)
    options.add_argument("--modules", type=int, default=50_000, help="files in node_modules besides")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--program", action="append", help="a large program (node)")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(dir=DISK if os.path.isdir(DISK) else None) as folder:
        machine = LikeTheRealOne(Path(folder))
        build(machine, chosen.files, chosen.modules)
        compare_looks(machine, chosen.rounds)
    for program in chosen.program or filter(None, [shutil.which("node")]):
        compare_examiner(program, chosen.rounds)
    compare_start(chosen.rounds)


if __name__ == "__main__":
    main()
