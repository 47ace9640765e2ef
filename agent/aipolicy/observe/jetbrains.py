"""Plugins of JetBrains editors and of Android Studio, in each user's folder of each product and version."""

import os
from collections.abc import Iterator
from typing import Final

from aipolicy.core.model import Extension, PackageRef, Unseen
from aipolicy.core.wire import printable
from aipolicy.examine import CannotLook
from aipolicy.examine.files import cannot_look
from aipolicy.examine.plugin_jar import Plugin
from aipolicy.observe.look import Look, may_be_folder
from aipolicy.platforms.machine import User

NAME: Final = "jetbrains"

_PRODUCTS: Final = (
    ".local/share/JetBrains/*",
    ".local/share/Google/*",
    "Library/Application Support/JetBrains/*/plugins",
    "Library/Application Support/Google/*/plugins",
    "AppData/Roaming/JetBrains/*/plugins",
    "AppData/Roaming/Google/*/plugins",
)
_NOT_PRODUCTS: Final = frozenset({"Toolbox", "consentOptions", "PrivacyPolicy"})
_MOST_JARS: Final = 40
_MOST_FOLDERS: Final = 2_000


def observe(look: Look) -> Iterator[Extension | Unseen]:
    if not look.wanted.plugins:
        return
    for user in look.users:
        for place in _PRODUCTS:
            try:
                yield from _products(look, user, place)
            except CannotLook as reason:
                if not reason.absent:
                    yield reason.unseen()


def _products(look: Look, user: User, place: str) -> Iterator[Extension | Unseen]:
    before, _, after = place.partition("*")
    outer = look.resolve(f"{user.home}/{before.rstrip('/')}")
    for product in _folders(outer):
        if product in _NOT_PRODUCTS:
            continue
        plugins = f"{outer}/{product}{after}"
        try:
            names = list(_folders(look.resolve(plugins)))
        except CannotLook as reason:
            if not reason.absent:
                yield reason.unseen()
            continue
        for done, name in enumerate(names):
            look.progress("editor plugins", done)
            yield from _plugin(look, f"{plugins}/{name}", product)


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


def _folders(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            names = [e.name for e, _ in zip(entries, range(_MOST_FOLDERS), strict=False) if may_be_folder(e)]
    except OSError as error:
        raise cannot_look(folder, error) from error
    yield from sorted(names)


def _jars(lib: str, name: str) -> list[str]:
    """The jar that bears the plugin's name comes first: it has the descriptor."""
    try:
        with os.scandir(lib) as entries:
            jars = [
                e.path for e, _ in zip(entries, range(_MOST_FOLDERS), strict=False) if e.name.endswith(".jar")
            ]
    except OSError as error:
        raise cannot_look(lib, error) from error
    return sorted(jars, key=lambda path: (name not in os.path.basename(path), path))[:_MOST_JARS]
