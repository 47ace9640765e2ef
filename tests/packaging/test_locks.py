"""What is fetched to build, run and test: named with version and hash, and refused when it is another."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).parents[2]
LOCKS = CHECKOUT / "packaging/locks"
TOGETHER = (("agent", "server", "develop", "fuzz"), ("agent", "bundle"), ("lock",))
"""The locks that are installed into one environment."""


def project() -> dict[str, Any]:
    return tomllib.loads((CHECKOUT / "pyproject.toml").read_text())


def entries(lock: str) -> dict[str, tuple[Requirement, list[str]]]:
    """By package: what the lock says of it, and its hashes."""
    found = {}
    text = re.sub(r"(?m)^#.*\n", "", (LOCKS / f"{lock}.txt").read_text())
    for entry in re.split(r"\n(?=\S)", text.strip()):
        line, *hashes = entry.replace("\\\n", "").split("--hash=")
        requirement = Requirement(line)
        found[canonicalize_name(requirement.name)] = (requirement, hashes)
    return found


@pytest.mark.parametrize("lock", sorted(file.stem for file in LOCKS.glob("*.txt")))
def test_every_line_of_a_lock_is_one_version_with_hashes(lock: str) -> None:
    for requirement, hashes in entries(lock).values():
        assert str(requirement.specifier).startswith("=="), requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}\s*", one) for one in hashes), requirement
        assert hashes, requirement


@pytest.mark.parametrize("locks", TOGETHER, ids="+".join)
def test_no_package_stands_in_two_locks_of_one_environment(locks: tuple[str, ...]) -> None:
    names = [name for lock in locks for name in entries(lock)]
    assert len(names) == len(set(names))


def wanted() -> list[tuple[str, str, str]]:
    """What pyproject.toml asks for: the part of it that asks, the requirement, the locks that answer."""
    told = project()
    parts = {
        "dependencies": (told["project"]["dependencies"], "agent"),
        "server": (told["project"]["optional-dependencies"]["server"], "agent server"),
        "build-system": (told["build-system"]["requires"], "agent"),
        "build": (told["dependency-groups"]["build"], "agent"),
        "bundle": (told["dependency-groups"]["bundle"], "agent bundle"),
        "dev": (told["dependency-groups"]["dev"], "agent server develop"),
        "fuzz": (told["dependency-groups"]["fuzz"], "agent server develop fuzz"),
        "lock": (told["dependency-groups"]["lock"], "lock"),
    }
    assert set(told["dependency-groups"]) <= set(parts)
    assert set(told["project"]["optional-dependencies"]) <= set(parts)
    return [(part, one, locks) for part, (asked, locks) in parts.items() for one in asked]


@pytest.mark.parametrize(("part", "requirement", "locks"), wanted())
def test_the_locks_answer_pyproject(part: str, requirement: str, locks: str) -> None:
    """Where this fails pyproject.toml was changed without `make lock`."""
    asked = Requirement(requirement)
    locked = {name: entry for lock in locks.split() for name, (entry, _) in entries(lock).items()}
    answer = locked.get(canonicalize_name(asked.name))
    assert answer, f"no lock of {locks} has {requirement} ({part}): make lock"
    [version] = answer.specifier
    assert asked.specifier.contains(version.version, prereleases=True), (
        f"{answer} for {requirement}: make lock"
    )


def test_nothing_is_installed_beside_the_locks() -> None:
    """Neither by make nor by a recipe of ours: what pip may fetch is named in a lock, with its hash."""
    places = [CHECKOUT / "Makefile", CHECKOUT / ".ci/run"]
    places += [
        file for file in (CHECKOUT / "packaging").rglob("*") if file.is_file() and file.parent != LOCKS
    ]
    for place in places:
        for line in place.read_text(errors="replace").splitlines():
            if re.search(r"\bpip3? (install|wheel|download)\b", line):
                assert "--require-hashes" in line or "--no-deps --no-build-isolation" in line, (place, line)


def test_make_refuses_a_file_that_is_not_the_locked_one(tmp_path: Path) -> None:
    """What a registry, a mirror or a proxy gives out under the same name and version."""
    shutil.copytree(LOCKS, tmp_path / "packaging/locks")
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(CHECKOUT / name, tmp_path / name)
    lock = tmp_path / "packaging/locks/agent.txt"
    lock.write_text(re.sub(r"sha256:.{8}", "sha256:00000000", lock.read_text()))
    environ = {**os.environ, "PIP_RETRIES": "0"}
    made = subprocess.run(
        ["make", "-s", ".venv/.run", f"PYTHON={sys.executable}"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if "No matching distribution" in made.stderr:
        pytest.skip("no package registry is reached")
    assert made.returncode != 0
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in made.stderr
    assert not (tmp_path / ".venv/.run").exists()
    assert not list((tmp_path / ".venv").rglob("attrs"))  # nothing at all was installed
