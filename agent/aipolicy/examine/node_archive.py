"""An npm package in a zip archive, as yarn keeps it: its package.json, and whether its program is there."""

import zipfile
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

from aipolicy.examine.files import MIB, CannotLook, OpenFile, open_regular
from aipolicy.examine.node_package import (
    A_NATIVE_PROGRAM,
    Manifest,
    has_code_of_sizes,
    program_files,
    read_manifest,
)

LARGEST_ARCHIVE: Final = 512 * MIB
_MOST_OF_DIRECTORY: Final = 4 * MIB
"""Some 50,000 files; the largest tool has 8,000."""
_END: Final = 22
_LOCATOR: Final = 20
_FAULTS: Final = (
    zipfile.BadZipFile,
    zlib.error,
    ValueError,
    EOFError,
    OSError,
    RuntimeError,
    NotImplementedError,
)


class Archive(NamedTuple):
    """version: as the package states it."""

    version: str | None
    has_code: bool


def read_archive(path: str, name: str) -> Archive | None:
    """The package `name` in the archive, None where it holds another; CannotLook where it may not be read."""
    folder = f"node_modules/{name}"
    with open_regular(path, limit=LARGEST_ARCHIVE) as file:
        _refuse_large_directory(file)
        try:
            with zipfile.ZipFile(file.stream) as archive, archive.open(f"{folder}/package.json") as inner:
                manifest = read_manifest(inner.read(MIB), path)
                sizes = list(_sizes(archive, f"/{folder}", manifest))
        except KeyError:
            return None
        except _FAULTS:
            raise CannotLook(path, "not a readable archive") from None
    if manifest.name != name:
        return None
    return Archive(manifest.version, has_code_of_sizes(sizes, manifest))


def _refuse_large_directory(file: OpenFile) -> None:
    """zipfile reads all of an archive's directory (APPNOTE 4.3.12) into memory, however large it says it is.

    yarn writes no comment after it and no record of zip64, which could name another size.
    """
    end = file.read(_LOCATOR + _END, max(0, file.status.st_size - _LOCATOR - _END))
    locator, record = end[:-_END], end[-_END:]
    if not record.startswith(b"PK\5\6") or locator.startswith(b"PK\6\7"):
        raise CannotLook(file.path, "not a readable archive")
    if int.from_bytes(record[12:16], "little") > _MOST_OF_DIRECTORY:
        raise CannotLook(file.path, "an archive of too many files")


def _sizes(archive: zipfile.ZipFile, folder: str, manifest: Manifest) -> Iterator[int]:
    """Of the programs that the package states; that of one platform may state none, and has a large one."""
    if not manifest.programs:
        sizes = (entry.file_size for entry in archive.infolist())
        yield from (size for size in sizes if size >= A_NATIVE_PROGRAM)
        return
    for path in program_files(folder, manifest):
        try:
            yield archive.getinfo(path.removeprefix("/")).file_size
        except KeyError:
            yield 0
