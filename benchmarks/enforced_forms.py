"""Every form of the corpus under the guard, and beside the process watch: refused, ended, or only seen.

    python benchmarks/enforced_forms.py [--forms TEXT ...] [--sources NAME ...]      root on Linux

Each form is put onto a guarded filesystem of its own and really started, in each way that it has: the command
that its installer made, or an interpreter or the loader on its file. The guard marks that filesystem
alone, and the process watch has the kernel's events of the whole machine and a judge that knows the processes
of one uid only, which nobody has: so no program of anybody else is refused or ended. While the watch is
tried, the guard's policy only reports, so that neither hides what the other does.

Under the guard: at the first start ever, at the second, and once a look has found it installed. Ended: from
before the start to the end of the process. It is stopped, or held by a file that its interpreter loads first,
in its first instants: so it does not end by itself for want of an account or a library.
"""

import argparse
import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from aipolicy.core.model import Done, Finding, Observation, Outcome, Process, Unseen, Verdict
from aipolicy.core.policy import parse
from aipolicy.daemon.enforcer import Ends, Enforcer, Matches
from aipolicy.daemon.judge import Judge, Surroundings
from aipolicy.daemon.process_watch import ProcessWatch
from aipolicy.daemon.reporter import Reporter
from aipolicy.daemon.teller import Teller
from aipolicy.enforce.guard.questions import CAP_S
from aipolicy.examine import examiner_for
from aipolicy.platforms import this_machine
from aipolicy.platforms.linux_events import open_process_events
from aipolicy.state.evidence import EvidenceCache
from aipolicy.state.store import Store
from aipolicy.tools import load
from corpus.cases import Case, positives
from corpus.places import Place
from host import FakeMachine
from machine.guard.lab import GuardLab, refused
from machine.real_packages import CACHE
from machine_needs import Started, until

GUARDED = 53_101
WATCHED = 53_200 + os.getpid() % 800
"""Uids that nobody has; the watch knows the second only, which another run here does not share."""
MOMENTS = ("first", "second", "found")
STARTS = 20
"""How often a form that is not refused at once is ended, over all tools that have it."""
ALSO_ENDED: Final = 2
"""How often what the guard refuses is ended without a guard."""
_RUNS_S = 2.0
_ENDS_S = 12.0
"""Longer than the enforcer waits before it kills."""
_TOLD_S = 1.0
_SAID_S = 3.0
_PATH = "/usr/local/bin:/usr/bin:/bin"
_HELD = {
    "hold.cjs": "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60000)\n",
    "sitecustomize.py": "import time\ntime.sleep(60)\n",
}


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to start a form. how: in the table."""

    how: str
    command: tuple[str, ...]
    stops: bool


@dataclass(frozen=True, kw_only=True)
class Recorded(Place):
    """Notes what a form would run."""

    commands: list[tuple[str, ...]] = field(default_factory=list)

    def run(self, *command: str | Path) -> int:
        self.commands.append(tuple(str(word) for word in command))
        return 0


@dataclass(kw_only=True)
class Row:
    """What came of one form. starts: whether it was refused, at each of the three moments."""

    form: str
    how: str
    starts: dict[str, list[bool]] = field(default_factory=dict)
    ended_ms: list[float] = field(default_factory=list)
    else_said: list[str] = field(default_factory=list)
    tools: list[str] = field(default_factory=list)


class Noted(Enforcer):
    """Remembers what came of which process."""

    outcomes: dict[int, Outcome]

    def act(self, process: Process, verdict: Verdict, matches: Matches, now: float) -> Outcome | None:
        outcome = super().act(process, verdict, matches, now)
        if outcome is not None:
            self.outcomes[process.pid] = outcome
        return outcome

    def poll(self, now: float) -> list[Ends]:
        ends = super().poll(now)
        self.outcomes |= {one.pid: one.outcome for one in ends}
        return ends


# --- what is started -------------------------------------------------------------------------------------


def ways(case: Case, place: Recorded, names: Sequence[str]) -> Iterator[Way]:
    """How this form is started. names: of the tool's own commands."""
    for command in place.commands:
        yield Way(how="as the form says", command=command, stops=_is_native(Path(command[0])))
    if place.commands:
        return
    for program in _programs(place.home, names):
        script = program.resolve()
        if _is_native(script) and not case.form.endswith("AppImage"):
            loader = next(Path("/lib64").glob("ld-linux*.so.*"))
            yield Way(how="through ld.so", command=(str(loader), str(script)), stops=True)
        elif (interpreter := _interpreter_of(script)) is not None:
            yield Way(how=f"by {Path(interpreter).name}", command=(interpreter, str(script)), stops=False)
        if not _head(program).startswith(b"PK"):
            stops = _is_native(program) or b"python" in _head(script).partition(b" ")[0]
            yield Way(how="by itself", command=(str(program),), stops=stops)


