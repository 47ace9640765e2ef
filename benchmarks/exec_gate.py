"""What the exec gate costs programs that may run: no guard, ours, Debian's fapolicyd, in turns in one run.

    python benchmarks/exec_gate.py [--rounds N]        root on Linux; nothing else should be busy

Each round measures each workload under each guard, one after the other, so that a slow moment of the machine
hits all. Printed is the median over the rounds as a ratio to no guard, and what the first time under a new
guard takes. The guards watch the whole machine meanwhile. fapolicyd (apt install fapolicyd) gets a
configuration of its own: it watches the same types of filesystem, and its rules allow all but one path,
so that what is compared is the price of asking.
"""

import argparse
import contextlib
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from aipolicy.central.policy_source import FilePolicy, LastGood, PolicyText
from aipolicy.daemon.guard.command import deadman_command, guard_socket
from aipolicy.enforce.guard import messages

TIMES = 400
"""Starts of a small program in one measurement."""
GIT_TIMES = 1000
_RULES = "deny perm=execute all : path=/nonexistent/banned\nallow perm=any all : all\n"
_CONF = """
permissive = 0
nice_val = 14
q_size = 2048
uid = root
gid = root
do_stat_report = 0
detailed_report = 0
db_max_size = 50
subj_cache_size = 1549
obj_cache_size = 8191
watch_fs = ext2,ext3,ext4,tmpfs,xfs,vfat,iso9660,btrfs,overlay
trust = file
integrity = none
syslog_format = rule,dec,perm,auid,pid,exe,:,path
rpm_sha256_only = 0
allow_filesystem_mark = 0
"""


# --- what is measured ------------------------------------------------------------------------------------


def starts(program: str, *words: str) -> Callable[[], None]:
    """A small program, one after the other."""

    def work() -> None:
        for _ in range(TIMES):
            os.waitpid(os.posix_spawn(program, [program, *words], {"PATH": "/usr/bin:/bin"}), 0)

    return work


def workloads(folder: Path) -> dict[str, Callable[[], None]]:
    """By name; each works in `folder`."""
    source = folder / "static.c"
    source.write_text("int main(void) { return 0; }\n")
    subprocess.run(["gcc", "-O1", "-static", "-o", folder / "static", source], check=True)
    project = folder / "project"
    project.mkdir()
    for number in range(40):
        (project / f"p{number}.c").write_text(f"#include <stdio.h>\nint f{number}(void) {{ return 0; }}\n")
    (project / "Makefile").write_text("all: " + " ".join(f"p{number}.o" for number in range(40)) + "\n")
    subprocess.run(["git", "init", "-q", project], check=True)
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    wheel = _wheel(folder)

    def compile_it() -> None:
        subprocess.run(["make", "-s", "-B", "-C", project], check=True, stdout=subprocess.DEVNULL)

    def status() -> None:
        git = ["git", "-C", str(project), "status", "--short"]
        for _ in range(GIT_TIMES):
            subprocess.run(git, check=True, stdout=subprocess.DEVNULL)

    def install() -> None:
        pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "-q", "--no-index", "--force-reinstall"]
        subprocess.run([*pip, str(wheel)], check=True)

    return {
        "exec, small static": starts(str(folder / "static")),
        "exec, /bin/true": starts("/bin/true"),
        "sh -c :": starts("/bin/sh", "-c", ":"),
        "make of 40 C files": compile_it,
        f"git status x {GIT_TIMES}": status,
        "pip install of a wheel": install,
    }


def _wheel(folder: Path) -> Path:
    """A distribution with nothing in it."""
    place = folder / "nothing-1-py3-none-any.whl"
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr("nothing.py", "")
        archive.writestr("nothing-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: nothing\nVersion: 1\n")
        archive.writestr(
            "nothing-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("nothing-1.dist-info/RECORD", "")
    return place


# --- the guards ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def nobody(_folder: Path) -> Iterator[None]:
    """No guard."""
    yield


@contextlib.contextmanager
def ours(folder: Path) -> Iterator[None]:
    """The guard on the whole machine, ready to judge."""
    state = folder / "state"
    state.mkdir(mode=0o700, exist_ok=True)
    policy = folder / "policy.yaml"
    policy.write_text("mode: block\nbanned: [vllm]\n")
    text = FilePolicy(str(policy)).read()
    assert isinstance(text, PolicyText)
    assert LastGood(state).keep(text)
    with (folder / "guard.log").open("ab") as log:
        guard = subprocess.Popen(deadman_command(str(state), None), stderr=log, start_new_session=True)
    try:
        _await_ready(str(state))
        yield
    finally:
        guard.terminate()
        guard.wait()


def _await_ready(state: str) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if (channel := messages.connected(guard_socket(state), 1.0)) is not None:
            with channel:
                received = messages.receive(channel)
                report = (received.message or {}).get("report") if received else None
                if report and report["numbers"]["ready"]:
                    return
        time.sleep(0.1)
    raise SystemExit("the guard did not become ready")


@contextlib.contextmanager
def fapolicyd(_folder: Path) -> Iterator[None]:
    """Debian's, enforcing."""
    for place, text in (("fapolicyd.conf", _CONF), ("fapolicyd.rules", _RULES), ("compiled.rules", _RULES)):
        (Path("/etc/fapolicyd") / place).write_text(text)
    with contextlib.suppress(FileNotFoundError):
        os.unlink("/run/fapolicyd.pid")
    daemon = subprocess.Popen(
        ["/usr/sbin/fapolicyd", "--debug-deny"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        time.sleep(3)
        assert daemon.poll() is None, "fapolicyd did not stay"
        yield
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    guards = {"no guard": nobody, "aipolicy guard": ours}
    if shutil.which("fapolicyd", path="/usr/sbin:/sbin") is not None:
        guards["fapolicyd"] = fapolicyd
    took: dict[tuple[str, str], list[float]] = {}
    first: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name)
        works = workloads(folder)
        for turn in range(rounds):
            for guard, watching in guards.items():
                with watching(folder):
                    for work, run in works.items():
                        first.setdefault((work, guard), []).append(_seconds(run))
                        took.setdefault((work, guard), []).append(_seconds(run))
            print(f"round {turn + 1} of {rounds}", file=sys.stderr)
    print(f"| workload | {' | '.join(guards)} | first time under a new {list(guards)[1]} |")
    print(f"| --- |{' --- |' * (len(guards) + 1)}")
    for work in works:
        bare = statistics.median(took[work, "no guard"])
        cells = [f"{statistics.median(took[work, guard]) / bare:.2f}" for guard in guards]
        cells.append(f"{statistics.median(first[work, 'aipolicy guard']) / bare:.2f}")
        print(f"| {work} ({bare * 1000:.0f} ms) | {' | '.join(cells)} |")


def _seconds(run: Callable[[], None]) -> float:
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
