"""The catalog's data, one YAML file per AI tool, and their loader; what they mean is core/tools.py's."""

from importlib import resources
from pathlib import Path

from aipolicy.core.problem import Problem
from aipolicy.core.tools import Catalog, catalog_from
from aipolicy.core.yamlfile import YamlErrors

_SUFFIX = ".yaml"


def load(extra_dir: str | None = None) -> Catalog:
    """The catalog, with IT's own tool files from `extra_dir`. Raises YamlErrors with every error."""
    return catalog_from(texts() | (own_texts(extra_dir) if extra_dir else {}))


def texts() -> dict[str, str]:
    """The files that come with aipolicy, name to text."""
    folder = resources.files(__name__)
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    return {file.name: file.read_text("utf-8") for file in files if file.name.endswith(_SUFFIX)}


def shared_strings() -> frozenset[str]:
    """Strings that look like a tool's identity and are in other programs too."""
    lines = (resources.files(__name__) / "shared-strings.txt").read_text("utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def own_texts(folder: str) -> dict[str, str]:
    """IT's files under their full path, so that an error leads to the file."""
    own: dict[str, str] = {}
    unread: list[Problem] = []
    try:
        paths = sorted(path for path in Path(folder).iterdir() if path.suffix == _SUFFIX)
    except OSError as error:
        raise YamlErrors((_unread(folder, error.strerror),)) from error
    for path in paths:
        try:
            own[str(path)] = path.read_bytes().decode("utf-8")
        except OSError as error:
            unread.append(_unread(str(path), error.strerror))
        except UnicodeDecodeError:
            unread.append(_unread(str(path), "it is not UTF-8"))
    if unread:
        raise YamlErrors(tuple(unread))
    return own


def _unread(file: str, why: str | None) -> Problem:
    return Problem(file=file, line=1, column=1, code="T000", message=f"it cannot be read: {why}")
