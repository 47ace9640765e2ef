"""What the fleet has, as a file: fetched from the server, saved for later, read again."""

import contextlib
import gzip
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO, NamedTuple

import msgspec

from aipolicy.central.auth import Bearer
from aipolicy.central.download import download
from aipolicy.central.http import Failure as NoAnswer
from aipolicy.cli.client import client_of
from aipolicy.cli.errors import Failure
from aipolicy.core import inventory
from aipolicy.core.inventory import DeviceInventory, Head, InventoryError, KindOfFinding
from aipolicy.core.wire import printable
from aipolicy.state.files import replacing


class Source(NamedTuple):
    """An inventory in a file. name: whence it is. mend: what to do where it is not right."""

    path: Path
    name: str
    mend: str

    @contextlib.contextmanager
    def lines(self) -> Iterator[tuple[Head, Iterator[KindOfFinding | DeviceInventory]]]:
        """Head and values. Raises Failure, also while they are read."""
        try:
            with self.path.open("rb") as raw:
                packed = raw.read(2) == b"\x1f\x8b"
                raw.seek(0)
                file: BinaryIO = gzip.GzipFile(fileobj=raw) if packed else raw  # type: ignore[assignment]
                yield inventory.read_head(file.readline(1 << 24)), inventory.read_lines(file)
        except InventoryError as error:
            raise Failure(f"{self.name}: {error}: {self.mend}") from error
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise Failure(f"{self.name}: it broke off or is damaged: {self.mend}") from error


@contextlib.contextmanager
def saved(snapshot: str) -> Iterator[Source]:
    """The one that was saved in a file."""
    path, name = Path(snapshot), printable(snapshot)
    if not path.is_file():
        why = "it is no file" if path.exists() else "no such file"
        raise Failure(f"{name}: {why}: save one with --server URL --save-snapshot FILE")
    try:
        path.open("rb").close()
    except OSError as error:
        raise Failure(f"{name}: the file cannot be read: {error.strerror}") from error
    yield Source(path, name, "get it again, with --server URL")


@contextlib.contextmanager
def fetched(server: str, token: str, ca: str | None, proxy: str | None) -> Iterator[Source]:
    """The one that the server has now, in a file that is gone afterwards."""
    with tempfile.NamedTemporaryFile(prefix="aipolicy-inventory-") as file:  # others may not read it
        _fetch(server, token, ca, proxy, file)
        yield Source(Path(file.name), server, "is --server right? If so, try again")


def _fetch(server: str, token: str, ca: str | None, proxy: str | None, into: IO[bytes]) -> None:
    client = client_of(server, proxy, ca)
    headers = Bearer(token).headers("GET", inventory.INVENTORY_PATH, b"")
    try:
        refusal = download(client, inventory.INVENTORY_PATH, headers, into)
        into.flush()
    except OSError as error:
        why = f"{error.strerror}: the inventory can't be kept in {tempfile.gettempdir()}"
        raise Failure(f"{why}: name a folder with room in TMPDIR") from error
    if isinstance(refusal, NoAnswer):
        raise Failure(f"{server}: {refusal.reason}")
    if refusal is not None:
        hint = (
            ": give an admin's token, as `server run` keeps it in admin-token"
            if refusal.status == 401
            else ""
        )
        raise Failure(f"{server}: {refusal.said()}{hint}")


def save(source: Source, target: str, *, without_names: bool) -> None:
    """For oneself alone, since it says who has what; whole or not at all, also where it turns out broken."""
    path = Path(target)
    if path.exists() and not path.is_file():
        raise Failure(f"{printable(target)}: it is no file: the inventory can't be saved there")
    try:
        with replacing(path) as file, source.lines() as (head, values):
            if without_names:
                with gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed:
                    packed.write(msgspec.json.encode(msgspec.structs.replace(head, names=False)) + b"\n")
                    packed.writelines(inventory.without_names(values))
            else:
                for _ in values:  # a broken one is not kept
                    pass
                with source.path.open("rb") as whole:
                    shutil.copyfileobj(whole, file)
    except OSError as error:
        raise Failure(f"{printable(target)}: {error.strerror}: the inventory can't be saved there") from error
