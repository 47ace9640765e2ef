"""Folders at the top that no Linux system has: /data, /app, /workspace, where people keep what they run."""

import contextlib
import os
from collections.abc import Iterator
from typing import Final

from aipolicy.core.tools import Wanted

_SYSTEM: Final = frozenset(
    {
        "bin", "boot", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "lost+found", "media", "mnt",
        "proc", "root", "run", "sbin", "sys", "tmp", "usr", "var",
    }
)  # fmt: skip
_STORES: Final = frozenset({"gnu", "nix", "ostree", "snap", "sysroot"})
"""Of whole systems and of packages: millions of files."""
_SNAPSHOTS: Final = frozenset({".snapshots", ".zfs", "timeshift"})
"""What snapper, zfs and timeshift keep of yesterday's whole system: not what is installed today."""
_PACKAGE_STORES: Final = ("/nix/store", "/gnu/store")
_MOST: Final = 200
_MOST_IN_STORE: Final = 500_000


def own_folders(root: str) -> Iterator[str]:
    """As the system calls them (`/data`). root: the folder that its paths start in."""
    with contextlib.suppress(OSError), os.scandir(root) as entries:
        for entry, _ in zip(entries, range(_MOST), strict=False):
            if entry.name not in _SYSTEM | _STORES | _SNAPSHOTS and entry.is_dir(follow_symlinks=False):
                yield f"/{entry.name}"


def packages_in_stores(root: str, wanted: Wanted) -> Iterator[str]:
    """What nix and guix have of packages that are called like a wanted one: `/nix/store/HASH-codex-0.145.0`.

    The name only says which of a hundred thousand folders are walked, not what lies there.
    """
    names = wanted.npm | wanted.pypi | wanted.brew | wanted.executables
    words = {name.rpartition("/")[2] for name in names}
    for store in _PACKAGE_STORES:
        with contextlib.suppress(OSError), os.scandir(root.rstrip("/") + store) as entries:
            for entry, _ in zip(entries, range(_MOST_IN_STORE), strict=False):
                if not words.isdisjoint(_names_of(entry.name)) and entry.is_dir(follow_symlinks=False):
                    yield f"{store}/{entry.name}"


def _names_of(entry: str) -> Iterator[str]:
    """`HASH-python3.12-aider-chat-0.86.2`: aider-chat and all other parts of it."""
    parts = entry.split("-")[1:]
    for start in range(min(len(parts), 3)):
        for end in range(start + 1, len(parts) + 1):
            yield "-".join(parts[start:end])
