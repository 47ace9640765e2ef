"""On a real kernel: whatever stands around a tool, it is recognised, and nothing around it is accused."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from aipolicy.core.model import Process
from aipolicy.examine import Examiner
from aipolicy.platforms import this_machine
from machine.real_packages import native_claude
from machine.ways import AIDER, CLAUDE, GEMINI, Way, accused, await_up, begin, filled, found
from machine_needs import NEEDS_LINUX, NEEDS_ROOT, Started, until

pytestmark = [NEEDS_LINUX, pytest.mark.skipif(shutil.which("node") is None, reason="needs node")]

LAUNCHERS = {
    "env -S": Way("env -S 'node --no-warnings {cli}'", CLAUDE),
    "no environment": Way("env -i node {cli}", CLAUDE),
    "exec -a": Way("bash -c 'exec -a innocent node {cli}'", CLAUDE),
    "a shell function": Way("bash -c 'f() ( node {cli} ); f; true'", CLAUDE),
    "busybox sh": Way("busybox sh -c 'node {cli}; true'", CLAUDE),
    "perl": Way("perl -e \"exec('node', '{cli}')\"", CLAUDE),
    "no session, no terminal": Way("setsid -w nohup nice ionice -c3 timeout 600 node {cli}", CLAUDE),
    "stdbuf": Way("stdbuf -oL node {cli}", CLAUDE),
    "strace": Way("strace -f -o /dev/null node {cli}", CLAUDE),
    "a terminal of its own": Way("script -qec 'node {cli}' /dev/null", CLAUDE),
    "a user namespace": Way("unshare -Urmpf node {cli}", CLAUDE),
    "bubblewrap": Way("bwrap --ro-bind / / --dev /dev --proc /proc --unshare-all node {cli}", CLAUDE),
    "npx": Way("npx --no-install gemini", GEMINI),
    "npm exec": Way("npm exec --no -- gemini", GEMINI),
    "npm run": Way("npm run assistant", GEMINI),
    "node --run": Way("{node26} --run assistant", GEMINI),
    "pnpm exec": Way("node {pnpm} exec gemini", GEMINI),
    "bunx": Way("{bun} x --no-install gemini", GEMINI),
    "bunx --bun": Way("{bun} x --bun --no-install gemini", GEMINI),
    "nodemon": Way("{nodemon} {bundle}", GEMINI),
    "forever": Way("env HOME={here} {forever} {bundle}", GEMINI),
    # its title says what it runs, as far as there is room in the arguments that it writes over
    "pm2": Way("env PM2_HOME={here}/.pm2 {pm2} --no-daemon start {short}", GEMINI),
    "tsx": Way("{tsx} {cli}", CLAUDE),
    "child_process.fork": Way("node -e \"require('child_process').fork('{bundle}')\"", GEMINI),
    "uv run": Way("{uv} run --no-project --python {python} ./site-packages/aider/__main__.py", AIDER),
    "ipython": Way("env HOME={here} {runners}/ipython ./site-packages/aider/__main__.py", AIDER),
    "coverage": Way("{runners}/coverage run --data-file x ./site-packages/aider/__main__.py", AIDER),
    "python -m coverage": Way("{runners}/python -m coverage run ./site-packages/aider/__main__.py", AIDER),
    "python -m debugpy": Way(
        "{runners}/python -m debugpy --listen 127.0.0.1:0 ./site-packages/aider/__main__.py", AIDER
    ),
}


@pytest.mark.parametrize("way", LAUNCHERS.values(), ids=LAUNCHERS)
def test_the_tool_is_recognised_and_its_launcher_is_not_accused(
    way: Way, place: Path, started: Started, examiner: Examiner
) -> None:
    program = filled(way.command, place).split()[0]
    if shutil.which(program) is None:
        pytest.skip(f"needs {program}")
    child = begin(way, place, started)
    said = until(lambda: list(accused(child.pid, examiner).values()))
    assert said == [way.said]


INNOCENT = {
    "npm run": Way("npm run server"),
    "nodemon": Way("{nodemon} app.js"),
    "pm2": Way("env PM2_HOME={here}/.pm2 {pm2} --no-daemon start app.js"),
    "tsx": Way("{tsx} app.js"),
    "ts-node": Way("{ts-node} --transpile-only --compiler {typescript} app.js"),
    "ipython": Way("env HOME={here} {runners}/ipython app.py"),
    "coverage": Way("{runners}/coverage run --data-file x app.py"),
    "strace": Way("strace -f -o /dev/null node app.js"),
}


@pytest.mark.parametrize("way", INNOCENT.values(), ids=INNOCENT)
def test_a_launcher_of_something_else_is_nothing(
    way: Way, place: Path, started: Started, examiner: Examiner
) -> None:
    """Given the tool's file as an argument of what it starts."""
    child = begin(Way(f"{way.command} -- {{cli}}"), place, started)
    assert accused(child.pid, examiner) == {}


