"""Every form of the corpus under the guard and the process watch: refused, ended, or only seen.

    python benchmarks/enforced_forms.py [--forms TEXT ...] [--sources NAME ...] [--write docs/stopped.md]
    root on Linux

Each form is put onto a guarded filesystem of its own and really started, in each way that it has: the command
that its installer made, or an interpreter or the loader on its file; and so is what `corpus.starts` knows
besides. The guard marks that filesystem alone, and what a container has alone; the process watch has the
kernel's events of the whole machine and a judge that knows the processes of one uid only, which nobody has:
so no program of anybody else is refused or ended.

Under the guard alone: at the first start ever, at the second, and once a look has found it installed. With
both: after one was ended. Ended: with a guard that only reports, from before the start to the end of the
process. It is stopped, waits for its input, or is held by a file that its interpreter loads first: so it does
not end by itself for want of an account or a library.

--write: these rows in the place of those that the page has for the same forms.
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
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from glob import glob
from pathlib import Path
from typing import Any, Final

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
from corpus.cases import Case, positives, sources
from corpus.forms import FORMS
from corpus.places import IN_THERE, Place
from corpus.starts import STARTS, STOPS, started
from host import FakeMachine
from machine.guard.lab import GuardLab, refused
from machine.real_packages import CACHE
from machine.roots import Box, copy_programs
from machine_needs import Started, until, whole_machine

GUARDED = 54_200 + os.getpid() % 800
WATCHED = 53_200 + os.getpid() % 800
"""Uids that nobody has, nor another run here; the watch knows the second only."""
MOMENTS = ("first", "second", "after its end", "found")
MISSED: Final = "MISSED"
_AS_SAID: Final = "as it says"
MOST_ELSE: Final = 3
"""After so many that were not ended it is tried no more."""
ALSO_ENDED: Final = 2
"""How often what the guard refuses is ended without a guard."""
_RUNS_S = 2.0
_ENDS_S = 25.0
"""Longer than the enforcer waits before it kills."""
_TOLD_S = 1.0
_SAID_S = 10.0
_PATH = "/usr/local/bin:/usr/bin:/bin"
_HELD = {
    "hold.cjs": "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60000)\n",
    "sitecustomize.py": "import time\ntime.sleep(60)\n",
}
_NEEDED = {"packaging/__init__.py": "", "packaging/version.py": "parse = str\n"}
"""What aider's first module imports: without it, it would end before Python opens the next one."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to start a form. how: in the table. stops: it may be stopped in its first instant.

    stops_at: bytes of the program that may be, once a launcher has executed it. home: where it is started.
    inside: the first process of the container it is started in; 0: in none.
    """

    how: str
    command: tuple[str, ...]
    stops: bool
    home: Path
    inside: int = 0
    stops_at: int = 0

    def as_user(self, uid: int) -> tuple[str, ...]:
        """The command for root, where it is to enter a container; else for that person."""
        enter = ("nsenter", f"--target={self.inside}", "--mount", "--root", f"--wdns={self.home}")
        return (*enter, f"--setuid={uid}", f"--setgid={uid}", *self.command) if self.inside else self.command


@dataclass(frozen=True, kw_only=True)
class Recorded(Place):
    """Notes what a form would run."""

    commands: list[tuple[str, ...]] = field(default_factory=list)

    def run(self, *command: str | Path) -> int:
        self.commands.append(tuple(str(word) for word in command))
        return 0

    def run_python_in(self, box: Box, *command: str) -> int:
        return self.run(*command)


@dataclass(kw_only=True)
class Row:
    """What came of one form. starts: whether it was refused, at each of the three moments."""

    form: str
    how: str
    starts: dict[str, bool] = field(default_factory=dict)
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
    inside, home, layer = 0, place.home, place.home
    if place.boxes:
        inside, home = place.boxes[0].pid, Path(IN_THERE)
        layer = place.in_image
    for command in place.commands:
        stops = case.runs and not inside and _is_native(Path(command[0]))
        size = (place.home / "notes").stat().st_size if command[-1] == STOPS else 0
        yield Way(how=_AS_SAID, command=command, stops=stops, home=home, inside=inside, stops_at=size)
    if place.commands:
        return
    for program in _programs(layer, names):
        script, loader = program.resolve(), next(Path("/lib64").glob("ld-linux*.so.*"))
        there, by_name = (str(home / path.relative_to(layer)) for path in (script, program))
        native = _is_native(script)
        by: tuple[str, Path] | None = None
        if native and not case.form.endswith("AppImage"):
            by = "through ld.so", loader
        elif not native and (interpreter := _interpreter_of(script)) is not None:
            by = f"by {Path(interpreter).name}", Path(interpreter)
        if by is not None:
            size = loader.stat().st_size if inside and native else 0
            command, stops = (str(by[1]), there), native and not inside
            yield Way(how=by[0], command=command, stops=stops, home=home, inside=inside, stops_at=size)
        if not _head(program).startswith(b"PK") and not (inside and b"venv/bin" in _head(script)):
            size = script.stat().st_size if inside and native else 0
            stops = not inside and (native or b"python" in _head(script).partition(b" ")[0])
            yield Way(
                how="by itself", command=(by_name,), stops=stops, home=home, inside=inside, stops_at=size
            )


def furnish(box: Box, held: Path) -> None:
    """What a container's image has that the tool needs: node, Python, their libraries; and what holds it."""
    needed = {"/usr/bin/node", "/usr/bin/env", "/usr/bin/python3", os.path.realpath("/usr/bin/python3")}
    needed |= {
        "/dev/null",
        "/dev/urandom",
        *(str(held / name) for name in _HELD),
        *(f"{CACHE}/needed/{name}" for name in _NEEDED),
        *glob("/usr/lib/python3.*"),
    }
    needed |= {*glob("/lib/*-linux-gnu/librt.so.1")}  # of Claude Code
    copy_programs(box.root, *needed)
    box.sh("mount -t proc proc /proc")
    made = {box.root / Path(path).parts[1] for path in needed}
    subprocess.run(["chmod", "-R", "a+rX", *made], check=True)


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
    if "/.venv/bin/python" in words[0] and not Path(words[0]).exists():  # moved into a container
        return "/usr/bin/python3"
    name = (
        next((w for w in words[1:] if not w.startswith("-")), "") if words[0].endswith("/env") else words[0]
    )
    return shutil.which(name, path=_PATH)


