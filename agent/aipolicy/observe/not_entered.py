"""Folders that a walk does not enter: caches, profiles, stores of copies, what belongs to other systems."""

import os
import re
from collections.abc import Callable
from typing import Final

_PRUNED: Final = frozenset({".git", ".hg", ".svn", "__pycache__", ".Trash", "lost+found"})
IN_HOME_PRUNED: Final = (
    ".local/share/Trash",
    ".npm/_cacache",
    ".npm/_logs",
    ".cargo/registry",
    ".cargo/git",
    ".rustup",
    "go/pkg",
    ".m2/repository",
    ".gradle/caches",
    ".ivy2",
    ".nuget/packages",
    ".mozilla",
    ".thunderbird",
    ".config/google-chrome",
    ".config/chromium",
    ".config/BraveSoftware",
    ".config/microsoft-edge",
)
"""Caches and profiles: many files, and nothing in them is installed; only large programs are looked for."""
IMAGES_IN_HOME: Final = ".local/share/containers"
IN_HOME_SKIPPED: Final = (
    IMAGES_IN_HOME,
    ".local/share/Steam",
    ".local/share/flatpak/repo",
    ".local/share/flatpak/runtime",
)
"""Gigabytes of programs that are no person's own: of other systems, and games."""
_CACHES_WITHOUT_PROGRAMS: Final = frozenset(
    {
        "BraveSoftware", "Homebrew", "JetBrains", "ccache", "chromium", "fontconfig", "go-build",
        "google-chrome", "huggingface", "mesa_shader_cache", "microsoft-edge", "mozilla", "pip", "sccache",
        "thumbnails", "thunderbird", "tracker3",
    }
)  # fmt: skip
_CACHES_OF_COPIES: Final = frozenset({"bazel", "yarn"})
_OF_CONDAS_CACHE: Final = "urls.txt"
"""By which conda and mamba know their cache of packages, wherever it lies."""
_VERSION_FOLDER: Final = re.compile(r"v?\d+")


def is_pruned(folder: str, child: str) -> bool:
    """Whether nothing but large programs is looked for in `child` of a folder called `folder`."""
    return child in _PRUNED or (folder == ".cache" and child in _CACHES_WITHOUT_PROGRAMS)


def is_a_store(folder: str, name: str, child: str, out_of_reach: Callable[[str], str | None]) -> bool:
    """Whether `child` of `folder` (called `name`) only keeps copies of what is in use elsewhere."""
    if name == ".cache":
        return child in _CACHES_OF_COPIES
    if name == "store":
        return _VERSION_FOLDER.fullmatch(child) is not None  # pnpm's
    if name == "berry":
        return child in ("index", "metadata")  # yarn's: of every file by its digest
    if child == "pkgs":
        signs = (f"{folder}/conda-meta", f"{folder}/pkgs/{_OF_CONDAS_CACHE}")
        return any(os.path.lexists(sign) for sign in signs if out_of_reach(sign) is None)
    bun = folder.endswith("/install/cache") and not child.startswith(".bunx-")
    return bun or child == ".pnpm-store"