def _programs(home: Path, names: Sequence[str]) -> list[Path]:
    """The one program that a person would start: of several the one in a folder of programs."""
    there = [
        Path(folder) / name
        for folder, _, files in os.walk(home)
        for name in files
        if name in names or name.startswith(("notes", "Notes"))
    ]
    there += list(home.glob(".local/share/claude/versions/*"))
    can = [path for path in there if _head(path).startswith((b"#!", b"\x7fELF")) and os.access(path, os.X_OK)]
    can += [path for path in there if _head(path).startswith(b"PK")]  # a zipapp without a first line
    return sorted(can, key=_of_a_person)[:1]


def _of_a_person(path: Path) -> tuple[bool, bool, int, str]:
    folder = path.parent.name
    return folder not in ("bin", ".bin", "pnpm"), folder != "bin", len(path.parts), str(path)


def _is_native(path: Path) -> bool:
    return _head(path).startswith(b"\x7fELF")


def _head(path: Path) -> bytes:
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.readline(512)


def _interpreter_of(script: Path) -> str | None:
    if _head(script).startswith(b"PK"):  # a zipapp without a first line
        return shutil.which("python3", path=_PATH)
    words = _head(script).decode(errors="replace").removeprefix("#!").split()
    if not words:
        return None
    name = (
        next((w for w in words[1:] if not w.startswith("-")), "") if words[0].endswith("/env") else words[0]
    )
    return shutil.which(name, path=_PATH)


# --- started ---------------------------------------------------------------------------------------------


def start(way: Way, home: Path, uid: int, held: Path | None = None) -> "subprocess.Popen[bytes]":
    """Raises PermissionError where the kernel refuses it."""
    environ = {"HOME": str(home), "PATH": _PATH}
    if held is not None:
        environ |= {"NODE_OPTIONS": f"--require={held}/hold.cjs", "PYTHONPATH": str(held)}
    return subprocess.Popen(
        way.command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=home,
        env=environ,
        start_new_session=True,
        user=uid,
        group=uid,
        extra_groups=[],
    )


def is_refused(way: Way, home: Path) -> bool:
    """Whether the kernel refuses the program, or its file to what is told to run it."""
    try:
        child = start(way, home, GUARDED)
    except OSError as error:
        return error.errno == errno.EPERM  # the guard's word; EACCES is that of the file's mode
    try:
        _, said = child.communicate(timeout=_RUNS_S)
    except subprocess.TimeoutExpired:
        return False
    finally:
        _end(child)
    return b"EPERM" in said or b"not permitted" in said


def ended(way: Way, home: Path, held: Path, enforcer: Noted) -> tuple[float | None, str]:
    """Milliseconds until it was ended, or what else was said of it."""
    begun = time.monotonic()
    try:
        child = start(way, home, WATCHED, None if way.stops else held)
    except OSError as error:
        return None, f"not started: {error.strerror}"
    if way.stops:
        child.send_signal(signal.SIGSTOP)
    try:
        child.wait(_ENDS_S)
        took = (time.monotonic() - begun) * 1000
    except subprocess.TimeoutExpired:
        said = enforcer.outcomes.get(child.pid)
        return None, "seen only: nothing" if said is None else f"{said.done}: {said.detail}"
    finally:
        _end(child)
    said = _said_of(child.pid, enforcer)
    if said is not None and said.done is Done.ENDED:
        return took, ""
    return None, "it ended by itself" if child.returncode >= 0 else "ended with its launcher"


