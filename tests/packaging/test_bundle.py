"""The frozen bundles and the packages made of them: what is in them, and that the program does its job.

`make packages-test` builds them and runs these; a plain run of the tests skips them.
"""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from aipolicy import tools
from aipolicy.observe.containers import HAS_ENDED, Task
from aipolicy.platforms.machine import Root
from aipolicy.platforms.own_program import AIPOLICY, GATE, INSIDE, PARTS
from endtoend.test_contract import schema
from packaging_needs import BUNDLE, NEEDS_PACKAGES, PACKAGING, SERVER_BUNDLE, SERVER_PACKAGING, built

pytestmark = NEEDS_PACKAGES

SERVER_LIBRARIES = ("aipolicy_server", "fastapi", "starlette", "sqlalchemy", "alembic", "uvicorn", "psycopg")


def run(part: str, *words: str, home: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(home), "LC_ALL": "C"}
    return subprocess.run(
        [str(BUNDLE / part), *words],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        **options,
    )


def output_of(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def programs(bundle: Path) -> list[Path]:
    """All ELF files of a bundle."""
    files = [path for path in bundle.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path for path in files if path.read_bytes()[:4] == b"\x7fELF"]


def modules(part: str) -> set[str]:
    """The Python modules that lie in a program of the bundle."""
    viewer = BUNDLE.parent / "venv/bin/pyi-archive_viewer"
    listed = output_of(viewer, "--list", "--recursive", "--brief", BUNDLE / part)
    return set(re.findall(r"[\w.]+", listed))


def test_no_code_of_the_server_is_in_it() -> None:
    for part in PARTS:
        packages = {name.partition(".")[0] for name in modules(part)}
        assert not packages.intersection(SERVER_LIBRARIES), part
    assert not [path for path in BUNDLE.rglob("*") if path.name.startswith(SERVER_LIBRARIES)]


def test_every_module_of_the_agent_is_in_it() -> None:
    agent = PACKAGING.parents[1] / "agent"
    files = [file.relative_to(agent).with_suffix("") for file in (agent / "aipolicy").rglob("*.py")]
    here = {".".join(file.parts).removesuffix(".__init__") for file in files}
    assert here - modules(AIPOLICY) == set()


def test_nothing_but_the_standard_library_is_in_the_gate() -> None:
    ours = {name for name in modules(GATE) if name.partition(".")[0] == "aipolicy"}
    assert "aipolicy.enforce.guard.deadman" in ours
    assert not {"click", "yaml", "msgspec", "psutil", "requests", "hyperscan"} & modules(GATE)


@pytest.mark.parametrize("bundle", [BUNDLE, SERVER_BUNDLE], ids=["agent", "server"])
def test_no_library_is_looked_for_outside_the_bundle(bundle: Path) -> None:
    """A RUNPATH into a folder that a stranger may make would be a way into a program of root's."""
    assert len(programs(bundle)) > 20
    for program in programs(bundle):
        dynamic = output_of("readelf", "-d", program)
        for path in re.findall(r"R(?:UN)?PATH\).*\[(.*)\]", dynamic):
            assert all(one.startswith("$ORIGIN") for one in path.split(":")), (program, path)


def glibc(bundle: Path) -> str:
    """The oldest version with which it can run."""
    needed = (0, 0)
    for program in programs(bundle):
        symbols = output_of("objdump", "-T", program)
        for major, minor in re.findall(r"GLIBC_(\d+)\.(\d+)", symbols):
            needed = max(needed, (int(major), int(minor)))
    return ".".join(map(str, needed))


def test_the_packages_ask_for_the_glibc_that_it_needs() -> None:
    version = glibc(BUNDLE)
    assert f"libc6 (>= {version})" in (PACKAGING / "debian/control").read_text()
    assert f"Requires: glibc >= {version}\n" in (PACKAGING / "aipolicy.rpm.spec").read_text()
    assert f"libc6 (>= {glibc(SERVER_BUNDLE)})" in (SERVER_PACKAGING / "debian/control").read_text()


def test_it_scans_by_every_tool_file(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("banned: [claude-code]\n")
    scanned = run(AIPOLICY, "scan", "--policy", str(policy), "--format", "json", home=tmp_path)
    report = json.loads(scanned.stdout)
    jsonschema.validate(report, schema("scan"))
    assert report["catalog"]["version"] == tools.load().version
    assert not [
        one for one in report["verdicts"] if str(BUNDLE) in (one["path"] or "")
    ]  # it is no tool itself


def test_it_begins_a_policy_repository_and_checks_it(tmp_path: Path) -> None:
    assert run(AIPOLICY, "policy", "init", "policy", home=tmp_path, cwd=tmp_path).returncode == 0
    tested = run(AIPOLICY, "policy", "test", "policy.yaml", home=tmp_path, cwd=tmp_path / "policy")
    assert (tested.returncode, tested.stderr) == (0, "")


def test_the_server_is_said_to_be_missing(tmp_path: Path) -> None:
    asked = run(AIPOLICY, "server", "run", home=tmp_path)
    assert asked.returncode != 0
    assert "this package holds the agent alone" in asked.stderr
    assert "Traceback" not in asked.stderr


def test_no_program_that_it_starts_gets_its_libraries(tmp_path: Path) -> None:
    """git is started by `policy diff`: its environment is seen by a stand-in of that name."""
    seen = tmp_path / "seen"
    stand_in = tmp_path / "git"
    stand_in.write_text(f"#!/bin/sh\nenv >{seen}\nexit 1\n")
    stand_in.chmod(0o755)
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": str(tmp_path)}
    policy = tmp_path / "policy.yaml"
    policy.write_text("banned: [claude-code]\n")
    subprocess.run(
        [BUNDLE / AIPOLICY, "policy", "diff", f"HEAD:{policy}", str(policy)],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert not re.search(r"LD_LIBRARY_PATH|_PYI_", seen.read_text())


def test_the_look_into_containers_is_a_program_of_its_own(tmp_path: Path) -> None:
    """Asked for a root whose processes have ended."""
    gone = Root(pids=(), container="gone", device=0, inode=0)
    task = Task(root=gone, ours=(), wanted=tools.load().wanted)
    told = run(INSIDE, home=tmp_path, input=msgspec.json.encode(task).decode() + "\n")
    assert (told.returncode, told.stderr) == (HAS_ENDED, "")


@pytest.mark.parametrize("package", ["aipolicy_*.deb", "aipolicy-server_*.deb", "*.rpm"])
def test_their_own_linters_find_nothing(package: str) -> None:
    if package.endswith("deb"):
        command = ["lintian", "--allow-root", "--fail-on=error,warning", str(built(package))]
    else:
        command = ["rpmlint", "--config", str(PACKAGING / "rpmlint.toml"), str(built(package))]
    linted = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C.UTF-8"}
    )
    assert linted.returncode == 0, linted.stdout
    assert not re.search(r"(?m)^(?:\S+ )?[EW]: ", linted.stdout), linted.stdout
