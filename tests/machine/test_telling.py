"""Given a tool that somebody started somewhere, then they are told where they look, and nowhere else."""

import ast
import contextlib
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from aipolicy.core.model import Action, Done, Owner, Verdict
from aipolicy.daemon.teller import Teller
from aipolicy.enforce.desktop import Desktop
from aipolicy.platforms import this_machine
from desktops import SessionBus
from endtoend.lab import Lab, await_that, run
from endtoend.python_for_all import python_for, stranger
from machine.guard.editor import put_editor
from machine.test_block import Shell, is_alive
from machine_needs import NEEDS_LINUX, NEEDS_ROOT, Started, until
from ptys import Pty
from sightings import outcome

pytestmark = [NEEDS_LINUX, NEEDS_ROOT]
NOTICE = "aipolicy: claude-code 1.0.100 was ended by your organisation's AI policy"


@pytest.fixture
def started() -> Iterator[Started]:
    with Started() as children:
        yield children


@pytest.fixture
def pty() -> Iterator[Pty]:
    with Pty() as pty:
        yield pty


@pytest.fixture
def teller(tmp_path: Path) -> Teller:
    return Teller(Desktop(buses=str(tmp_path)))


def verdict(uid: int, **other: str) -> Verdict:
    judged = outcome(owner=Owner(uid=uid, name=str(uid)), action=Action.BLOCK).verdict
    return structs.replace(judged, finding=structs.replace(judged.finding, **other))


def typed(started: Started, pty: Pty, line: str, *, uid: int = 0) -> int:
    """The `sleep` that a line starts, which `uid` types into a shell on this terminal."""
    os.chown(pty.path, uid, -1)
    person = {"user": uid, "group": uid, "extra_groups": []}
    ends = {"stdin": pty.slave, "stdout": pty.slave, "stderr": pty.slave}
    command = ["setsid", "--ctty", "--wait", "sh", "-c", f"{line}; :"]
    shell = started.run(command, cwd=Path("/"), **ends, **person)
    return until(lambda: asleep(shell.pid))


def asleep(below: int) -> int | None:
    for pid in this_machine().descendants(below):
        with contextlib.suppress(OSError):  # it has ended
            if Path(f"/proc/{pid}/comm").read_text() == "sleep\n":
                return pid
    return None


def tell(teller: Teller, pid: int, judged: Verdict | None = None) -> bool:
    judged = judged or verdict(os.stat(f"/proc/{pid}").st_uid)
    return teller.tell(judged, this_machine().terminal(pid), Done.ENDED, 0.0)


