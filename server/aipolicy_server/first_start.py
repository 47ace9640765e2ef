"""What the first start makes: the data folder, the admin token and the first enrolment secret, each 0600.

Later starts find them. When the admin token's file was deleted a new one is made and the old token is void:
that is how one changes it.
"""

import os
import secrets
import socket
import stat
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection

from aipolicy_server import tokens
from aipolicy_server.clock import Clock, to_us
from aipolicy_server.settings import Settings
from aipolicy_server.store import admins
from aipolicy_server.store.locks import Lock, one_at_a_time
from aipolicy_server.store.store import Store

FIRST_SECRET = "first"  # noqa: S105  # its name


class BadDataFolder(Exception):
    """The data folder cannot be used; the text says why and what to do."""


def prepare_folder(data: str) -> None:
    """Makes the data folder, and refuses one that others could write to. Raises BadDataFolder."""
    path = Path(data)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.stat()
    except FileExistsError as error:
        raise BadDataFolder(f"{data}: not a folder: give another one with --data") from error
    except OSError as error:
        raise BadDataFolder(
            f"{data}: {error.strerror}: give a folder that you may write to with --data"
        ) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise BadDataFolder(f"{data}: you may not write here: give another folder with --data")
    if os.name == "posix" and found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise BadDataFolder(
            f"{data}: others may write here, and so read and change tokens: `chmod go-w {data}` first"
        )


def ensure_tokens(
    store: Store, settings: Settings, clock: Clock, chance: tokens.Chance = secrets.token_bytes
) -> None:
    """The admin token and the first enrolment secret, in files and (hashed) in the database."""
    now_us = to_us(clock())
    # Named for this folder: nodes that share a database each have a token of their own.
    name = f"{socket.gethostname()}:{os.path.realpath(settings.data)}"[:255]

    def job(connection: Connection) -> None:
        # The files are made in here too: of nodes that start together, on one folder or on several, one makes
        # the secret that is good.
        one_at_a_time(connection, Lock.FIRST_START)
        admin = _kept(settings.admin_token_file, lambda: tokens.new(tokens.ADMIN_PREFIX, chance))
        admins.set_admin(connection, name, tokens.hashed(admin), now_us)
        if not admins.secrets(connection):
            secret = _kept(settings.enrolment_secret_file, lambda: tokens.new(tokens.SECRET_PREFIX, chance))
            admins.add_secret(connection, FIRST_SECRET, tokens.hashed(secret), now_us)

    store.write_now(job)


def read_admin_token(settings: Settings) -> str:
    """The token that signs in here."""
    return settings.admin_token_file.read_text("ascii").strip()


def _kept(file: Path, make: Callable[[], str]) -> str:
    """The text of the file, made now if there is none."""
    try:
        text = file.read_text("ascii").strip()
    except FileNotFoundError:
        text = make()
        _write_private(file, text + "\n")
        return text
    except (OSError, UnicodeError) as error:
        raise BadDataFolder(f"{file}: cannot be read ({error}): delete it to get a new one") from error
    if os.name == "posix" and file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise BadDataFolder(f"{file}: others may read it: delete it to get a new one")
    if len(text) < 20:
        raise BadDataFolder(f"{file}: holds no token: delete it to get a new one")
    return text


def _write_private(file: Path, text: str) -> None:
    """Whole or not at all, and never readable by others, not even for a moment."""
    draft = file.with_name(f".{file.name}.new")
    try:
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(file)
    except OSError as error:
        raise BadDataFolder(f"{file}: {error.strerror}: the server keeps a token there") from error
