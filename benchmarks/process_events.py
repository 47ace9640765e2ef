"""How soon and how completely a new process is seen: kernel events beside polling, as ratios from one run.

    python benchmarks/process_events.py [--seconds 5] [--life-ms 20]

A C program starts tiny children at a steady rate and notes when; each watcher runs in a process of its own
and notes when it saw which pid, or, for the daemon's own process watch, when that had its verdict: what the
kernel says of it, its file's facts, its name, the policy's answer. Children that end before they were looked
at count as not seen. Needs gcc. Absolute times are only a scale: read the ratios.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import psutil

from aipolicy.core.model import Finding, Observation, Process, Unseen, Verdict
from aipolicy.core.policy import parse
from aipolicy.daemon.enforcer import Enforcer
from aipolicy.daemon.judge import Judge, Surroundings
from aipolicy.daemon.process_watch import ProcessWatch
from aipolicy.daemon.reporter import Reporter
from aipolicy.examine import examiner_for
from aipolicy.platforms import this_machine
from aipolicy.platforms.events import Batch, ProcessSource
from aipolicy.platforms.linux_events import open_process_events
from aipolicy.platforms.polling import PolledProcesses, ProgramSweep
from aipolicy.state.evidence import EvidenceCache
from aipolicy.state.store import Store
from aipolicy.tools import load

# Without the C library where we can: its start would cost more than all that is measured here.
CHILD = """
#include <time.h>
#include <unistd.h>
static const struct timespec life = { 0, LIFE_MS * 1000000L };
#if defined(__x86_64__)
static long call(long n, const void *a, long b) {
    long r;
    __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b) : "rcx", "r11", "memory");
    return r;
}
void _start(void) {
    call(35, &life, 0);
    call(231, 0, 0);
}
#else
int main(void) {
    nanosleep(&life, 0);
    return 0;
}
#endif
"""

SPAWNER = """
#define _GNU_SOURCE
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}
int main(int argc, char **argv) {
    long rate = atol(argv[1]), count = rate * atol(argv[2]);
    char *child[] = { argv[3], 0 }, *none[] = { 0 };
    long long start = now();
    for (long i = 0; i < count; i++) {
        long long due = start + i * 1000000000LL / rate, at = now();
        if (at < due) {
            struct timespec t = { (due - at) / 1000000000LL, (due - at) % 1000000000LL };
            nanosleep(&t, 0);
        }
        pid_t pid;
        at = now();
        if (posix_spawn(&pid, argv[3], 0, 0, child, none) == 0) printf("%d %lld\\n", pid, at);
        while (waitpid(-1, 0, WNOHANG) > 0);
    }
    long long end = now();
    while (wait(0) > 0);
    fprintf(stderr, "%lld\\n", end - start);
    return 0;
}
"""

Seen = dict[int, int]
Watcher = Callable[[], tuple[Seen, int]]

STOPPED = threading.Event()
CPU_AT_START = 0.0


def ready() -> None:
    """Starting Python is not part of any figure."""
    global CPU_AT_START
    CPU_AT_START = time.process_time()
    print("ready", flush=True)


def kernel(resolve: Callable[[int], bool] = lambda _pid: True) -> tuple[Seen, int]:
    source = open_process_events()
    if isinstance(source, Unseen):
        sys.exit(f"no kernel events here: {source.reason}")
    seen: Seen = {}
    lost = 0
    ready()
    while not STOPPED.is_set():
        batch = source.wait(0.5)
        lost += batch.lost
        for pid in batch.pids:
            if resolve(pid):
                seen[pid] = time.monotonic_ns()
    return seen, lost


def kernel_exe() -> tuple[Seen, int]:
    def resolve(pid: int) -> bool:
        try:
            return bool(os.readlink(f"/proc/{pid}/exe"))
        except OSError:
            return False

    return kernel(resolve)


def kernel_process() -> tuple[Seen, int]:
    """The whole record, as the daemon takes it: owner, script, namespaces."""
    machine = this_machine()
    return kernel(lambda pid: isinstance(machine.process(pid), Process))


class TimedJudge(Judge):
    """Notes when it was done with which process."""

    def verdict(self, finding: Finding, now: datetime) -> Verdict:
        verdict = super().verdict(finding, now)
        if finding.pid is not None:
            VERDICTS.setdefault(finding.pid, time.monotonic_ns())
        return verdict

    def findings(self, observations: Iterable[Observation]) -> tuple[Finding, ...]:
        observations = tuple(observations)
        findings = super().findings(observations)
        for seen in observations:
            if not findings and isinstance(seen, Process) and seen.exe.endswith("/child"):
                VERDICTS.setdefault(seen.pid, time.monotonic_ns())
        return findings


VERDICTS: Seen = {}


class Counted:
    """The daemon's source of events, with what it lost."""

    def __init__(self, source: ProcessSource) -> None:
        self._source = source
        self.way = source.way
        self.lost = 0

    def wait(self, timeout_s: float) -> Batch:
        batch = self._source.wait(timeout_s)
        self.lost += batch.lost
        return batch

    def fileno(self) -> int | None:
        return self._source.fileno()

    def close(self) -> None:
        self._source.close()