def _said_of(pid: int, enforcer: Noted) -> Outcome | None:
    """The watch says it after its next turn, and a turn can have much to read."""
    end = time.monotonic() + _SAID_S
    while time.monotonic() < end and pid not in enforcer.outcomes:
        time.sleep(0.02)
    return enforcer.outcomes.get(pid)


def _end(child: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    for end in (child.stdin, child.stderr):
        if end is not None:
            with contextlib.suppress(OSError):
                end.close()


# --- the two layers --------------------------------------------------------------------------------------


def policy_of(mode: str) -> str:
    """Every tool of the catalog."""
    return f'mode: {mode}\nbanned: ["*"]\n'


class JudgeOfOne(Judge):
    """Knows of nobody's processes but the lab's, so that the watch ends nobody else's."""

    def findings(self, observations: Iterable[Observation]) -> tuple[Finding, ...]:
        return tuple(f for f in super().findings(observations) if f.owner.uid == WATCHED)


def set_policy(lab: GuardLab, mode: str) -> None:
    """And wait until the guard judges by it."""
    lab.policy(policy_of(mode))
    until(lambda: refused(lab.disk / "probe") == (mode == "block") or None)


@contextlib.contextmanager
def watching(folder: Path) -> Iterator[Noted]:
    """The daemon's process watch and enforcer, for one uid."""
    source = open_process_events()
    if isinstance(source, Unseen):
        sys.exit(f"no kernel events here: {source.reason}")
    machine, catalog = this_machine(), load()
    judge = JudgeOfOne(
        catalog=catalog,
        policy=parse(policy_of("block"), "policy.yaml", catalog.known),
        surroundings=Surroundings(device="d", hostname="h", os="linux"),
    )
    store = Store.open(folder, now=lambda: datetime.now(UTC))
    enforcer = Noted(machine, Teller(), tool_packages=())
    enforcer.outcomes = {}
    watch = ProcessWatch(
        machine=machine,
        source=source,
        examiner=examiner_for(catalog, EvidenceCache(folder / "evidence.db")),
        judge=lambda: judge,
        enforcer=enforcer,
        reporter=Reporter(store, machine, lambda: datetime.now(UTC), lambda: None),
    )
    watch.start()
    try:
        yield enforcer
    finally:
        watch.close()
        store.close()


# --- the run ---------------------------------------------------------------------------------------------


def tried(case: Case, lab: GuardLab, held: Path, enforcer: Noted, starts: int) -> Iterator[Row]:
    """Puts the form there, starts it in each of its ways, and takes it away again."""
    folder = lab.disk / "case"
    machine = FakeMachine(folder=folder)
    home = Path(machine.add_user("person", GUARDED).home)
    with Started() as started:
        place = Recorded(home=home, started=started, uid=0)
        try:
            case.build(place)
            there = ways(case, place, _names(case))
            rows = [(way, Row(form=case.form, how=way.how, tools=[case.source])) for way in there]
            for way, row in rows:
                _guarded(way, row, lab, machine, str(case.tool))
                _watched(row, way, home, held, enforcer, starts)
                yield row
        except (pytest.skip.Exception, OSError) as reason:
            print(f"not built: {case.title}: {reason}", file=sys.stderr)
    shutil.rmtree(folder)


def _guarded(way: Way, row: Row, lab: GuardLab, machine: FakeMachine, tool: str) -> None:
    """From knowing nothing: another policy makes the guard forget what it refused."""
    home = Path(machine.accounts[0].home)
    set_policy(lab, "block")
    row.starts["first"] = [is_refused(way, home)]
    row.starts["second"] = [is_refused(way, home)]
    if not row.starts["second"][0]:
        lab.tell_found(machine, tool)
        time.sleep(_TOLD_S)
    row.starts["found"] = [is_refused(way, home)]
    set_policy(lab, "report")


def _watched(row: Row, way: Way, home: Path, held: Path, enforcer: Noted, starts: int) -> None:
    for _ in range(starts if not row.starts["first"][0] else ALSO_ENDED):
        took, said = ended(way, home, held, enforcer)
        if took is None:
            row.else_said.append(said)
            return
        row.ended_ms.append(took)


def _names(case: Case) -> tuple[str, ...]:
    source = case.build.args[0]  # type: ignore[attr-defined]
    if source.pypi:
        return (source.command,)
    bins = source.prefix / "bin"
    there = sorted(path.name for path in bins.iterdir()) if bins.is_dir() else []
    return (*there, Path(source.program).name) if source.program else tuple(there)


def together(rows: Iterable[Row]) -> list[Row]:
    """One row for all forms that were started in one way and answered alike."""
    by: dict[tuple[object, ...], Row] = {}
    for row in rows:
        alike = (row.how, str(row.starts), tuple(row.else_said))
        into = by.setdefault(alike, Row(form=row.form, how=row.how, starts=row.starts))
        if row.form not in into.form.split("; "):
            into.form += f"; {row.form}"
        into.ended_ms += row.ended_ms
        into.else_said += row.else_said
        into.tools += row.tools
    return sorted(by.values(), key=lambda row: (row.how, str(row.starts)))


def table(rows: Iterable[Row]) -> str:
    """In Markdown; docs/guard.md has the last one."""
    lines = [
        "| form | started | refused at its first start | at the second | once a look has found it "
        "| ended otherwise: p50 / p99 ms (starts) | else |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        refused = " | ".join("yes" if all(row.starts[moment]) else "**no**" for moment in MOMENTS)
        lines.append(
            f"| {row.form} | {row.how} | {refused} | {_times(row.ended_ms)} "
            f"| {'; '.join(dict.fromkeys(row.else_said))} |"
        )
    return "\n".join(lines)


def _times(ended_ms: Sequence[float]) -> str:
    if not ended_ms:
        return "-"
    ordered = sorted(ended_ms)
    return (
        f"{ordered[len(ordered) // 2]:.0f} / {ordered[min(len(ordered) * 99 // 100, len(ordered) - 1)]:.0f}"
    )


def main() -> None:
    said = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    said.add_argument("--forms", nargs="*", default=[], help="only forms with one of these texts")
    said.add_argument("--most", type=int, default=1000, help="tools for each form")
    said.add_argument("--sources", nargs="*", default=[], help="only these of positives.yaml")
    chosen = said.parse_args()
    tools: Counter[str] = Counter()
    cases = []
    for case in positives():
        if case.form.startswith("container"):  # its root is a filesystem of its own
            continue
        wanted = not chosen.forms or any(text in case.form for text in chosen.forms)
        if (
            wanted
            and (not chosen.sources or case.source in chosen.sources)
            and tools[case.form] < chosen.most
        ):
            tools[case.form] += 1
            cases.append(case)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # no guard is left behind
    CACHE.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="enforced-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for held, text in _HELD.items():
            (folder / held).write_text(text)
        (folder / "watch").mkdir()
        with GuardLab(folder, ext4=True) as lab, watching(folder / "watch") as enforcer:
            lab.policy(policy_of("report"))
            lab.put(lab.banned, "probe")
            lab.start(cap_s=CAP_S)
            for case in cases:
                begun = time.monotonic()
                for row in tried(case, lab, folder, enforcer, -(-STARTS // tools[case.form])):
                    rows.append(row)
                    print(f"{case.title}, {row.how}: {row}", file=sys.stderr)
                print(f"{case.title}: {time.monotonic() - begun:.1f} s", file=sys.stderr)
    print(table(together(rows)))


if __name__ == "__main__":
    main()
