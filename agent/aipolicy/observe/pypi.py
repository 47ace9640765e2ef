"""Python distributions: pip --user, virtual environments, pipx, uv, conda and the system's own Python."""

import os
import re
from collections.abc import Iterator
from typing import Final

from aipolicy.core.model import Package, PackageRef, Unseen
from aipolicy.core.shapes import normal_pypi
from aipolicy.core.wire import printable
from aipolicy.examine import CannotLook
from aipolicy.examine.files import cannot_look
from aipolicy.examine.owner_package import sites_in
from aipolicy.examine.python_package import (
    has_code,
    is_of_own_sources,
    named_in_folder,
    read_distribution,
)
from aipolicy.observe.look import Look, Seen

NAME: Final = "pypi"

_FORMS: Final = (
    ("pipx", re.compile(r"/pipx/venvs/[^/]+/")),
    ("pipx run cache", re.compile(r"/\.cache/pipx/[^/]+/|/pipx/\.cache/[^/]+/")),
    ("pipx, mise", re.compile(r"/mise/installs/pipx-[^/]+/")),
    ("uv tool", re.compile(r"/uv/tools/[^/]+/")),
    ("uvx cache", re.compile(r"/archive-v\d+/|/environments-v\d+/")),
    ("pip --user", re.compile(r"/\.local/lib/python[^/]*/site-packages$")),
    ("pip, pyenv", re.compile(r"/\.pyenv/versions/[^/]+/lib/")),
)
_SIGNS: Final = (("venv", "pyvenv.cfg"), ("conda", "conda-meta"))
"""What shows the kind of a prefix, wherever it lies (PEP 405; conda's folder of what it installed)."""


def observe(look: Look) -> Seen:
    for done, site in enumerate(dict.fromkeys(_sites(look))):
        look.progress("python packages", done)
        try:
            yield from _distributions(look, look.resolve(site))
        except CannotLook as reason:
            if not reason.absent:
                yield reason.unseen()


def form_of(site: str, prefix: str) -> str:
    """The form of install, by where a site-packages folder lies, and what lies in its prefix."""
    found = next((form for form, shape in _FORMS if shape.search(site)), None)
    return found or next((form for form, sign in _SIGNS if os.path.lexists(f"{prefix}/{sign}")), "pip")


def _sites(look: Look) -> Iterator[str]:
    prefixes = [look.system("/usr"), look.system("/usr/local")]
    prefixes += [os.path.dirname(folder) for folder in look.machine.search_path()]
    for prefix in dict.fromkeys(prefixes):
        yield from sites_in(f"{prefix}/lib")
        yield from sites_in(f"{prefix}/lib64")
    for tree in look.trees:
        yield from tree.sites


def _distributions(look: Look, site: str) -> Iterator[Package | Unseen]:
    try:
        with os.scandir(site) as entries:
            wanted = sorted(
                entry.path for entry in entries if named_in_folder(entry.name) in look.wanted.pypi
            )
    except OSError as error:
        raise cannot_look(site, error) from error
    for path in wanted:
        yield from distribution_at(look, path)


def distribution_at(look: Look, path: str) -> Iterator[Package | Unseen]:
    """The distribution whose metadata folder is at `path`, where it is a wanted one."""
    try:
        yield from _distribution(look, os.path.dirname(path), look.resolve(path))
    except CannotLook as reason:
        if not reason.absent:
            yield reason.unseen()


def _distribution(look: Look, site: str, folder: str) -> Iterator[Package]:
    found = read_distribution(folder)
    if normal_pypi(found.name) not in look.wanted.pypi or is_of_own_sources(found):
        return
    try:
        uid = os.lstat(folder).st_uid
    except OSError as error:
        raise cannot_look(folder, error) from error
    prefix = os.path.dirname(os.path.dirname(os.path.dirname(site)))
    yield Package(
        package=PackageRef(
            ecosystem="pypi", name=normal_pypi(found.name), version=found.version, path=printable(folder)
        ),
        owner=look.owner(folder, uid),
        form=form_of(site, prefix),
        has_code=has_code(folder),
    )
