"""A storm of starts under the guard: is an innocent refused, does a banned one start, does the guard grow?

    python benchmarks/guard_storm.py [--seconds N] [--rate N] [--files N] [--reload-s N]    root, Linux, gcc

Small static programs, some of them banned, are started at `--rate` a second on a guarded filesystem of
its own, while the policy is replaced again and again by another one that bans the same. Printed are the
counts and what each process of the guard holds (RSS, descriptors) after the first tenth and at the end. Exit
code 1 where something was refused or started that should not be.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from aipolicy.daemon.guard.command import guard_socket
from aipolicy.enforce.guard import messages
from machine.guard.lab import BANNED, MARKS, GuardLab
from machine_needs import until

_BANNED_EACH: Final = 20
"""Every so many-th file is banned."""
_WORKERS: Final = 6

_PROGRAM: Final = """
const char *marks[] = {MARKS};
char filler[SIZE] = {1};
void _start(void) { __asm__ volatile("syscall" : : "a"(231), "D"(marks[0] == filler) : "memory"); }
"""

_DRIVER: Final = r"""
// driver RATE SECONDS SEED: reads "a PATH" or "b PATH" lines, starts one after the other at random
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/wait.h>
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}
int main(int count, char **words) {
    static char *paths[100000], kinds[100000], line[4200];
    long files = 0, innocent = 0, banned = 0, wrong = 0, lost = 0, failed = 0;
    double rate = atof(words[1]), seconds = atof(words[2]), worst = 0, start;
    srand(atoi(words[3]));
    while (files < 100000 && fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        kinds[files] = line[0];
        paths[files++] = strdup(line + 2);
    }
    start = now();
    for (long number = 0;; number++) {
        double due = start + number / rate, at = now();
        if (at - start > seconds) break;
        if (due > at) usleep((useconds_t)((due - at) * 1e6));
        long one = rand() % files;
        volatile int error = 0;
        char *arguments[] = {paths[one], NULL}, *environment[] = {NULL};
        at = now();
        pid_t pid = vfork();
        if (pid == 0) { execve(paths[one], arguments, environment); error = errno; _exit(127); }
        int status = -1;
        if (pid > 0) waitpid(pid, &status, 0);
        if (now() - at > worst) worst = now() - at;
        if (kinds[one] == 'b') { banned++; if (!error) lost++; else if (error != EPERM) failed++; }
        else { innocent++; if (error == EPERM) wrong++; else if (error || status) failed++; }
    }
    printf("{\"innocent\": %ld, \"banned\": %ld, \"refused_innocent\": %ld, \"started_banned\": %ld, "
           "\"failed\": %ld, \"seconds\": %f, \"worst_ms\": %f}\n",
           innocent, banned, wrong, lost, failed, now() - start, worst * 1e3);
    return 0;
}
"""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--rate", type=float, default=3_000.0)
    parser.add_argument("--files", type=int, default=1_000)
    parser.add_argument("--reload-s", type=float, default=20.0, help="seconds between two policies")
    chosen = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="storm-", dir="/var/cache") as folder,
        GuardLab(Path(folder)) as lab,
    ):
        lab.start()
        daemon = Daemon(lab)
        listing = _put(lab, chosen.files)
        driver = _built(lab.folder, "driver", _DRIVER, "-O2")
        for one in _started(driver, listing, 1e9, 2.0):  # each file is known
            one.communicate()
        before, early = time.monotonic(), _held(daemon)
        drivers = _started(driver, listing, chosen.rate, chosen.seconds)
        reloads, moved = 0, False
        while any(one.poll() is None for one in drivers):
            time.sleep(chosen.reload_s)
            if not moved and time.monotonic() - before > chosen.seconds / 10:
                early, moved = _held(daemon), True
            reloads += 1
            lab.policy(f"{BANNED}message: policy number {reloads}\n")
        counts = [json.loads(one.communicate()[0]) for one in drivers]
        late = _held(daemon)
        daemon.close()
    total = {name: sum(one[name] for one in counts) for name in counts[0]}
    starts, seconds = total["innocent"] + total["banned"], counts[0]["seconds"]
    print(f"{starts} starts in {seconds:.0f} s, {starts / seconds:.0f} a second; {reloads} policies")
    print(f"innocent {total['innocent']}, of these refused {total['refused_innocent']}")
    print(f"banned {total['banned']}, of these started {total['started_banned']}")
    print(f"failed {total['failed']}; the longest start {max(one['worst_ms'] for one in counts):.0f} ms")
    for name in early:
        print(f"{name}: {early[name]} -> {late[name]}")
    print(f"lives of the gate: {daemon.report['starts']}; refusals told {daemon.told}")
    print(daemon.report["numbers"])
    return int(bool(total["refused_innocent"] or total["started_banned"] or total["failed"]))


class Daemon:
    """Takes what the guard tells, as the agent does. report: the last; told: refusals."""

    def __init__(self, lab: GuardLab) -> None:
        channel = messages.connected(guard_socket(str(lab.state)), 5.0)
        assert channel is not None
        self._channel = channel
        self.report: dict[str, Any] = {}
        self.told = 0
        self._closed = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        until(lambda: self.report or None)

    def close(self) -> None:
        self._closed = True
        self._thread.join()
        self._channel.close()

    def _run(self) -> None:
        self._channel.settimeout(0.5)
        while not self._closed:
            heard = messages.receive(self._channel)
            if heard is None or heard.message is None:
                continue
            self.report = heard.message.get("report") or self.report
            if "refused" in heard.message:
                self.told += 1
                messages.send(self._channel, {"taken": heard.message["refused"]["number"]})


def _put(lab: GuardLab, files: int) -> str:
    """The programs, on the guarded filesystem, and their list for the driver."""
    marks = ", ".join(f'"{mark}"' for mark in MARKS)
    bare = ("-O1", "-static", "-nostdlib", "-fno-stack-protector")
    banned = _built(lab.folder, "bad", _PROGRAM.replace("MARKS", marks).replace("SIZE", "1100000"), *bare)
    innocent = _built(lab.folder, "good", _PROGRAM.replace("MARKS", '""').replace("SIZE", "1"), *bare)
    lines = []
    for number in range(files):
        is_banned = number % _BANNED_EACH == 0
        place = lab.put(banned if is_banned else innocent, f"programs/p{number}")
        lines.append(f"{'b' if is_banned else 'a'} {place}\n")
    return "".join(lines)


def _built(folder: Path, name: str, source: str, *flags: str) -> Path:
    (folder / f"{name}.c").write_text(source)
    subprocess.run(["gcc", *flags, "-o", folder / name, folder / f"{name}.c"], check=True)
    return folder / name


def _started(driver: Path, listing: str, rate: float, seconds: float) -> list[subprocess.Popen[str]]:
    drivers = []
    for number in range(_WORKERS):
        command = [str(driver), str(rate / _WORKERS), str(seconds), str(number)]
        one = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert one.stdin is not None
        one.stdin.write(listing)
        one.stdin.close()
        one.stdin = None
        drivers.append(one)
    return drivers


def _held(daemon: Daemon) -> dict[str, str]:
    """Of each process of the guard: resident memory and descriptors."""
    gate, deadman = int(daemon.report["gate"]), int(daemon.report["deadman"])
    classifier = next(pid for pid in _children(deadman) if pid != gate)
    named = {
        "deadman": deadman,
        "gate": gate,
        "classifier, small files": classifier,
        "classifier, large files": _children(classifier)[0],
    }
    return {name: _of(pid) for name, pid in named.items()}


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _of(pid: int) -> str:
    status = Path(f"/proc/{pid}/status").read_text()
    resident = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
    return f"{resident} kB, {len(list(Path(f'/proc/{pid}/fd').iterdir()))} descriptors"


if __name__ == "__main__":
    sys.exit(main())