# --- started ---------------------------------------------------------------------------------------------


def start(way: Way, uid: int, held: Path | None = None) -> "subprocess.Popen[bytes]":
    """Raises PermissionError where the kernel refuses it."""
    environ = {"HOME": str(way.home), "PATH": _PATH, "PYTHONPATH": f"{CACHE}/needed"}
    if held is not None:
        environ |= {"NODE_OPTIONS": f"--require={held}/hold.cjs", "PYTHONPATH": str(held)}
    who: dict[str, Any] = {} if way.inside else {"user": uid, "group": uid, "extra_groups": []}
    return subprocess.Popen(
        way.as_user(uid),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd="/" if way.inside else way.home,
        env=environ,
        start_new_session=True,
        **who,
    )


def is_refused(way: Way) -> bool:
    """Whether the kernel refuses the program, or its file to what is told to run it."""
    try:
        child = start(way, GUARDED)
    except OSError as error:
        return error.errno == errno.EPERM  # the guard's word; EACCES is that of the file's mode
    try:
        _, said = child.communicate(timeout=_RUNS_S)
    except subprocess.TimeoutExpired:
        return False
    finally:
        _end(child, GUARDED)
    return b"EPERM" in said or b"not permitted" in said


def ended(way: Way, held: Path, enforcer: Noted) -> tuple[float | None, str]:
    """Milliseconds until it was ended, or what else was said of it."""
    enforcer.outcomes.clear()
    begun = time.monotonic()
    try:
        child = start(way, WATCHED, None if way.stops else held)
    except OSError as error:
        return None, f"not started: {error.strerror}"
    if way.stops:
        child.send_signal(signal.SIGSTOP)
    elif way.stops_at:
        _stop_once_it_runs(way.stops_at)
    try:
        child.wait(_ENDS_S)
        if "--fork" in way.command:
            _await_all_ended(begun)
        took = (time.monotonic() - begun) * 1000
    except subprocess.TimeoutExpired:
        said = _said_by(enforcer)
        return None, MISSED if said is None else f"seen only: {said.done}"
    finally:
        _end(child, WATCHED)
    said = _said_by(enforcer)
    if said is not None and said.done is Done.ENDED:
        return took, ""
    return None, "it ended by itself" if child.returncode >= 0 else "ended with its launcher"


def _stop_once_it_runs(size: int) -> None:
    """The program that a launcher is about to execute: in a namespace of its own it may end by itself."""
    end = time.monotonic() + _RUNS_S
    while time.monotonic() < end:
        for pid in _processes_of(WATCHED):
            with contextlib.suppress(OSError):
                if os.stat(f"/proc/{pid}/exe").st_size == size:
                    os.kill(pid, signal.SIGSTOP)
                    return


