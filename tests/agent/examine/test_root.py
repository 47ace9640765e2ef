"""What a file is below another root: judged as on the machine itself, by nothing that lies outside of it."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from aipolicy.core.model import FileKind, PackageRef
from aipolicy.examine.electron_app import SMALLEST_ELECTRON
from aipolicy.examine.files import MOST_NAMES, names_in, status_at
from aipolicy.examine.openat2 import openat2
from aipolicy.examine.owner_package import OwnerPackages, read_script_head
from aipolicy.examine.root import Root
from appimages import asar
from hostile import UNREADABLE
from installed import A_SCRIPT, aider, frozen, put

pytestmark = pytest.mark.skipif(openat2() is None, reason="needs Linux 5.6: openat2")

PYPI = frozenset({"aider-chat", "llm"})
STARTS = b"from aider.main import main\nmain()\n"
WHEEL = "aider_chat-0.86.2-py3-none-any.whl"


def owner_at(path: str, packages: OwnerPackages, root: Root | None, size: int = 0) -> PackageRef | None:
    with open(path if root is None else f"/proc/self/fd/{root.open(path, os.O_RDONLY)}", "rb") as file:
        head = file.read(4096)
    kind = FileKind.ELF if head.startswith(b"\x7fELF") else FileKind.SCRIPT
    kind = FileKind.ZIPAPP if path.endswith(".pyz") else kind
    return packages.of(path, kind, size, lambda: read_script_head(head))


def below(root: Path, path: str, packages: OwnerPackages | None = None, size: int = 0) -> PackageRef | None:
    """The package of the file at `path` in the container whose root is the folder `root`."""
    with Root(str(root), path) as opened:
        return owner_at(path, (packages or OwnerPackages(PYPI)).below(opened), opened, size)


def name(found: PackageRef | None) -> str | None:
    return found.name if found else None


# --- as on the machine itself ----------------------------------------------------------------------------


def entry_script(root: Path, _prefix: str) -> str:
    aider(root / "opt/venv")
    return "/opt/venv/bin/aider"


def entry_script_of_uv(root: Path, _prefix: str) -> str:
    aider(root / "root/.local/share/uv/tools/aider-chat", "script-uv", "python3.12")
    put(root / "root/.local/share/uv/tools/aider-chat/bin/aider", b"#!/x/bin/python\n" + STARTS)
    return "/root/.local/share/uv/tools/aider-chat/bin/aider"


def copied_entry_script(root: Path, prefix: str) -> str:
    aider(root / "opt/venv")
    put(root / "usr/bin/notes", f"#!{prefix}/opt/venv/bin/python3\n".encode() + STARTS)
    return "/usr/bin/notes"


def module(root: Path, _prefix: str) -> str:
    aider(root / "usr")
    return "/usr/lib/python3.11/site-packages/aider/__main__.py"


def unpacked_pex(root: Path, _prefix: str) -> str:
    store = root / "root/.cache/pex"
    shutil.copytree(aider(root / "made").parent, store / f"installed_wheels/3/abc/{WHEEL}")
    shutil.rmtree(root / "made")
    folder = store / "unzipped_pexes/4/def"
    put(folder / "__main__.py", b"import sys\n")
    put(folder / "PEX-INFO", json.dumps({"entry_point": "aider.main:main"}).encode())
    (folder / ".deps").mkdir()
    (folder / ".deps" / WHEEL).symlink_to(f"../../../../installed_wheels/3/abc/{WHEEL}")
    return "/root/.cache/pex/unzipped_pexes/4/def/__main__.py"


def frozen_program(root: Path, _prefix: str) -> str:
    inside = aider(root / "made")
    shutil.copytree(inside, root / "opt/notes/_internal" / inside.name)
    shutil.rmtree(root / "made")
    put(root / "opt/notes/notes", frozen(STARTS.decode(), {}))
    return "/opt/notes/notes"


def script_named_by_a_manifest(root: Path, _prefix: str) -> str:
    put(root / "app/package.json", b'{"name": "aider-chat", "bin": {"x": "bundle/x.js"}}')
    put(root / "app/bundle/x.js", A_SCRIPT)
    return "/app/bundle/x.js"


def electron(root: Path, _prefix: str) -> str:
    put(root / "opt/app/resources/app.asar", asar({"package.json": b'{"name": "aider-chat"}'}))
    put(root / "opt/app/app", b"\x7fELF" + b"\0" * 100)
    return "/opt/app/app"


Form = Callable[[Path, str], str]
FORMS: list[Form] = [
    entry_script,
    entry_script_of_uv,
    copied_entry_script,
    module,
    unpacked_pex,
    frozen_program,
    script_named_by_a_manifest,
    electron,
]


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_what_it_is_outside(form: Form, tmp_path: Path) -> None:
    outside = form(tmp_path / "outside", f"{tmp_path}/outside")
    ours = owner_at(f"{tmp_path}/outside{outside}", OwnerPackages(PYPI), None, SMALLEST_ELECTRON)
    path = form(tmp_path / "root", "")
    theirs = below(tmp_path / "root", path, size=SMALLEST_ELECTRON)
    assert name(ours) == name(theirs) == "aider-chat"
    assert ours is not None
    assert theirs is not None
    assert theirs.path == ours.path.removeprefix(f"{tmp_path}/outside")


@pytest.mark.parametrize(
    "text",
    [
        b"#!/usr/bin/env python3\nprint('my own aider')\n",
        b"#!/opt/venv/bin/python\nNAMES = ['aider-chat', 'from aider.main import main']\n",
        b"#!/opt/venv/bin/python\nfrom aider.coders import Coder\n",
    ],
)
def test_somebodys_own_script_beside_it_is_not_the_tool(text: bytes, tmp_path: Path) -> None:
    aider(tmp_path / "opt/venv")
    put(tmp_path / "opt/venv/bin/helper", text)
    assert below(tmp_path, "/opt/venv/bin/helper") is None


# --- one root never answers for another ------------------------------------------------------------------


def test_what_is_remembered_of_one_root_is_no_others(tmp_path: Path) -> None:
    """The same path in both, asked of one examiner's packages, in either order."""
    packages = OwnerPackages(PYPI)
    script = f"{tmp_path}/venv/bin/aider"
    aider(tmp_path / "venv")
    other = f"{tmp_path}/jail{tmp_path}/venv"
    put(f"{other}/bin/aider", (tmp_path / "venv/bin/aider").read_bytes())
    for _ in range(2):
        assert name(owner_at(script, packages, None)) == "aider-chat"
        assert below(tmp_path / "jail", script, packages) is None
    aider(other)
    shutil.rmtree(tmp_path / "venv/lib")
    for _ in range(2):
        assert name(below(tmp_path / "jail", script, packages)) == "aider-chat"
        assert owner_at(script, packages, None) is None


