"""Which tool a Python zip starts: what it merely brings along is no tool."""

import io
import json
import struct
import zipfile
from pathlib import Path

import pytest

from aipolicy.core.model import FileFacts, FileKind, PackageRef, Unseen
from aipolicy.examine.zip_directory import LARGEST_DIRECTORY
from hostile import noise, terabyte
from installed import RECORDINGS, examiner, frozen, put

AIDER = {
    "aider_chat-0.86.2.dist-info/METADATA": (RECORDINGS / "pypi" / "aider-chat-METADATA").read_bytes(),
    "aider_chat-0.86.2.dist-info/entry_points.txt": (
        RECORDINGS / "pypi" / "aider-chat-entry_points.txt"
    ).read_bytes(),
    "aider/__init__.py": b"",
    "aider/main.py": b"def main(): ...\n",
}
ZIPAPP = b"# -*- coding: utf-8 -*-\nimport aider.main\naider.main.main()\n"
BOOTSTRAP = b"import _bootstrap\n_bootstrap.bootstrap()\n"


def zipped(names: dict[str, bytes], before: bytes = b"#!/usr/bin/env python3\n") -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in names.items():
            archive.writestr(name, content)
    return before + data.getvalue()


def below(folder: str, names: dict[str, bytes]) -> dict[str, bytes]:
    return {f"{folder}/{name}": content for name, content in names.items()}


def stating(entry_point: object) -> bytes:
    return json.dumps({"entry_point": entry_point}).encode()


def package(path: str) -> PackageRef | None:
    found = examiner().file(path)
    assert isinstance(found, FileFacts)
    assert found.kind is FileKind.ZIPAPP
    return found.package


@pytest.mark.parametrize(
    "names",
    [
        {"__main__.py": ZIPAPP} | AIDER,
        {"__main__.py": b"import sys\nfrom aider.main import main\nsys.exit(main())\n"} | AIDER,
        {"__main__.py": b"import runpy\nrunpy.run_module('aider', run_name='__main__')\n"} | AIDER,
        {"__main__.py": BOOTSTRAP, "environment.json": stating("aider.main:main")}
        | below("site-packages", AIDER),
        {"__main__.py": BOOTSTRAP, "PEX-INFO": stating("aider.main:main")}
        | below(".deps/aider_chat-0.86.2-py3-none-any.whl", AIDER),
        {"__main__.py": BOOTSTRAP, "PEX-INFO": stating("aider")} | below(".deps/a.whl", AIDER),
    ],
    ids=["zipapp", "written by hand", "runpy", "shiv", "pex", "pex of a module"],
)
@pytest.mark.parametrize("before", [b"#!/usr/bin/env python3\n", b"", b"#!/bin/sh\n" + b"# pex\n" * 2_000])
def test_a_zip_that_starts_a_tool(names: dict[str, bytes], before: bytes, tmp_path: Path) -> None:
    path = put(tmp_path / "notes", zipped(names, before))
    assert package(path) == PackageRef(ecosystem="pypi", name="aider-chat", version="0.86.2", path=path)


@pytest.mark.parametrize(
    "names",
    [
        {"__main__.py": b"import aider\nprint(aider.__version__)\n"} | AIDER,
        {"__main__.py": b"from mine import main\nmain()\n", "mine.py": b"import aider.main\n"} | AIDER,
        {"__main__.py": BOOTSTRAP, "environment.json": stating("mine:main")} | below("site-packages", AIDER),
        {"__main__.py": BOOTSTRAP, "PEX-INFO": stating("mine")} | below(".deps/a.whl", AIDER),
        {"__main__.py": BOOTSTRAP, "PEX-INFO": stating(None)} | below(".deps/a.whl", AIDER),
        {"__main__.py": BOOTSTRAP, "PEX-INFO": b"[" * 100_000} | below(".deps/a.whl", AIDER),
        {"__main__.py": ZIPAPP},
        {"__main__.py": ZIPAPP, "openai-3.57.0.dist-info/METADATA": b"Name: openai\nVersion: 3.57.0\n"},
    ],
    ids=[
        "uses it",
        "brings it",
        "shiv that brings it",
        "pex",
        "no start",
        "brackets",
        "no package",
        "an SDK",
    ],
)
def test_a_zip_that_only_brings_it(names: dict[str, bytes], tmp_path: Path) -> None:
    assert package(put(tmp_path / "notes", zipped(names))) is None


