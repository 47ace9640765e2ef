"""Extensions of VS Code and of the editors made from it: each is a folder with a package.json."""

import os
import re
from collections.abc import Iterator
from typing import Final

from aipolicy.core.model import Extension, PackageRef
from aipolicy.core.wire import printable
from aipolicy.examine import CannotLook, read_json
from aipolicy.examine.files import cannot_look
from aipolicy.examine.node_package import has_extension_code
from aipolicy.observe.look import Look, Seen

NAME: Final = "vscode"

_EDITORS: Final = {
    "vscode-oss": "vscodium",
    "vscode-server-insiders": "vscode-insiders-server",
    "com.visualstudio.code": "vscode",
    "com.vscodium.codium": "vscodium",
}
_REMOTE: Final = re.compile(r"/\.([\w-]+-server(?:-[a-z]+)?)/")
_INNER: Final = frozenset({"data", "user-data", "resources", "app", "vscode", "codium", ""})


def observe(look: Look) -> Seen:
    for done, folder in enumerate(dict.fromkeys(f for tree in look.trees for f in tree.extensions)):
        look.progress("editor extensions", done)
        yield from extension_at(look, folder)


def extension_at(look: Look, folder: str) -> Seen:
    """The extension in `folder`, where it is a wanted one."""
    try:
        yield from _extension(look, folder)
    except CannotLook as reason:
        if not reason.absent:
            yield reason.unseen()


def editor_of(folder: str) -> str:
    """The editor that an extension's folder belongs to: what stands before `/extensions/`, without a dot."""
    if remote := _REMOTE.search(folder):  # its own extensions lie below a commit's hash
        return _EDITORS.get(remote.group(1), remote.group(1))
    names = folder.split("/")
    for name in reversed(names[: _last(names, "extensions")]):
        if name not in _INNER:
            word = name.removeprefix(".")
            return _EDITORS.get(word, word)
    return "unknown"


def _extension(look: Look, path: str) -> Iterator[Extension]:
    folder = look.resolve(path)
    manifest = look.examiner.manifest(folder)
    if manifest is None or manifest.name is None or manifest.publisher is None:
        return
    name = f"{manifest.publisher}.{manifest.name}".lower()
    if name not in look.wanted.extensions or _is_removed(folder):
        return
    try:
        uid = os.lstat(folder).st_uid
    except OSError as error:
        raise cannot_look(folder, error) from error
    yield Extension(
        package=PackageRef(
            ecosystem="vscode-extension", name=name, version=manifest.version, path=printable(folder)
        ),
        editor=editor_of(printable(folder)),
        owner=look.owner(folder, uid),
        has_code=has_extension_code(folder, manifest, look.machine.out_of_reach),
    )


def _is_removed(folder: str) -> bool:
    """An uninstalled extension stays on the disk until the editor starts, listed in .obsolete, not loaded."""
    try:
        return read_json(f"{os.path.dirname(folder)}/.obsolete").get(os.path.basename(folder)) is True
    except CannotLook:
        return False


def _last(names: list[str], name: str) -> int:
    return max((i for i, other in enumerate(names) if other == name), default=len(names) - 1)