# --- made to mislead or to flood -------------------------------------------------------------------------

LINKS = (
    "opt/venv/lib",
    "opt/venv/lib/python3.11",
    "opt/venv/lib/python3.11/site-packages",
    "opt/venv/lib/python3.11/site-packages/aider_chat-0.86.2.dist-info",
    "opt/venv/lib/python3.11/site-packages/aider_chat-0.86.2.dist-info/METADATA",
)


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("climbing", [False, True], ids=["absolute", "climbing"])
def test_no_link_is_followed(link: str, climbing: bool, tmp_path: Path) -> None:
    """To the machine's own files least of all."""
    aider(tmp_path / "outside/opt/venv")
    aider(tmp_path / "root/opt/venv")
    place = tmp_path / "root" / link
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink()
    place.symlink_to(f"{'../' * 40 if climbing else ''}{tmp_path}/outside/{link}")
    assert below(tmp_path / "root", "/opt/venv/bin/aider") is None


def test_a_loop_of_links(tmp_path: Path) -> None:
    aider(tmp_path / "opt/venv")
    shutil.rmtree(tmp_path / "opt/venv/lib")
    (tmp_path / "opt/venv/lib").symlink_to("lib64")
    (tmp_path / "opt/venv/lib64").symlink_to("lib")
    assert below(tmp_path, "/opt/venv/bin/aider") is None


def test_names_that_climb_stay_in_the_root(tmp_path: Path) -> None:
    aider(tmp_path / "venv")
    for line in (b"#!/../venv/bin/python\n", b"#!/x\0y/bin/python\n"):
        put(tmp_path / "root/bin/notes", line + STARTS)
        assert below(tmp_path / "root", "/bin/notes") is None
    with Root(str(tmp_path / "root"), "/bin/notes") as root:
        for path in ("/../venv", "/bin/../../venv", f"/bin/../../../../../..{tmp_path}/venv"):
            assert status_at(path, root) is None
            assert names_in(f"{path}/lib", root) == []


@pytest.mark.parametrize("make", [make for make, _ in UNREADABLE])
@pytest.mark.parametrize(
    ("file", "of_script", "of_module"),
    [("METADATA", None, None), ("entry_points.txt", None, "aider-chat"), ("RECORD", "aider-chat", None)],
)
def test_metadata_that_cannot_be_read_names_nothing(
    make: Callable[[Path], None], file: str, of_script: str | None, of_module: str | None, tmp_path: Path
) -> None:
    folder = aider(tmp_path / "opt/venv")
    (folder / file).unlink()
    make(folder / file)
    assert name(below(tmp_path, "/opt/venv/bin/aider")) == of_script
    module = "/opt/venv/lib/python3.11/site-packages/aider/__main__.py"
    assert name(below(tmp_path, module)) == of_module


def test_a_folder_of_countless_names_is_read_in_part(tmp_path: Path) -> None:
    for number in range(MOST_NAMES + 50):
        os.mknod(tmp_path / str(number))
    with Root(str(tmp_path), "/1") as root:
        assert len(names_in("/", root)) == len(names_in(str(tmp_path))) == MOST_NAMES