@NEEDS_ROOT
@pytest.mark.parametrize("command", ["setpriv --reuid=4711 --clear-groups", "setpriv --euid=4711"])
def test_it_belongs_to_the_user_in_whose_name_it_acts(
    place: Path, started: Started, examiner: Examiner, command: str
) -> None:
    child = begin(Way(f"{command} node -e 'console.log(\"up\"); setTimeout(() => 0, 6e5)'"), place, started)
    process = this_machine().process(child.pid)
    assert isinstance(process, Process)
    assert process.owner.uid == 4711


@NEEDS_ROOT
def test_in_a_chroot(place: Path, started: Started, examiner: Examiner) -> None:
    """Its own paths mean nothing outside; the finding has ours."""
    root = filled("{root}", place)
    inner = "/app/node_modules/@anthropic-ai/claude-code/cli.js"
    child = begin(Way(f"chroot {root} /bin/node {inner}"), place, started)
    process = this_machine().process(child.pid)
    assert isinstance(process, Process)
    assert process.script == root + inner
    assert found(child.pid, examiner) == CLAUDE


@NEEDS_ROOT
def test_a_format_registered_with_the_kernel(place: Path, started: Started, examiner: Examiner) -> None:
    """binfmt_misc: *.notes is run by node, in a user namespace that has a registry of its own."""
    notes = place / "node_modules/@google/gemini-cli/bundle/my.notes"
    shutil.copy(notes.with_name("gemini.js"), notes)
    registry = "/proc/sys/fs/binfmt_misc"
    script = (
        f"mount -t binfmt_misc none {registry} 2>/dev/null || echo no up; "
        f"echo ':notes:E::notes::/usr/bin/node:' > {registry}/register && exec {notes}"
    )
    child = started.run(["unshare", "-Urm", "sh", "-c", script], stdin=subprocess.DEVNULL)
    assert child.stdout is not None
    if child.stdout.readline() == "no up\n":
        pytest.skip("needs binfmt_misc in user namespaces: Linux 6.7")
    assert found(child.pid, examiner) == GEMINI


def test_a_daemon_whose_front_end_and_file_are_gone(
    tmp_path: Path, started: Started, examiner: Examiner
) -> None:
    """As the daemons of Codex and Cline: a copy of its own, detached, and its file removed by an update."""
    daemon = tmp_path / "packages/daemon/server"
    daemon.parent.mkdir(parents=True)
    try:
        os.link(native_claude(), daemon)
    except OSError:
        shutil.copy(native_claude(), daemon)
    os.mkfifo(tmp_path / "input")
    stream = "-p --input-format stream-json --output-format stream-json --verbose"
    script = f"exec {daemon} {stream} <> {tmp_path}/input > /dev/null 2>&1"
    front = started.run(
        ["setsid", "-f", "sh", "-c", script], env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    )
    front.wait()

    def running() -> Process | None:
        seen = (p for p in this_machine().processes() if isinstance(p, Process))
        return next((p for p in seen if p.exe.removesuffix(" (deleted)") == str(daemon)), None)

    process = until(running)
    try:
        daemon.unlink()
        assert this_machine().parent(process.pid) != front.pid
        assert found(process.pid, examiner) == CLAUDE
    finally:
        os.kill(process.pid, 9)


def test_the_script_stands_behind_a_megabyte_of_options(
    place: Path, started: Started, examiner: Examiner
) -> None:
    words = ["--conditions=" + "x" * 100_000] * 10
    child = started.run(["node", *words, "notes.mjs"], cwd=place, stdin=subprocess.DEVNULL)
    await_up(child)
    assert found(child.pid, examiner) == CLAUDE


def test_a_python_tool_that_took_a_title(place: Path, started: Started, examiner: Examiner) -> None:
    """setproctitle writes over the arguments; the kernel still knows which file was executed."""
    entry = place / "entry"
    entry.write_text(
        f"#!{filled('{runners}', place)}/python\n"
        "import setproctitle\nsetproctitle.setproctitle('notes')\nfrom aider.main import main\n"
    )
    entry.chmod(0o755)
    child = begin(Way(f"env {{path}} {entry}"), place, started)
    process = this_machine().process(child.pid)
    assert isinstance(process, Process)
    assert (process.name, process.script) == ("notes", str(entry))
