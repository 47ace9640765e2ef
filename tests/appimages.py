"""AppImages as their makers build them: a program, and a squashfs behind it."""

import json
import shutil
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

NEEDS_MKSQUASHFS = pytest.mark.skipif(shutil.which("mksquashfs") is None, reason="needs squashfs-tools")

RUNTIME = b"\x7fELF\x02\x01\x01\0AI\x02" + b"\0" * 5_000
"""What the first bytes of type 2 look like (AppImageSpec, draft); it mounts nothing."""

QUICKLY = ("-comp", "zstd", "-Xcompression-level", "1")

ELECTRON = b"\x7fELF" + b"\0" * (33 << 20)
"""As large as Electron."""


def desktop(command: str, name: str = "Notes") -> bytes:
    return f"[Desktop Entry]\nType=Application\nName={name}\nExec={command} %U\nIcon=notes\n".encode()


def product(bundle: str = "com.exafunction.windsurf", **more: str) -> bytes:
    """product.json of an editor made from VS Code."""
    return json.dumps({"applicationName": "notes", "darwinBundleIdentifier": bundle} | more).encode()


def asar(files: Mapping[str, bytes]) -> bytes:
    """An archive as @electron/asar writes it."""
    listed, contents = {}, b""
    for name, content in files.items():
        listed[name] = {"size": len(content), "offset": str(len(contents))}
        contents += content
    header = json.dumps({"files": listed}).encode()
    padded = header + b"\0" * (-len(header) % 4)
    return struct.pack("<4I", 4, len(padded) + 8, len(padded) + 4, len(header)) + padded + contents


def fill(folder: Path, files: Mapping[str, bytes | str]) -> Path:
    """Bytes are executable files, texts are links."""
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            place.symlink_to(content)
        else:
            place.write_bytes(content)
            place.chmod(0o755)
    return folder


def squashed(folder: Path, *how: str) -> bytes:
    """The folder as an image."""
    if shutil.which("mksquashfs") is None:
        pytest.skip("needs squashfs-tools")
    image = folder.with_name(f"{folder.name}.squashfs")
    command = [
        "mksquashfs",
        str(folder),
        str(image),
        "-noappend",
        "-root-owned",
        "-quiet",
        "-no-progress",
        *how,
    ]
    subprocess.run(command, check=True, capture_output=True)
    data = image.read_bytes()
    image.unlink()
    return data


def appimage(place: Path, files: Mapping[str, bytes | str], *how: str, runtime: bytes = RUNTIME) -> str:
    """An AppImage at `place` that holds `files`. how: further words for mksquashfs."""
    folder = fill(place.with_name(f"{place.name}.AppDir"), files)
    place.write_bytes(runtime + squashed(folder, *how))
    place.chmod(0o755)
    shutil.rmtree(folder)
    return str(place)
