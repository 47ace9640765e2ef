"""Whose a file is: a wheel's that is installed beside this Python, or a package's of Debian."""

import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[2]
_COPYRIGHT = "/usr/share/doc/{}/copyright"
_TEXTS = re.compile(r"(?i)(^|/)(licen[cs]e|copying|notice)[^/]*$")


@dataclass(frozen=True, kw_only=True)
class Origin:
    """kind: `pypi` or `deb`; source: the source package, for a deb; texts: files with its licence."""

    kind: str
    name: str
    version: str
    source: str
    architecture: str = ""
    metadata: Distribution | None = None
    texts: tuple[Path, ...] = ()


class Unaccounted(Exception):
    """A file that belongs to nothing that we know."""


def origins(files: Iterable[Path]) -> dict[Path, Origin]:
    """Whose each is. Raises Unaccounted with all that are nobody's."""
    wheels = _files_of_wheels()
    ours = next(origin for origin in wheels.values() if origin.name == "aipolicy")
    found, asked = {}, []
    for file in sorted(set(files)):
        place = file.resolve()
        if origin := wheels.get(place):
            found[file] = origin
        elif place.is_relative_to(_CHECKOUT / "packaging"):
            found[file] = ours
        else:
            asked.append(file)
    found.update(_of_debian(asked))
    if missing := [str(file) for file in asked if file not in found]:
        raise Unaccounted(
            "in the bundle, but neither of a wheel nor of a Debian package: " + ", ".join(missing)
        )
    return found


def _files_of_wheels() -> dict[Path, Origin]:
    found = {}
    for distribution in distributions():
        origin = _wheel(distribution)
        for file in distribution.files or ():
            found[Path(distribution.locate_file(file)).resolve()] = origin
    return found


def _wheel(distribution: Distribution) -> Origin:
    """Without what its licences folder may hold besides (a changelog, a code of conduct)."""
    texts = [
        Path(distribution.locate_file(file))
        for file in distribution.files or ()
        if ".dist-info/" in str(file)
        and _TEXTS.search(re.sub(r"^[^/]*\.dist-info/(licenses/)?", "", str(file)))
    ]
    return Origin(
        kind="pypi",
        name=distribution.name,
        version=distribution.version,
        source=distribution.name,
        metadata=distribution,
        texts=tuple(sorted(texts)),
    )


def _of_debian(files: list[Path]) -> dict[Path, Origin]:
    """dpkg knows some files by the place before /bin, /lib and /sbin became links to those below /usr."""
    places: dict[str, Path] = {}
    for file in files:
        for place in {str(file), str(file.resolve())}:
            places[place] = places[place.removeprefix("/usr")] = file
    asked = subprocess.run(
        ["dpkg-query", "--search", *places], capture_output=True, text=True, check=False
    ).stdout  # it fails where one place alone is nobody's
    packages = {}
    for line in asked.splitlines():
        package, _, place = line.partition(": ")
        if place in places and not package.startswith("diversion "):
            packages[places[place]] = package
    known = {package: _debian_package(package) for package in sorted(set(packages.values()))}
    return {file: known[package] for file, package in packages.items()}


def _debian_package(package: str) -> Origin:
    form = r"${Package}\t${Version}\t${source:Package}\t${Architecture}"
    told = subprocess.run(
        ["dpkg-query", "--show", "--showformat", form, package], capture_output=True, text=True, check=True
    ).stdout
    name, version, source, architecture = told.split("\t")
    return Origin(
        kind="deb",
        name=name,
        version=version,
        source=source,
        architecture=architecture,
        texts=(Path(_COPYRIGHT.format(name)),),
    )
