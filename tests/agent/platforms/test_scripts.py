"""Given a name and a process's view of the files, then the file it runs, or nothing."""

import os
from pathlib import Path

import pytest

from aipolicy.platforms.interpreters import Ran, what_runs
from aipolicy.platforms.links import resolve
from aipolicy.platforms.scripts import View, find_loads, find_script


def view(place: Path, **changed: object) -> View:
    fields = {
        "pid": 42,
        "prefix": "",
        "folder": str(place),
        "program": "/usr/bin/python3.11",
        "home": None,
        "out_of_reach": lambda _path: None,
    } | changed
    return View(**fields)  # type: ignore[arg-type]  # named by the test


def make(folder: Path, name: str) -> str:
    place = folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("x")
    return str(place)


@pytest.mark.parametrize(
    ("family", "given", "file"),
    [
        ("node", "cli", "cli.js"),
        ("node", ".", "index.js"),
        ("node", ".", "package.json"),
        ("bun", "./", "package.json"),
        ("node", "cli.mjs", "cli.mjs"),
        ("bun", "cli", "cli.ts"),
        ("python", ".", "__main__.py"),
        ("shell", "./run", "run"),
        ("shell", "a/../run", "run"),
    ],
)
def test_each_family_finds_files_its_own_way(tmp_path: Path, family: str, given: str, file: str) -> None:
    place = make(tmp_path, file)
    (tmp_path / "a").mkdir()
    assert find_script(Ran(family=family, script=given.encode()), view(tmp_path)) == place


def test_what_is_no_file_is_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for given in (b"missing", b"pipe", b"loop", b"nul\0", b"pipe/x", b"."):
        assert find_script(Ran(family="shell", script=given), view(tmp_path)) is None


def test_a_descriptor_leads_to_its_file_or_to_one_without_a_name(tmp_path: Path) -> None:
    named, pipe = make(tmp_path, "cli.js"), os.pipe()
    with open(named) as file, open(tmp_path / "gone", "w") as gone:
        (tmp_path / "gone").unlink()
        own = view(tmp_path, pid=os.getpid(), proc=f"/proc/{os.getpid()}")
        for folder in ("/proc/self/fd", "/dev/fd"):
            given = f"{folder}/{file.fileno()}".encode()
            assert find_script(Ran(family="node", script=given), own) == named
            nameless = f"{folder}/{gone.fileno()}".encode()
            assert find_script(Ran(family="node", script=nameless), own) == f"/proc/self/fd/{gone.fileno()}"
            assert find_script(Ran(family="node", script=f"{folder}/{pipe[0]}".encode()), own) is None
    for end in pipe:
        os.close(end)


def test_the_value_of_an_option_that_is_newer_than_we_is_no_script(tmp_path: Path) -> None:
    cli = make(tmp_path, "cli.js")
    new, own = b"node --newer-than-we value -r x cli.js".split(), view(tmp_path)
    ran = what_runs(b"node", new)
    assert ran is not None
    assert find_script(ran, own) == cli
    for gone in (
        b"node --newer-than-we ./eslint cli.js",
        b"node eslint cli.js",
        b"node --known=x eslint cli.js",
    ):
        checked = what_runs(b"node", gone.split())
        assert checked is not None
        assert find_script(checked, own) is None, "a script that is gone since was given the tool's file"


def test_without_a_folder_a_relative_name_is_nothing(tmp_path: Path) -> None:
    assert find_script(Ran(family="node", script=b"cli.js"), view(tmp_path, folder=None)) is None


def test_a_package_that_deno_fetches_is_named_as_such(tmp_path: Path) -> None:
    given = b"npm:@anthropic-ai/claude-code@2.1.3"
    assert find_script(Ran(family="deno", script=given), view(tmp_path)) == given.decode()
    assert find_script(Ran(family="deno", script=b"https://x.test/a.ts?token=SECRET"), view(tmp_path)) is None


def test_a_module_is_looked_for_as_python_does(tmp_path: Path) -> None:
    in_home = make(tmp_path, "home/.local/lib/python3.11/site-packages/aider/__main__.py")
    ran = Ran(family="python", module="aider", interpreter=b"python3")
    assert find_script(ran, view(tmp_path, home=str(tmp_path / "home"))) == in_home
    in_venv = make(tmp_path, "venv/lib/python3.11/site-packages/aider/__main__.py")
    called = Ran(family="python", module="aider", interpreter=b"venv/bin/python")
    assert find_script(called, view(tmp_path, home=str(tmp_path / "home"))) == in_venv
    here = make(tmp_path, "aider.py")
    assert find_script(called, view(tmp_path)) == here


def test_what_is_loaded_before_the_script_is_a_file_or_a_part_of_a_package(tmp_path: Path) -> None:
    hook, inner = make(tmp_path, "hook.cjs"), make(tmp_path, "node_modules/@a/tool/cli.js")
    make(tmp_path, "fs.js")
    loads = (b"./hook", b"@a/tool/cli.js", f"file://{hook}".encode(), b"fs", b"missing")
    found = find_loads(Ran(family="node", loads=loads), view(tmp_path / "node_modules"))
    assert found == (inner, hook)  # ./hook is not in that folder, and `fs` is node's own module
    assert find_loads(Ran(family="node", loads=loads), view(tmp_path)) == (hook, inner)


def test_a_python_under_another_name_finds_its_modules(tmp_path: Path) -> None:
    module = make(tmp_path, "venv/lib/python3.11/site-packages/aider/__main__.py")
    ran = Ran(family="python", module="aider", interpreter=f"{tmp_path}/venv/bin/tool".encode())
    assert find_script(ran, view(tmp_path, program=f"{tmp_path}/venv/bin/tool")) == module


def test_proc_self_is_the_process_itself(tmp_path: Path) -> None:
    assert resolve("/proc/self/exe-not", lambda _path: None, pid=42) == "/proc/42/exe-not"


def test_a_way_that_leads_onto_another_machine_is_not_walked(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/net/server/home")
    asked: list[str] = []

    def far(path: str) -> str | None:
        asked.append(path)
        return "nfs" if path.startswith("/net/server") else None

    assert resolve(f"{tmp_path}/link/x/cli.js", far) == "/net/server/home/x/cli.js"
    assert "/net/server/home" not in asked  # at its first folder it stopped


def test_links_stay_below_the_root_of_the_process(tmp_path: Path) -> None:
    make(tmp_path, "root/app/x")
    (tmp_path / "root/out").symlink_to("/../../../app/x")
    assert resolve("/out", lambda _path: None, prefix=str(tmp_path / "root")) == "/app/x"
