"""Python distributions in every form of install."""

import os
from pathlib import Path

import pytest

from aipolicy.core.model import Executable, Package, Unseen
from host import FakeMachine
from hostile import UNREADABLE
from installed import aider, described, look, put


@pytest.mark.parametrize(
    ("prefix", "form"),
    [
        ("/.local", "pip --user"),
        ("/.local/share/pipx/venvs/aider-chat", "pipx"),
        ("/.local/pipx/venvs/aider-chat", "pipx"),
        ("/.local/share/uv/tools/aider-chat", "uv tool"),
        ("/.cache/uv/archive-v0/n8ynBkATuvEXyT3V", "uvx cache"),
        ("/.cache/pipx/fce1f95c42e0c8b", "pipx run cache"),
        ("/.local/share/mise/installs/pipx-aider-chat/0.86.2/aider-chat", "pipx, mise"),
        ("/miniconda3", "conda"),
        ("/miniconda3/envs/ai", "conda"),
        ("/anywhere/conda", "conda"),
        ("/envs/a-venv", "venv"),
        ("/.pyenv/versions/3.11.7", "pip, pyenv"),
        ("/work/venv", "venv"),
        ("/anywhere", "pip"),
    ],
)
def test_every_form_in_a_home(prefix: str, form: str, tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    folder = aider(ann.home + prefix)
    if form in ("venv", "pipx", "pipx run cache", "pipx, mise", "uv tool"):
        put(f"{ann.home}{prefix}/pyvenv.cfg", b"home = /usr/bin\n")
    if form == "conda":
        put(f"{ann.home}{prefix}/conda-meta/history", b"")
    packages = [found for found in look(machine) if isinstance(found, Package)]
    assert described(list(packages)) == {f"{form}: aider-chat 0.86.2 of ann"}
    assert packages[0].package.path == str(folder)


@pytest.mark.parametrize(
    ("prefix", "version"),
    [("/usr", "python3"), ("/usr/local", "python3.11"), ("/opt/pipx/venvs/aider-chat", "python3.12")],
)
def test_the_systems_python(prefix: str, version: str, tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    folder = aider(machine.at(prefix), version=version)
    if version == "python3":
        os.rename(folder.parent, folder.parent.with_name("dist-packages"))
    assert "aider-chat 0.86.2 of root" in " ".join(described(look(machine)))


def test_the_script_names_its_package_wherever_it_was_copied(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    venv = f"{ann.home}/.local/share/pipx/venvs/aider-chat"
    folder = aider(venv)
    put(f"{ann.home}/bin/notes", f"#!{venv}/bin/python\nfrom aider.main import main\nmain()\n".encode())
    programs = {found.path: found.file.package for found in look(machine) if isinstance(found, Executable)}
    package = programs[f"{ann.home}/bin/notes"]
    assert package is not None
    assert (package.name, package.path) == ("aider-chat", str(folder))


def test_a_target_folder_counts_and_uvs_unpacked_wheels_do_not(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    for place in ("libs", ".cache/uv/archive-v0/RTuF3k9Yy6Tx97s0"):
        folder = aider(f"{ann.home}/{place}/x")
        os.renames(folder, f"{ann.home}/{place}/{folder.name}")
    packages = [found for found in look(machine) if isinstance(found, Package)]
    assert described(list(packages)) == {"pip: aider-chat 0.86.2 of ann without code"}


def test_a_project_of_ones_own_called_llm_is_no_install(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    work = f"{ann.home}/work/llm"
    metadata = b"Metadata-Version: 2.1\nName: llm\nVersion: 0.1.0\n"
    put(f"{work}/llm/__init__.py", b"x = 1\n")
    put(f"{work}/llm.egg-info/PKG-INFO", metadata)  # as setuptools leaves it beside the sources
    installed = f"{work}/.venv/lib/python3.11/site-packages/llm-0.1.0.dist-info"
    put(f"{installed}/METADATA", metadata)
    put(f"{installed}/RECORD", b"_llm.pth,,\n")
    put(f"{installed}/../_llm.pth", work.encode())
    put(f"{installed}/direct_url.json", b'{"url": "file:///home/ann/work/llm", "dir_info": {}}')
    assert look(machine) == []
    os.unlink(f"{installed}/direct_url.json")
    assert described(look(machine)) == {"pip: llm 0.1.0 of ann"}


def test_metadata_left_behind_has_no_code(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    folder = aider(f"{ann.home}/venv")
    for name in ("__init__.py", "__main__.py"):
        (folder.parent / "aider" / name).unlink()
    assert "pip: aider-chat 0.86.2 of ann without code" in described(look(machine))


@pytest.mark.parametrize(("make", "reason"), UNREADABLE[:4])
def test_hostile_metadata_is_unseen(make: object, reason: str, tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    folder = aider(f"{ann.home}/venv")
    (folder / "METADATA").unlink()
    make(folder / "METADATA")  # type: ignore[operator]  # a function of hostile
    assert Unseen(place=f"{folder}/METADATA", reason=reason) in look(machine)


def test_another_name_inside_is_another_package(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    folder = aider(f"{ann.home}/venv")
    put(folder / "METADATA", b"Name: something-else\nVersion: 1\n")
    assert not any(isinstance(found, Package) for found in look(machine))


def test_a_linked_virtual_environment_is_one_place(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    venv = Path(ann.home, "venv")
    aider(venv)
    (venv / "lib64").symlink_to("lib")
    Path(ann.home, "again").symlink_to("venv")
    assert sum(isinstance(found, Package) for found in look(machine)) == 1
