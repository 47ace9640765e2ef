"""What the packages say of the code in them that is others': all of it, with its licence, nothing else."""

import json
import os
import re
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from aipolicy.platforms.own_program import PARTS
from packaging_needs import BUNDLE, CHECKOUT, NEEDS_PACKAGES

pytestmark = NEEDS_PACKAGES

BILL = CHECKOUT / "packaging/third_party/bill.py"
VENV = BUNDLE.parent / "venv/bin/python"


@pytest.fixture(scope="module", name="bill")
def the_bill() -> Any:
    return json.loads((BUNDLE.parent / "sbom.cdx.json").read_text())


def places(component: Any) -> set[str]:
    return {one["location"] for one in component["evidence"]["occurrences"]}


def test_every_file_of_the_bundle_is_in_it(bill: Any) -> None:
    """And it names none that is not there."""
    named = set().union(*(places(one) for one in [bill["metadata"]["component"], *bill["components"]]))
    there = {
        str(path.relative_to(BUNDLE))
        for path in BUNDLE.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
    assert there - named == set()
    assert named - there == set()


def test_every_package_whose_modules_are_in_a_program_is_in_it(bill: Any) -> None:
    """Asked of the archive in the program itself, not of the notes that the bill was made from."""
    of_component = defaultdict(set)
    listed = subprocess.run(
        [VENV, "-c", "import json, importlib.metadata as m; print(json.dumps(m.packages_distributions()))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    owners = json.loads(listed)
    for component in bill["components"]:
        for place in places(component):
            of_component[place].add(component["name"].lower())
    for part in PARTS:
        viewer = BUNDLE.parent / "venv/bin/pyi-archive_viewer"
        shown = subprocess.run(
            [viewer, "--list", "--recursive", "--brief", BUNDLE / part],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        packages = {name.partition(".")[0] for name in re.findall(r"[\w.]+", shown)} - {"aipolicy"}
        wheels = {wheel.lower() for package in packages for wheel in owners.get(package, ())}
        assert wheels - of_component[part] - {"aipolicy"} == set(), part


def test_it_names_python_and_the_libraries_that_are_not_from_pypi(bill: Any) -> None:
    names = {one["name"] for one in bill["components"]}
    assert {"libpython3.11-stdlib", "libssl3", "libsqlite3-0"} <= names
    inside = {part["name"] for one in bill["components"] for part in one.get("components", ())}
    assert {"vectorscan", "pcre", "libyaml", "zstd"} <= inside


def test_each_component_has_one_version_a_licence_and_a_name_that_scanners_know(bill: Any) -> None:
    for component in bill["components"]:
        assert component["version"], component
        assert component["purl"].startswith(("pkg:pypi/", "pkg:deb/debian/")), component
        assert component["licenses"], component


def test_the_notices_hold_the_text_of_every_licence(bill: Any) -> None:
    notices = (BUNDLE.parent / "THIRD_PARTY_NOTICES").read_text()
    titles = " ".join(re.findall(r"(?m)^={100}\n(.*)\n={100}$", notices))
    for component in bill["components"]:
        assert f"{component['name']} {component['version']}" in titles


def test_the_packages_hold_both(tmp_path: Path) -> None:
    [deb] = (CHECKOUT / "dist").glob("aipolicy_*.deb")
    subprocess.run(["dpkg-deb", "--extract", deb, tmp_path], check=True)
    for name in ("sbom.cdx.json", "THIRD_PARTY_NOTICES"):
        shipped = tmp_path / "usr/share/doc/aipolicy" / name
        assert shipped.read_bytes() == (BUNDLE.parent / name).read_bytes()


def refused(tmp_path: Path, old: str, new: str) -> str:
    """What the build says when components.toml reads differently."""
    (tmp_path / "texts").symlink_to(BILL.parent / "texts")
    stated = tmp_path / "components.toml"
    stated.write_text((BILL.parent / stated.name).read_text().replace(old, new))
    done = subprocess.run(
        [VENV, BILL, "aipolicy", BUNDLE.parent / "work/aipolicy", tmp_path, stated],
        env={**os.environ, "SOURCE_DATE_EPOCH": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert not (tmp_path / "sbom.cdx.json").exists()
    return done.stderr


def test_a_licence_that_nobody_has_allowed_stops_the_build(tmp_path: Path) -> None:
    said = refused(tmp_path, '"PSF-2.0" = "permissive"\n', "")
    assert "is under PSF-2.0, which components.toml does not allow" in said


def test_a_library_inside_a_wheel_that_cannot_be_found_any_more_stops_the_build(tmp_path: Path) -> None:
    said = refused(tmp_path, r"(5\.[0-9]+", r"(4\.[0-9]+")
    assert "which vectorscan is in it? found []" in said
