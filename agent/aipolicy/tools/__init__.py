"""The catalog's data, one YAML file per AI tool, and their loader; what they mean is core/tools.py's."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from aipolicy.core.tools import Catalog, catalog_from

_SUFFIX = ".yaml"


def load(own_dir: str | None = None) -> Catalog:
    """The catalog, with IT's own tool files from `own_dir`. Raises YamlErrors with every error."""
    if not own_dir:
        return with_own({})
    from aipolicy.tools.own import own_texts  # reads files as the examiner does, which takes 50 ms to import

    return with_own(own_texts(own_dir))


def with_own(own: Mapping[str, str]) -> Catalog:
    """The catalog with these files of IT's (name to text). Raises YamlErrors with every error."""
    return catalog_from(texts(), own, shared_strings())


def load_whole(folder: str, own_dir: str | None = None) -> Catalog:
    """The catalog as the tool files in `folder` would make it. Raises YamlErrors with every error.

    A folder that describes tools of ours anew, as another release's does, stands in place of ours, IT's own
    files of `own_dir` beside it; else it stands in place of IT's own.
    """
    from aipolicy.tools.own import own_texts  # as in `load`

    given = own_texts(folder)
    names = {Path(path).name for path in given}
    if not names & texts().keys():
        return with_own(given)
    theirs = {Path(path).name: text for path, text in given.items()}
    return catalog_from(theirs, own_texts(own_dir) if own_dir else {}, shared_strings())


def texts() -> dict[str, str]:
    """The files that come with aipolicy, name to text."""
    folder = resources.files(__name__)
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    return {file.name: file.read_text("utf-8") for file in files if file.name.endswith(_SUFFIX)}


def is_ours(path: str) -> bool:
    """Whether the file at `path` is one of those that come with aipolicy."""
    folder = resources.files(__name__)
    return isinstance(folder, Path) and Path(path).resolve().parent == folder.resolve()


def shared_strings() -> frozenset[str]:
    """Strings that look like a tool's identity and are in other programs too."""
    lines = (resources.files(__name__) / "shared-strings.txt").read_text("utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))