def _await_all_ended(begun: float) -> None:
    while _processes_of(WATCHED):
        if time.monotonic() - begun > _ENDS_S:
            raise subprocess.TimeoutExpired("detached", _ENDS_S)
        time.sleep(0.001)


def _processes_of(uid: int) -> list[int]:
    found = []
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        with contextlib.suppress(OSError):
            if os.stat(f"/proc/{pid}").st_uid == uid and Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def _said_by(enforcer: Noted) -> Outcome | None:
    """The watch says it after its next turn, and a turn can have much to read."""
    end = time.monotonic() + _SAID_S
    while time.monotonic() < end and not enforcer.outcomes:
        time.sleep(0.02)
    said = list(enforcer.outcomes.values())
    return next((one for one in said if one.done is Done.ENDED), said[0] if said else None)


def _end(child: "subprocess.Popen[bytes]", uid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    for pid in _processes_of(uid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
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
def watching(folder: Path) -> Iterator[tuple[Noted, ProcessWatch]]:
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
    store = Store.open(str(folder), now=lambda: datetime.now(UTC))
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
        yield enforcer, watch
    finally:
        watch.close()
        store.close()


# --- the run ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The two layers, and what holds a script."""

    lab: GuardLab
    enforcer: Noted
    watch: ProcessWatch
    held: Path

    def tried(self, case: Case, starts: int) -> Iterator[Row]:
        """Puts the form there, starts it in each of its ways, and takes it away again."""
        folder = self.lab.disk / "case"
        machine = FakeMachine(folder=folder)
        home = Path(machine.add_user("person", GUARDED).home)
        with Started() as children:
            place = Recorded(home=home, started=children, uid=0)
            try:
                case.build(place)
                for box in place.boxes:
                    furnish(box, self.held)
                    self.lab.say({"enter": box.pid})  # as the agent does when it sees its first process
                there = list(ways(case, place, _names(case)))
                if not there:
                    print(f"no way to start it: {case.title}", file=sys.stderr)
                for way in there:
                    row = Row(form=case.form, how=way.how, tools=[case.source])
                    self._guarded(way, row, machine, str(case.tool))
                    self._watched(way, row, starts)
                    self._after_its_end(way, row)
                    yield row
            except (pytest.skip.Exception, OSError) as reason:
                print(f"not built: {case.title}: {reason}", file=sys.stderr)
        shutil.rmtree(folder)

    def _guarded(self, way: Way, row: Row, machine: FakeMachine, tool: str) -> None:
        """From knowing nothing: another policy makes the guard forget what it refused."""
        set_policy(self.lab, "block")
        row.starts["first"] = is_refused(way)
        row.starts["second"] = is_refused(way)
        if not row.starts["second"]:
            self.lab.tell_found(machine, tool)
            time.sleep(_TOLD_S)
        row.starts["found"] = is_refused(way)
        set_policy(self.lab, "report")

    def _watched(self, way: Way, row: Row, starts: int) -> None:
        for _ in range(ALSO_ENDED if row.starts["first"] else starts):
            took, said = ended(way, self.held, self.enforcer)
            if took is not None:
                row.ended_ms.append(took)
                continue
            row.else_said.append(said)
            if len(row.else_said) == MOST_ELSE:
                return

    def _after_its_end(self, way: Way, row: Row) -> None:
        """As on a machine with both: what is ended is told to the guard, which refuses it from then on."""
        row.starts["after its end"] = row.starts["second"]
        if row.starts["second"] or not row.ended_ms:
            return
        set_policy(self.lab, "block")
        self.watch.banned = lambda places: self.lab.say({"judge": places[:16]})
        ended(way, self.held, self.enforcer)
        self.watch.banned = lambda _places: None
        time.sleep(_TOLD_S)
        row.starts["after its end"] = is_refused(way)
        set_policy(self.lab, "report")


def enter_for(lab: GuardLab) -> Callable[[int], None]:
    """Tells the guard of the namespaces of our own processes; others' are none of its affair."""

    def enter(pid: int) -> None:
        with contextlib.suppress(OSError):
            if os.stat(f"/proc/{pid}").st_uid in (GUARDED, WATCHED):
                lab.say({"enter": pid})

    return enter


def _names(case: Case) -> tuple[str, ...]:
    source = case.build.args[0]  # type: ignore[attr-defined]
    if source.pypi:
        return (source.command,)
    bins = source.prefix / "bin"
    there = sorted(path.name for path in bins.iterdir()) if bins.is_dir() else []
    return (*there, Path(source.program).name) if source.program else tuple(there)


# --- the page --------------------------------------------------------------------------------------------


def lines(rows: Iterable[Row]) -> Iterator[str]:
    """In Markdown, a line for each form and way to start it."""
    for row in rows:
        cells = ["refused" if row.starts[moment] else "starts" for moment in MOMENTS]
        yield f"| {row.form} | {row.how} | {' | '.join(cells)} | {_ended(row)} |"


def _ended(row: Row) -> str:
    tried = len(row.ended_ms) + len(row.else_said)
    said = [f"{what}, {times} of {tried}" for what, times in Counter(row.else_said).items()]
    if not row.ended_ms:
        return "; ".join(dict.fromkeys(row.else_said)) or "-"
    ordered = sorted(row.ended_ms)
    p50, p99 = (ordered[min(len(ordered) * part // 100, len(ordered) - 1)] for part in (50, 99))
    return "; ".join([f"{p50:.0f} / {p99:.0f} ms", *said])


def written(page: str, new: Iterable[str]) -> str:
    """The page with these lines in its table; those of other forms stay, in the corpus's order."""
    before, head, table = page.partition(_HEAD)
    kept = {_key(line): line for line in table.strip().splitlines()} | {_key(line): line for line in new}
    order = [*FORMS, *STARTS]
    ordered = sorted(kept.values(), key=lambda line: (order.index(_key(line)[0]), _key(line)[1]))
    return "\n".join([before + (head or _HEAD).rstrip(), *ordered, ""])


def _key(line: str) -> tuple[str, str]:
    cells = line.split(" | ")
    return cells[0].removeprefix("| "), cells[1]


_HEAD = """| form | started | first start | second start | after one end | once found | ended: p50 / p99 |
| --- | --- | --- | --- | --- | --- | --- |
"""


def _is_banned_elsewhere(case: Case) -> bool:
    """The tests of the whole machine ban this one, and would end it here."""
    return case.tool == "claude-code"


def _cases_by(name: str) -> list[Case]:
    source = sources()[name]
    return [
        Case(
            title=f"{name}: {form}",
            source=name,
            form=form,
            build=partial(build, source),
            tool=source.tool,
            runs=form.startswith("running"),
        )
        for form, build in FORMS.items()
    ]


def main() -> None:
    said = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    said.add_argument("--forms", nargs="*", default=[], help="only forms with one of these texts")
    said.add_argument("--sources", nargs="*", default=[], help="only these of positives.yaml")
    said.add_argument("--by", help="one of positives.yaml for all forms, also those that it has not there")
    said.add_argument("--starts", type=int, default=20, help="how often each is ended")
    said.add_argument("--write", type=Path, help="the page with the table")
    chosen = said.parse_args()
    known = (
        _cases_by(chosen.by) if chosen.by else sorted([*positives(), *started()], key=_is_banned_elsewhere)
    )
    cases = {
        case.form: case
        for case in reversed(known)
        if (not chosen.forms or any(text in case.form for text in chosen.forms))
        and (not chosen.sources or case.source in chosen.sources)
    }  # of several tools the first one that has the form
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # no guard is left behind
    for needed, text in _NEEDED.items():
        (CACHE / "needed" / needed).parent.mkdir(parents=True, exist_ok=True)
        (CACHE / "needed" / needed).write_text(text)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="enforced-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for held, text in _HELD.items():
            (folder / held).write_text(text)
        (folder / "watch").mkdir()
        with GuardLab(folder, ext4=True) as lab, watching(folder / "watch") as (enforcer, watch):
            lab.policy(policy_of("report"))
            lab.put(lab.banned, "probe")
            lab.start(cap_s=CAP_S)
            watch.contained = enter_for(lab)
            trial = Trial(lab=lab, enforcer=enforcer, watch=watch, held=folder)
            for case in reversed(cases.values()):
                begun = time.monotonic()
                with whole_machine() if _is_banned_elsewhere(case) else contextlib.nullcontext():
                    for row in trial.tried(case, chosen.starts):
                        (line,) = lines([row])
                        print(line, flush=True)
                        if chosen.write is not None:
                            chosen.write.write_text(written(chosen.write.read_text(), [line]))
                print(f"{case.title}: {time.monotonic() - begun:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
