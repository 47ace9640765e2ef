"""rpm's packages, from real databases that Debian's rpm makes of a package built here."""

import subprocess
from pathlib import Path

import pytest

from aipolicy.core.model import Package, PackageRef, Unseen
from aipolicy.platforms import linux_packages
from aipolicy.platforms.linux_packages import Rpm, installed_rpms, read_rpms
from host import FakeMachine
from hostile import fifo, link_to_itself, noise
from installed import NATIVE_OTHER, look

RPMBUILD = Path("/usr/bin/rpmbuild")
NEEDS_RPM = pytest.mark.skipif(not RPMBUILD.exists(), reason="needs rpmbuild (Debian: apt install rpm)")

SPEC = """
Name: {name}
Version: 1.7.5
Release: 1.el9
Summary: x
License: x
AutoReqProv: no
%define __os_install_post %{{nil}}
%description
x
%install
mkdir -p %{{buildroot}}/usr/share/{name} %{{buildroot}}/usr/bin
echo x > %{{buildroot}}/usr/share/{name}/{name}
chmod 755 %{{buildroot}}/usr/share/{name}/{name}
ln -s ../share/{name}/{name} %{{buildroot}}/usr/bin/{name}
%files
/usr/share/{name}
/usr/bin/{name}
"""


@pytest.fixture(scope="module")
def rpms(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A wanted package and another one."""
    top = tmp_path_factory.mktemp("rpmbuild")
    for name in ("cursor", "other"):
        (top / f"{name}.spec").write_text(SPEC.format(name=name))
        command = [str(RPMBUILD), "-bb", "--quiet", "--define", f"_topdir {top}", f"{top}/{name}.spec"]
        subprocess.run(
            command, check=True, capture_output=True, env={"HOME": str(top), "PATH": "/usr/bin:/bin"}
        )
    return [str(path) for path in top.rglob("*.rpm")]


def rpm(database: str, *command: str) -> None:
    how = ("--force-debian", "--nodeps", "--noscripts", "--justdb")
    subprocess.run(["/usr/bin/rpm", "--dbpath", database, *how, *command], check=True, capture_output=True)


@NEEDS_RPM
@pytest.mark.parametrize("folder", linux_packages.RPM_FOLDERS)
def test_what_rpm_installed_and_removed(folder: str, rpms: list[str], tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    program = machine.file("/usr/share/cursor/cursor", NATIVE_OTHER)
    Path(machine.at(folder)).mkdir(parents=True)
    rpm(machine.at(folder), "-i", *rpms)
    reference = PackageRef(ecosystem="rpm", name="cursor", version="1.7.5-1.el9", path=program)
    package = Package(package=reference, owner=machine.owner(0), form="rpm", has_code=True)
    names = {"cursor", "windsurf"}
    assert package in look(machine, rpm=names)
    assert not [seen for seen in look(machine) if isinstance(seen, Package)], "only what is wanted"
    rpm(machine.at(folder), "-e", "cursor")
    assert not [seen for seen in look(machine, rpm=names) if isinstance(seen, Package)]


@NEEDS_RPM
@pytest.mark.parametrize("make", [noise, link_to_itself, fifo])
def test_a_database_that_is_none_is_unseen_or_nothing(make: object, tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    folder = Path(machine.at("/var/lib/rpm"))
    folder.mkdir(parents=True)
    make(folder / "rpmdb.sqlite")  # type: ignore[operator]  # a maker of hostile files
    assert {type(seen) for seen in look(machine, rpm={"cursor"})} <= {Unseen}


def test_a_database_without_rpm_is_unseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linux_packages, "_RPM", ())
    place = tmp_path / "var" / "lib" / "rpm"
    place.mkdir(parents=True)
    (place / "Packages.db").touch()
    assert installed_rpms(f"{tmp_path}/", ["cursor"]) == Unseen(
        place=str(place), reason="no rpm program to read it with"
    )


def test_no_database_asks_nobody(tmp_path: Path) -> None:
    assert installed_rpms(f"{tmp_path}/", ["cursor"]) == ()


def test_an_answer_is_read_line_by_line() -> None:
    answer = "package x is not installed\n\tF\t/lost\n\tP\ta\t1-2\n\tF\t/usr/bin/a\n\tP\tb\t3\n\tZ\n"
    assert read_rpms(answer) == [Rpm("a", "1-2", ("/usr/bin/a",)), Rpm("b", "3", ())]