@pytest.mark.parametrize(("origin", "name"), [(b'{"dir_info": {}}', None), (b"{}", "llm")])
def test_a_project_of_ones_own_called_llm_as_one_archive(
    origin: bytes, name: str | None, tmp_path: Path
) -> None:
    metadata = {
        "METADATA": b"Name: llm\nVersion: 0.1.0\n",
        "entry_points.txt": b"[console_scripts]\nllm = llm:main\n",
        "direct_url.json": origin,
    }
    starts = {"__main__.py": BOOTSTRAP, "environment.json": stating("llm:main")}
    in_zip = starts | below("site-packages/llm-0.1.0.dist-info", metadata)
    found = package(put(tmp_path / "x", zipped(in_zip)))
    assert (found.name if found else None) == name
    made_of = below("llm-0.1.0.dist-info", metadata)
    program = put(tmp_path / "y", frozen("from llm import main\nmain()\n", made_of))
    made = examiner().file(program)
    assert isinstance(made, FileFacts)
    assert (made.package.name if made.package else None) == name


def test_a_directory_of_many_names_is_read_whole(tmp_path: Path) -> None:
    many = {f"some/module/of/a/long/name/{number}.py": b"" for number in range(3_000)}
    path = put(tmp_path / "notes", zipped({"__main__.py": ZIPAPP} | AIDER | many))
    assert package(path) is not None


def test_what_pex_unpacked_and_runs(tmp_path: Path) -> None:
    wheel = "installed_wheels/3/abc/aider_chat-0.86.2-py3-none-any.whl"
    for name, content in AIDER.items():
        put(tmp_path / wheel / name, content)
    script = put(tmp_path / "unzipped_pexes/4/def/__main__.py", b"import sys\n")
    put(tmp_path / "unzipped_pexes/4/def/PEX-INFO", stating("aider.main:main"))
    link = tmp_path / "unzipped_pexes/4/def/.deps/aider_chat-0.86.2-py3-none-any.whl"
    link.parent.mkdir()
    link.symlink_to(f"../../../../{wheel}")
    found = examiner().script(script)
    assert isinstance(found, FileFacts)
    assert found.package is not None
    assert (found.package.name, found.package.version) == ("aider-chat", "0.86.2")
    link.unlink()
    link.symlink_to("../../../../../elsewhere")
    put(tmp_path / "unzipped_pexes/4/def/PEX-INFO", stating("aider.main:main "))
    found = examiner().script(script)
    assert isinstance(found, FileFacts)
    assert found.package is None


def test_what_is_no_zip_inside(tmp_path: Path) -> None:
    sound = zipped({"__main__.py": ZIPAPP} | AIDER)
    end = struct.Struct("<4s4H2LH")
    fields = list(end.unpack(sound[-22:]))
    for number, (at, value) in enumerate(
        [(5, 0xFFFFFFFF), (5, LARGEST_DIRECTORY + 1), (5, len(sound) + 1), (6, 0xFFFFFFFF), (5, 3), (1, 9)]
    ):
        changed = [*fields[:at], value, *fields[at + 1 :]]
        found = examiner().file(put(tmp_path / str(number), sound[:-22] + end.pack(*changed)))
        assert isinstance(found, FileFacts | Unseen)
    noise(tmp_path / "noise")
    terabyte(tmp_path / "terabyte")
    (tmp_path / "zeros").write_bytes(b"PK\x03\x04" + b"\0" * 100_000)
    for name in ("noise", "zeros", "terabyte"):
        found = examiner().file(f"{tmp_path}/{name}")
        assert not isinstance(found, FileFacts) or found.package is None


def test_a_manifest_that_unfolds_without_end_is_read_to_a_cap(tmp_path: Path) -> None:
    bomb = {"__main__.py": ZIPAPP + b" " * (64 << 20)} | AIDER
    assert package(put(tmp_path / "notes", zipped(bomb))) is not None
