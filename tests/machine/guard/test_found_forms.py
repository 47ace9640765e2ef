"""Given a tool that a look has found, then an interpreter or the loader is refused what starts it."""

import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from host import FakeMachine
from installed import aider, put
from machine.guard.lab import GuardLab, compiled, refused
from machine.real_packages import aider_wheel
from machine.roots import HOLDS, busybox_root, container, python_image
from machine_needs import NEEDS_LINUX, NEEDS_ROOT, Started, until

pytestmark = [
    NEEDS_LINUX,
    NEEDS_ROOT,
    pytest.mark.xdist_group("machine"),  # a guard of the whole machine may ban these tools, too
]

PYTHON = "/usr/bin/python3"
VERSION = os.path.basename(os.path.realpath(PYTHON))
SITE = f"lib/{VERSION}/site-packages"
MODULES = {
    "aider/__init__.py": "__version__ = '0.86.2'\n",
    "aider/__main__.py": "from .main import main\nmain()\n",
    "aider/main.py": "def main():\n    print('it ran')\n",
}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[GuardLab]:
    with GuardLab(tmp_path) as lab:
        lab.start()
        lab.policy("mode: block\nbanned: [aider, claude-code]\n")
        probe = lab.put(lab.banned, "probe")
        until(lambda: not refused(probe) or None)  # the policy of before banned it
        yield lab


@pytest.fixture
def machine(lab: GuardLab) -> FakeMachine:
    return FakeMachine(folder=lab.disk / "machine")


def site_of(machine: FakeMachine) -> Path:
    """aider as pip puts it into a home, without its code."""
    home = Path(machine.add_user("person").home)
    site = home / ".local/lib/python3.11/site-packages"
    metadata = site / "aider_chat-0.86.2.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: aider-chat\nVersion: 0.86.2\n")
    (metadata / "entry_points.txt").write_text("[console_scripts]\naider = aider.main:main\n")
    (metadata / "RECORD").write_text("".join(f"{name},,\n" for name in MODULES))
    for name, text in MODULES.items():
        (site / name).parent.mkdir(exist_ok=True)
        (site / name).write_text(text)
    script = home / ".local/bin/aider"
    script.parent.mkdir()
    script.write_text(f"#!{PYTHON}\nfrom aider.main import main\nmain()\n")
    script.chmod(0o755)
    return site


@pytest.mark.parametrize("compiled_before", [False, True])
def test_python_is_refused_the_module_that_it_is_told_to_run(
    lab: GuardLab, machine: FakeMachine, compiled_before: bool
) -> None:
    site = site_of(machine)
    if compiled_before:
        subprocess.run([PYTHON, "-m", "compileall", "-q", site / "aider"], check=True)
    start = [PYTHON, "-m", "aider"]
    assert not refused(*start, cwd=site)
    lab.tell_found(machine, "aider")
    until(lambda: refused(*start, cwd=site) or None)
    assert not refused(PYTHON, "-m", "compileall", "-f", "-q", site / "aider")
    assert not refused(PYTHON, "-c", "import aider.main", cwd=site)
    assert not refused("cat", site / "aider/__main__.py")


def test_python_is_refused_an_entry_script_that_was_never_executed(
    lab: GuardLab, machine: FakeMachine
) -> None:
    site = site_of(machine)
    script = site.parents[2] / "bin/aider"
    own = {"PYTHONPATH": str(site), "PATH": "/usr/bin"}
    assert not refused(PYTHON, script, env=own)
    lab.tell_found(machine, "aider")
    until(lambda: refused(PYTHON, script, env=own) or None)
    assert not refused("cat", script)


def test_python_is_refused_a_copied_folder_once_the_agent_has_ended_what_ran_of_it(lab: GuardLab) -> None:
    """No look finds it there: the agent tells the guard which file the process that it ends was given."""
    folder = lab.disk / "copied"
    with zipfile.ZipFile(aider_wheel()) as wheel:
        wheel.extractall(folder, [name for name in wheel.namelist() if name.startswith("aider/")])
    (folder / "aider/__init__.py").write_text("")  # it would miss what aider needs
    main = folder / "aider/__main__.py"
    main.write_text(f"import sys\nsys.exit()\n{main.read_text()}")
    start = [PYTHON, "-m", "aider"]
    assert [refused(*start, cwd=folder), refused(*start, cwd=folder)] == [False, False]
    lab.say({"judge": [[str(main), os.getuid()]]})
    until(lambda: refused(*start, cwd=folder) or None)
    assert not refused(PYTHON, "-m", "compileall", "-f", "-q", folder / "aider")
    assert not refused("cat", main)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("bin/aider", ("/opt/venv/bin/python", "/opt/venv/bin/aider")),
        (f"{SITE}/aider/__main__.py", ("/opt/venv/bin/python", "-m", "aider")),
    ],
    ids=["entry script", "python -m"],
)
def test_in_a_container_python_is_refused_what_was_ended_there(
    lab: GuardLab, place: str, words: tuple[str, ...]
) -> None:
    """What says whose it is lies in the container alone. Python compiled it at its first start."""
    image = lab.disk / "image"
    aider(image / "opt/venv", version=VERSION)
    put(image / "opt/venv/bin/helper", b"print('ran')\n")
    for name, text in MODULES.items():
        put(image / "opt/venv" / SITE / name, text.encode())
    (image / "opt/venv/pyvenv.cfg").write_text("home = /usr/bin\n")
    (image / "opt/venv/bin/python").symlink_to(PYTHON)
    with Started() as started:
        layers = (image, python_image())
        box = container(started, busybox_root(lab.disk / "base"), lab.disk / "work", more=layers)
        lab.say({"enter": box.pid})
        enter = ("nsenter", f"--target={box.pid}", "--mount", "--root", "--wd=/")
        assert not refused(*enter, *words)
        running = started.run([*enter, *words], env={"PYTHONPATH": HOLDS}).pid
        until(lambda: "python" in os.readlink(f"/proc/{running}/exe"))
        lab.say({"judge": [[f"/proc/{running}/root/opt/venv/{place}", os.getuid()]]})
        until(lambda: refused(*enter, *words) or None)
        assert not refused(*enter, PYTHON, "/opt/venv/bin/helper")


def test_the_loader_is_refused_the_native_program_beside_an_npm_package(
    lab: GuardLab, machine: FakeMachine
) -> None:
    """Whose own program is a launcher of a few bytes."""
    modules = Path(machine.add_user("person").home) / ".npm-global/lib/node_modules"
    package = modules / "@anthropic-ai/claude-code"
    native = package / "node_modules/@anthropic-ai/claude-code-linux-x64"
    native.mkdir(parents=True)
    part = "@anthropic-ai/claude-code-linux-x64"
    (package / "cli-wrapper.cjs").write_text("#!/usr/bin/env node\n")
    (package / "package.json").write_text(
        '{"name": "@anthropic-ai/claude-code", "version": "2.1.197", "bin": {"claude": "cli-wrapper.cjs"},'
        f' "optionalDependencies": {{"{part}": "2.1.197"}}}}'
    )
    (native / "package.json").write_text(f'{{"name": "{part}", "version": "2.1.197"}}')
    program = native / "claude"
    shutil.copy(compiled(lab.folder, "native"), program)
    loader = next(Path("/lib64").glob("ld-linux*.so.*"))
    assert not refused(loader, program)
    lab.tell_found(machine, "claude-code")
    until(lambda: refused(loader, program) or None)
    assert not refused("cat", program)