def daemon_watch() -> tuple[Seen, int]:
    """The daemon's process watch, whole: from the event to what the policy says."""
    opened = open_process_events()
    if isinstance(opened, Unseen):
        sys.exit(f"no kernel events here: {opened.reason}")
    machine, catalog, source = this_machine(), load(), Counted(opened)
    judge = TimedJudge(
        catalog=catalog,
        policy=parse("banned: [claude-code]\n", "policy.yaml", catalog.known),
        surroundings=Surroundings(device="d", hostname="h", os="linux"),
    )
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(folder, now=lambda: datetime.now(UTC))
        watch = ProcessWatch(
            machine=machine,
            source=source,
            examiner=examiner_for(catalog, EvidenceCache(Path(folder) / "evidence.db")),
            judge=lambda: judge,
            enforcer=Enforcer(machine, tool_packages=()),
            reporter=Reporter(store, machine, lambda: datetime.now(UTC), lambda: None),
        )
        watch.start()
        ready()
        STOPPED.wait()
        watch.close()
        store.close()
    return VERDICTS, source.lost


def psutil_1s() -> tuple[Seen, int]:
    seen: Seen = {}
    ready()
    while not STOPPED.is_set():
        for process in psutil.process_iter(["pid", "exe", "name", "username"]):
            if process.pid not in seen:
                seen[process.pid] = time.monotonic_ns()
        STOPPED.wait(1.0)
    return seen, 0


def sweep_1s() -> tuple[Seen, int]:
    """Our own fallback: one readlink per process."""
    source = PolledProcesses(ProgramSweep("/proc", this_machine().image), time.monotonic)
    seen: Seen = {}
    ready()
    while not STOPPED.is_set():
        for pid in source.wait(0.5).pids:
            seen.setdefault(pid, time.monotonic_ns())
    return seen, 0


WATCHERS: dict[str, Watcher] = {
    "kernel events": kernel,
    "kernel events + exe": kernel_exe,
    "kernel events + whole record": kernel_process,
    "kernel events to the verdict": daemon_watch,
    "sweep of /proc at 1 s": sweep_1s,
    "psutil at 1 s": psutil_1s,
}


def watch(name: str) -> None:
    """Until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: STOPPED.set())
    seen, lost = WATCHERS[name]()
    print(json.dumps({"seen": seen, "lost": lost, "cpu_s": time.process_time() - CPU_AT_START}))


def compiled(folder: Path, life_ms: int) -> tuple[str, str]:
    paths = []
    alone = ["-nostdlib", "-fno-stack-protector"] if os.uname().machine == "x86_64" else []
    small = ["-static", *alone, f"-DLIFE_MS={life_ms}"]
    for name, code, more in (("child", CHILD, small), ("spawner", SPAWNER, [])):
        (folder / f"{name}.c").write_text(code)
        subprocess.run(["gcc", "-O2", *more, "-o", folder / name, folder / f"{name}.c"], check=True)
        paths.append(str(folder / name))
    return paths[0], paths[1]


def one_round(name: str, rate: int, seconds: int, tools: tuple[str, str]) -> dict[str, float]:
    child, spawner = tools
    command = [sys.executable, __file__, "--watch", name]
    watcher = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert watcher.stdout is not None
    watcher.stdout.readline()
    spawn = [spawner, str(rate), str(seconds), child]
    ran = subprocess.run(spawn, capture_output=True, text=True, check=True)
    time.sleep(1.5)  # a poller has its last look
    watcher.terminate()
    answer = json.loads(watcher.stdout.read().splitlines()[-1])
    watcher.wait()
    started = {pid: int(at) for pid, at in (line.split() for line in ran.stdout.splitlines())}
    late = sorted((answer["seen"][pid] - at) / 1e6 for pid, at in started.items() if pid in answer["seen"])
    return {
        "seen": 100 * len(late) / len(started),
        "p50": median(late) if late else float("nan"),
        "p99": late[int(len(late) * 0.99)] if late else float("nan"),
        "overflows": answer["lost"],
        "cpu": 1e6 * answer["cpu_s"] / len(started),
        "rate": len(started) / (int(ran.stderr) / 1e9),
    }


HEAD = (
    f"{'':30} {'seen':>7} {'p50 ms':>9} {'p99 ms':>9} {'CPU us':>8} {'overflow':>9}  to the first: p50, CPU"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--watch", choices=WATCHERS)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--life-ms", type=int, default=20, help="below 1000")
    wanted = parser.parse_args()
    if wanted.watch:
        watch(wanted.watch)
        return
    with tempfile.TemporaryDirectory() as folder:
        tools = compiled(Path(folder), wanted.life_ms)
        for rate in (300, 3000):
            print(f"\n{rate} execs/s for {wanted.seconds:g} s, each child lives {wanted.life_ms} ms")
            print(HEAD)
            base: dict[str, float] = {}
            for name in WATCHERS:
                found = one_round(name, rate, int(wanted.seconds), tools)
                base = base or found
                ratios = f"{found['p50'] / base['p50']:.1f}x, {found['cpu'] / base['cpu']:.2f}x"
                print(
                    f"{name:30} {found['seen']:6.2f}% {found['p50']:9.3f} {found['p99']:9.3f}"
                    f" {found['cpu']:8.1f} {found['overflows']:9.0f}  {ratios} (at {found['rate']:.0f}/s)"
                )


if __name__ == "__main__":
    main()