LINES = {
    "plain": "sleep 600",
    "piped": "sleep 600 < /dev/null 2>&1 | cat > /dev/null",
    "in the background": "sleep 600 & wait",
    "through wrappers": "nice timeout --foreground 900 stdbuf -o0 sleep 600",
    "terminal closed to others": "mesg n; sleep 600",
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_it_appears_on_the_terminal_where_it_was_typed(
    started: Started, pty: Pty, teller: Teller, line: str
) -> None:
    uid = stranger()
    assert uid is not None
    assert tell(teller, typed(started, pty, line, uid=uid))
    assert NOTICE in pty.read()


@pytest.mark.parametrize("become", ["su -s /bin/sh nobody --session-command", "sudo -u nobody sh -c"])
def test_who_became_somebody_else_is_told_where_they_sit(
    started: Started, pty: Pty, teller: Teller, become: str
) -> None:
    if shutil.which(become.split()[0]) is None:
        pytest.skip(f"needs {become.split()[0]}")
    pid = typed(started, pty, f"{become} 'sleep 600; :'")
    assert os.stat(f"/proc/{pid}").st_uid not in (0, os.stat(pty.path).st_uid)
    assert tell(teller, pid)
    shown: list[str] = []  # sudo hands on what appears on a terminal of its own
    until(lambda: shown.append(pty.read()) or NOTICE in "".join(shown))


def test_inside_tmux_it_appears_in_that_pane(tmp_path: Path, teller: Teller) -> None:
    if shutil.which("tmux") is None:
        pytest.skip("needs tmux")
    tmux = ["tmux", "-S", str(tmp_path / "tmux"), "-f", "/dev/null"]
    subprocess.run([*tmux, "new-session", "-d", "-x", "200", "sleep 600"], check=True)
    try:
        shown = subprocess.run([*tmux, "display", "-p", "#{pid}"], capture_output=True, check=True)
        assert tell(teller, until(lambda: asleep(int(shown.stdout))))
        pane = [*tmux, "capture-pane", "-p"]
        until(lambda: NOTICE in subprocess.run(pane, capture_output=True, text=True).stdout or None)
    finally:
        subprocess.run([*tmux, "kill-server"], check=False)


def test_inside_screen_it_appears_in_that_window(started: Started, tmp_path: Path, teller: Teller) -> None:
    if shutil.which("screen") is None:
        pytest.skip("needs screen")
    shown = tmp_path / "shown"
    (tmp_path / "sessions").mkdir(mode=0o700)
    where = {"env": {**os.environ, "SCREENDIR": str(tmp_path / "sessions"), "TERM": "xterm"}}
    screen = started.run(["screen", "-D", "-m", "-S", "aipolicy-test", "sleep", "600"], **where)
    assert tell(teller, until(lambda: asleep(screen.pid)))
    hardcopy = ["screen", "-S", "aipolicy-test", "-X", "hardcopy", str(shown)]

    def on_it() -> bool:
        subprocess.run(hardcopy, check=False, stdout=subprocess.DEVNULL, **where)  # type: ignore[call-overload]
        return shown.exists() and "aipolicy: claude-code" in shown.read_text(errors="replace")

    until(lambda: on_it() or None)


def test_a_terminal_that_was_stopped_is_not_waited_for_and_told_once_it_goes_on(
    started: Started, pty: Pty, teller: Teller
) -> None:
    """Ctrl-S and Ctrl-Q."""
    pid = typed(started, pty, "sleep 600")
    numbers = itertools.count()
    os.write(pty.master, b"\x13")
    until(lambda: not tell(teller, pid, verdict(0, tool=f"tool-{next(numbers)}")) or None)
    os.write(pty.master, b"\x11")
    until(lambda: tell(teller, pid, verdict(0, tool="another", name="Another")) or None)
    assert pty.read().count("Another 1.0.100 was ended") == 1, "those before came before the Ctrl-S counted"


def test_of_two_terminals_the_one_where_it_was_typed_and_once_in_an_hour(
    started: Started, pty: Pty, teller: Teller
) -> None:
    with Pty() as other:
        one, two = typed(started, pty, "sleep 600"), typed(started, other, "sleep 600")
        assert tell(teller, two)
        assert NOTICE in other.read()
        assert pty.read() == ""
        assert tell(teller, one)
        assert other.read() == pty.read() == ""
        assert tell(teller, one, verdict(0, tool="another"))
        assert NOTICE in pty.read()


@pytest.fixture
def bus() -> Iterator[SessionBus]:
    # Not below pytest's own folder, which is closed to others.
    with tempfile.TemporaryDirectory(prefix="aipolicy-buses-") as folder:
        Path(folder).chmod(0o755)
        with SessionBus(Path(folder)) as bus:
            yield bus


def test_it_appears_on_the_desktop_too_and_without_a_terminal_there_alone(
    started: Started, pty: Pty, bus: SessionBus
) -> None:
    bus.show_notices()
    teller = Teller(Desktop(buses=str(bus.buses)))
    assert tell(teller, typed(started, pty, "sleep 600", uid=bus.uid))
    assert NOTICE in pty.read()
    title, body = ast.literal_eval(bus.shown())
    assert title == "claude-code: not allowed here"
    assert body.startswith(NOTICE)
    alone = started.run(["sleep", "600"], cwd=Path("/"), **bus.person).pid
    version = '<a href="http://x">\x1b[2J'
    assert tell(teller, alone, verdict(bus.uid, tool="another", version=version))
    _, body = ast.literal_eval(bus.shown())
    assert '&lt;a href="http://x"&gt;\\x1b[2J' in body
    assert pty.read() == ""


def test_an_agent_without_root_tells_on_its_own_persons_desktop(bus: SessionBus) -> None:
    bus.show_notices()
    python = python_for(bus.uid)
    code = (
        "import sys; from aipolicy.enforce.desktop import Desktop\n"
        "print(Desktop(buses=sys.argv[1]).tell(int(sys.argv[2]), 'title', 'text', 0.0))"
    )
    said = subprocess.run(
        [*python.command, "-c", code, str(bus.buses), str(bus.uid)],
        env={"PATH": "/usr/bin:/bin", **python.environ},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        **bus.person,
    )
    assert said.stdout == "True\n", said
    assert bus.shown() == "('title', 'text')"


def test_a_bus_without_a_desktop_behind_it_has_told_nobody(started: Started, bus: SessionBus) -> None:
    """As that of a person who came by ssh."""
    teller = Teller(Desktop(buses=str(bus.buses)))
    alone = started.run(["sleep", "600"], cwd=Path("/"), **bus.person).pid
    assert tell(teller, alone)
    until(lambda: teller.poll(0.0) or not teller.was_told(verdict(bus.uid)) or None)
    bus.show_notices()
    assert tell(teller, alone)
    assert NOTICE in bus.shown()


def test_without_a_terminal_and_a_desktop_nobody_is_told(started: Started, teller: Teller) -> None:
    assert not tell(teller, started.run(["setsid", "--wait", "sleep", "600"]).pid)
    assert not teller.was_told(verdict(0))


def test_what_somebody_elses_process_holds_open_is_nobodys_terminal(
    started: Started, pty: Pty, teller: Teller
) -> None:
    """A descriptor of a terminal is not the terminal that it was typed in."""
    child = started.run(["sleep", "600"], stdin=pty.slave, stdout=pty.slave)
    assert not tell(teller, child.pid)
    assert pty.read() == ""


def waiting(shell: Shell, editor: Path) -> str:
    """The line that starts it; it waits for orders that nobody gives."""
    orders = shell.home / "orders"
    os.mkfifo(orders)
    orders.chmod(0o666)
    return f"{editor} <> {orders} > /dev/null"


WARN = """mode: warn
banned:
  - {tool: windsurf, reason: no contract, message: "{tool} is not for work. Use {instead}."}
approved: [qoder]
contact: it@example.com
"""


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab.open() as lab:
        yield lab


@pytest.fixture
def shell(lab: Lab) -> Iterator[Shell]:
    uid = stranger()
    assert uid is not None
    with contextlib.closing(Shell(lab, uid)) as shell:
        yield shell


def test_who_starts_a_tool_that_is_warned_of_is_told_at_its_start_and_it_runs_on(
    lab: Lab, shell: Shell
) -> None:
    program = put_editor(lab.folder, lab.folder / "thing")
    agent = lab.begin(WARN, "--scan-every-s", "86400")
    running = shell.run(waiting(shell, program))
    for words in (
        "Windsurf 1.12.3 is against your organisation's AI policy",
        "is not for work. Use Qoder",
        "Reason: no contract",
        "Questions: it@example.com",
    ):
        await_that(lambda words=words: words in shell.read(), words, agent.log)  # type: ignore[misc]
    (told,) = await_that(lambda: lab.server.events(done="warned"), "it is reported", agent.log)
    assert (told["tool"], told["detail"]) == ("windsurf", "the person was told")
    assert is_alive(running)


GRACE = "mode: block\nbanned: [{tool: windsurf, grace: 7d}]\n"


def test_a_grace_is_counted_down_where_people_look(lab: Lab, shell: Shell) -> None:
    program = put_editor(lab.folder, lab.folder / "thing")
    running = shell.run(waiting(shell, program))
    agent = lab.begin(GRACE, "--scan-every-s", "86400")
    for words in ("It will be blocked from 2", "UTC (in 6 days)."):
        await_that(lambda words=words: words in shell.read(), words, agent.log)  # type: ignore[misc]
    await_that(lambda: "soon blocked" in agent.ask("status").stdout, "status says it", agent.log)
    assert "(in 6 days)" in agent.ask("status").stdout.partition("soon blocked")[2]
    person = python_for(shell.uid)
    mine = await_that(
        lambda: run(person, ["mine", "--state", str(agent.state)], agent.environ).stdout, "mine answers"
    )
    assert "warned (policy.yaml:2); will be blocked from 2" in mine
    asked = ["explain", str(running), "--policy", str(lab.folder / "policy.yaml")]
    explained = run(lab.python, asked, lab.environ)
    assert "blocked     from 2" in explained.stdout, explained
    assert "UTC (in 6 days)" in explained.stdout
    assert is_alive(running)
