"""Plugins of JetBrains editors and of Android Studio: below a product's folder, or in one for plugins."""

import os
from collections.abc import Iterator
from typing import Final

from aipolicy.core.model import Extension, PackageRef, Unseen
from aipolicy.core.wire import printable
from aipolicy.examine import CannotLook
from aipolicy.examine.files import cannot_look
from aipolicy.examine.plugin_jar import Plugin
from aipolicy.observe.look import Look

NAME: Final = "jetbrains"

_BRANDS: Final = ("JetBrains", "Google")
_NO_PRODUCT: Final = frozenset({"Toolbox", "apps", "RemoteDev", "dist", "config", "common", ""})
_OF_AN_EDITOR: Final = "product-info.json"
"""Beside its own `plugins`: what lies in those is a part of the editor."""
_MOST_JARS: Final = 40
_MOST_FILES: Final = 2_000


def observe(look: Look) -> Iterator[Extension | Unseen]:
    if not look.wanted.plugins:
        return
    for done, folder in enumerate(dict.fromkeys(f for tree in look.trees for f in tree.plugins)):
        look.progress("editor plugins", done)
        if not os.path.lexists(f"{os.path.dirname(os.path.dirname(folder))}/{_OF_AN_EDITOR}"):
            yield from _plugin(look, folder, product_of(folder))


def product_of(folder: str) -> str:
    """The editor that a plugin's folder belongs to, and its version: the folder below that of the brand."""
    names = folder.split("/")[:-1]
    for brand in _BRANDS:
        if brand in names:
            return next((n for n in names[names.index(brand) + 1 :] if n not in _NO_PRODUCT), brand)
    return next((n.lstrip(".") for n in reversed(names[:-1]) if n not in _NO_PRODUCT), "unknown")


def _plugin(look: Look, folder: str, product: str) -> Iterator[Extension | Unseen]:
    try:
        jars = _jars(look.resolve(f"{folder}/lib"), os.path.basename(folder))
    except CannotLook as reason:
        if not reason.absent:
            yield reason.unseen()
        return
    for jar in jars:
        try:
            plugin = look.examiner.plugin(jar)
            if plugin is not None:
                yield from _extension(look, folder, product, plugin)
                return
        except CannotLook as reason:
            if not reason.absent:
                yield reason.unseen()


def _extension(look: Look, folder: str, product: str, plugin: Plugin) -> Iterator[Extension]:
    if plugin.id not in look.wanted.plugins:
        return
    real = look.resolve(folder)
    try:
        uid = os.lstat(real).st_uid
    except OSError as error:
        raise cannot_look(real, error) from error
    yield Extension(
        package=PackageRef(
            ecosystem="jetbrains-plugin", name=plugin.id, version=plugin.version, path=printable(real)
        ),
        editor=printable(product),
        owner=look.owner(real, uid),
        has_code=True,
    )


def _jars(lib: str, name: str) -> list[str]:
    """The jar that bears the plugin's name comes first: it has the descriptor."""
    try:
        with os.scandir(lib) as entries:
            jars = [
                e.path for e, _ in zip(entries, range(_MOST_FILES), strict=False) if e.name.endswith(".jar")
            ]
    except OSError as error:
        raise cannot_look(lib, error) from error
    return sorted(jars, key=lambda path: (name not in os.path.basename(path), path))[:_MOST_JARS]
