"""On a real kernel: a process is what it runs now, whatever it was before and whatever befell its files."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from aipolicy.core.model import Process
from aipolicy.examine import Examiner
from aipolicy.platforms import this_machine
from machine.ways import AIDER, CLAUDE, WAITS_CJS, Said, Way, await_up, begin, filled, found
from machine_needs import NEEDS_LINUX, NEEDS_ROOT, Child, Started

pytestmark = [NEEDS_LINUX, pytest.mark.skipif(shutil.which("node") is None, reason="needs node")]


def go(child: Child) -> None:
    """To the next thing that it runs, which says that it is up."""
    child.write("go\n")
    await_up(child)


def test_an_innocent_process_becomes_the_tool(place: Path, started: Started, examiner: Examiner) -> None:
    script = "echo up; read x; exec node notes.mjs"
    child = begin(Way(f"sh -c '{script}'"), place, started, stdin=subprocess.PIPE)
    assert found(child.pid, examiner) == ()
    go(child)
    assert found(child.pid, examiner) == CLAUDE


@pytest.mark.parametrize("same_addresses", [False, True])
def test_the_tool_becomes_an_innocent_process(
    place: Path, started: Started, examiner: Examiner, same_addresses: bool
) -> None:
    """The script that is remembered of a process is that of one exec, also where addresses are not random."""
    (place / "site-packages/aider/handover.py").write_text(
        "import os\nprint('up', flush=True)\ninput()\n"
        "os.execvp('node', ['node', '-e', 'console.log(\"up\"); setTimeout(() => 0, 6e5)'])\n"
    )
    words = ["setarch", "-R"] if same_addresses else ["env"]
    line = " ".join([*words, "{python} ./site-packages/aider/handover.py"])
    child = begin(Way(line), place, started, stdin=subprocess.PIPE)
    machine = this_machine()
    assert found(child.pid, examiner, machine) == AIDER
    go(child)
    assert found(child.pid, examiner, machine) == ()


def test_the_name_of_a_tool_as_the_name_of_the_call_is_nothing(
    place: Path, started: Started, examiner: Examiner
) -> None:
    """argv has but one word, and that is the tool's script."""
    child = started.run([filled("{cli}", place)], executable=filled("{node}", place), cwd=place)
    child.write("console.log('up')\n")
    assert child.stdin is not None
    child.stdin.close()
    await_up(child)
    assert found(child.pid, examiner) == ()


def test_a_name_that_is_no_text(place: Path, started: Started, examiner: Examiner) -> None:
    odd = place / "site-packages/aider" / os.fsdecode(b"odd \xff\n\\ name.py")
    shutil.copy(place / "app.py", odd)
    child = started.run([filled("{python}", place), str(odd)], cwd=place, stdin=subprocess.DEVNULL)
    await_up(child)
    assert found(child.pid, examiner) == AIDER


def test_a_relative_script_that_went_elsewhere_is_known_if_it_was_seen_before(
    place: Path, started: Started, examiner: Examiner
) -> None:
    """Who comes later finds no such file in the folder where it is now."""
    folder = place / "moving"
    waits = "setTimeout(() => 0, 6e5); const told = new Promise(go => process.once('SIGUSR2', go));"
    code = f"{waits} console.log('up'); await told; process.chdir('/'); console.log('up');"
    folder.mkdir()
    (folder / "notes.mjs").write_text(code + (place / "notes.mjs").read_text().partition("\n")[2])
    child = started.run(["node", "notes.mjs"], cwd=folder, stdin=subprocess.DEVNULL)
    await_up(child)
    machine = this_machine()
    assert found(child.pid, examiner, machine) == CLAUDE
    os.kill(child.pid, 12)
    await_up(child)
    assert os.readlink(f"/proc/{child.pid}/cwd") == "/"
    assert found(child.pid, examiner, machine) == CLAUDE
    assert found(child.pid, examiner) == ()


GONE = {
    "renamed": ["mv", "notes.mjs", "other.mjs"],
    "deleted": ["rm", "notes.mjs"],
    "its folder deleted": ["sh", "-c", "rm -r $PWD"],
}


@pytest.mark.parametrize("what", GONE)
def test_a_script_that_is_gone_by_the_first_look_is_not_seen(
    place: Path, started: Started, examiner: Examiner, what: str
) -> None:
    """By a relative name, so that its folder counts as well."""
    folder = place / what.replace(" ", "-")
    folder.mkdir()
    shutil.copy(place / "notes.mjs", folder)
    child = started.run(["node", "notes.mjs"], cwd=folder, stdin=subprocess.DEVNULL)
    await_up(child)
    subprocess.run(GONE[what], cwd=folder, check=True)
    assert found(child.pid, examiner) == ()


@NEEDS_ROOT
def test_another_file_mounted_over_the_script_is_taken_for_it(
    place: Path, started: Started, examiner: Examiner
) -> None:
    """As one that was overwritten: it is judged by what stands there at the first look."""
    (place / "over").mkdir()
    cli = shutil.copy(place / "notes.mjs", place / "over/cli.mjs")
    child = begin(Way(f"unshare -m node {cli}"), place, started)
    subprocess.run(
        ["nsenter", "-m", "-t", str(child.pid), "mount", "--bind", place / "app.js", cli], check=True
    )
    assert found(child.pid, examiner) == ()


UPDATED: dict[str, tuple[str, Said]] = {
    "by a later version": ("2.0.0", CLAUDE),
    "by nothing": ("", ()),
}


@pytest.mark.parametrize("how", UPDATED)
def test_an_update_while_it_runs(place: Path, started: Started, examiner: Examiner, how: str) -> None:
    """npm renames the old folder away and puts the new one there."""
    version, said = UPDATED[how]
    package = place / how.replace(" ", "-") / "node_modules/@anthropic-ai/claude-code"
    shutil.copytree(place / "node_modules/@anthropic-ai/claude-code", package)
    child = begin(Way(f"node {package}/cli.js"), place, started)
    shutil.rmtree(package)
    if version:
        package.mkdir(parents=True)
        (package / "package.json").write_text(
            f'{{"name": "@anthropic-ai/claude-code", "version": "{version}", "bin": {{"claude": "cli.js"}}}}'
        )
        (package / "cli.js").write_text(WAITS_CJS)
    process = this_machine().process(child.pid)
    assert isinstance(process, Process)
    assert found(child.pid, examiner) == said
