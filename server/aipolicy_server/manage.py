"""The verbs of `aipolicy server` on what it has stored: secrets, devices, the event log, the brake, erasures.

The server may run meanwhile.
"""

import contextlib
import getpass
import os
import re
import secrets
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TypeVar

import click

from aipolicy.core.plural import plural
from aipolicy.core.wire import printable
from aipolicy_server import tokens
from aipolicy_server.app import open_store
from aipolicy_server.clock import to_us, utc_now
from aipolicy_server.config import Failure, config_option
from aipolicy_server.console.export import csv_chunks
from aipolicy_server.erase import Asked, Eraser
from aipolicy_server.first_start import BadDataFolder
from aipolicy_server.program import NAME
from aipolicy_server.settings import Settings
from aipolicy_server.store import admins, backup, brakes, devices, queries
from aipolicy_server.store.admins import SecretRow
from aipolicy_server.store.engine import BadDatabase
from aipolicy_server.store.erasure import NoSuchDevice
from aipolicy_server.store.rows import DeviceFilter, EventFilter
from aipolicy_server.store.store import Store, Unavailable

_LONGEST_REASON = 500

T = TypeVar("T", bound=Callable[..., object])


def default_data() -> str:
    """The system's folder for root, one's own otherwise."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return "/var/lib/aipolicy-server"
    state = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(state, "aipolicy-server")


def where(command: T) -> T:
    """The options that say which server's data is meant."""
    command = click.option(
        "--database",
        envvar="AIPOLICY_DATABASE_URL",
        metavar="URL",
        help="PostgreSQL, as postgresql://USER:PASSWORD@HOST/NAME. Without: SQLite in the data folder.",
    )(command)
    command = click.option(
        "--data",
        envvar="AIPOLICY_DATA",
        default=default_data,
        show_default="/var/lib/aipolicy-server, or below ~/.local/state",
        metavar="DIR",
        help="The folder for database, admin token and enrolment secret.",
    )(command)
    return config_option(command)


@click.group()
def secret() -> None:
    """Enrolment secrets: what lets a device in."""


@secret.command("list")
@where
def secret_list(data: str, database: str | None) -> None:
    """Every secret by its name; the secret itself is not kept."""
    with _opened(data, database) as store, store.reading() as connection:
        for row in admins.secrets(connection):
            state = f"withdrawn {_shown(row.revoked)}" if row.revoked else _bounds(row)
            click.echo(f"{row.name}\tmade {_shown(row.created)}\t{state}")


@secret.command("new")
@where
@click.option("--name", required=True, help="What it is for, as in `sales-laptops`.")
@click.option("--uses", type=click.IntRange(1), help="How many devices it lets in. Without: any number.")
@click.option("--expires", metavar="30d|12h", help="How long it is good. Without: until withdrawn.")
def secret_new(data: str, database: str | None, name: str, uses: int | None, expires: str | None) -> None:
    """Make a secret. It is shown this once."""
    if re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name) is None:
        raise Failure(f"--name {name!r}: 1 to 64 letters, digits, '-', '_' or '.'")
    now = utc_now()
    until = now + _duration(expires) if expires else None
    made = tokens.new(tokens.SECRET_PREFIX, secrets.token_bytes)
    with _opened(data, database) as store:
        added = store.write_now(
            lambda connection: admins.add_secret(
                connection,
                name,
                tokens.hashed(made),
                to_us(now),
                expires_us=to_us(until) if until else None,
                uses=uses,
            )
        )
    if not added:
        raise Failure(f"there is a secret {name!r} already: choose another name")
    click.echo(made)


@secret.command("revoke")
@where
@click.argument("name")
def secret_revoke(data: str, database: str | None, name: str) -> None:
    """Withdraw a secret. Devices that came in with it stay."""
    with _opened(data, database) as store:
        if not store.write_now(lambda connection: admins.revoke_secret(connection, name, to_us(utc_now()))):
            raise Failure(f"no secret {name!r} that is still good: see `{NAME} secret list`")
    click.echo(f"secret {name} withdrawn")


@click.group()
def device() -> None:
    """Devices that were let in."""


@device.command("list")
@where
def device_list(data: str, database: str | None) -> None:
    """Every device: id, name, last seen, state."""
    with _opened(data, database) as store:
        after: str | None = None
        while True:
            with store.reading() as connection:
                page = queries.devices(connection, DeviceFilter(), now=utc_now(), after=after, limit=500)
            for row in page.rows:
                state = (
                    "left" if row.left else "withdrawn" if row.revoked else "silent" if row.silent else "ok"
                )
                click.echo(f"{row.id}\t{row.hostname}\t{_shown(row.last_seen)}\t{state}")
            after = page.next
            if after is None:
                return


@device.command("revoke")
@where
@click.argument("device_id")
def device_revoke(data: str, database: str | None, device_id: str) -> None:
    """Withdraw a device's credential. What it reported stays."""
    with _opened(data, database) as store:
        if not store.write_now(lambda connection: devices.revoke(connection, device_id, to_us(utc_now()))):
            raise Failure(f"no device {device_id!r} that is still good: see `{NAME} device list`")
    click.echo(f"device {device_id} withdrawn")


@click.command()
@where
@click.option("--off", is_flag=True, help="Lift it.")
@click.option("--reason", default="", help="Why; every machine and every page shows it.")
def brake(data: str, database: str | None, off: bool, reason: str) -> None:
    """Let every machine stop nothing from its next check-in on, until the brake is lifted.

    They go on reporting. For one machine alone: `aipolicy brake` there.
    """
    if not off and not reason.strip():
        raise Failure("say why with --reason: every machine and every page shows it")
    _check_reason(reason)
    with _opened(data, database) as store:
        changed = store.write_now(
            lambda connection: brakes.note(
                connection, pulled=not off, reason=reason, by=_who(), at_us=to_us(utc_now())
            )
        )
    if off:
        click.echo(
            "lifted: machines act again from their next check-in on" if changed else "it was not pulled"
        )
        return
    click.echo("pulled: each machine only reports from its next check-in on")
    click.echo(f"to lift it: {NAME} brake --off")


def _check_reason(reason: str) -> None:
    if len(reason) > _LONGEST_REASON or not reason.isprintable():
        raise Failure(f"--reason: one line of {_LONGEST_REASON} characters at most")


def _who() -> str:
    """Who runs this, before sudo."""
    try:
        return printable(os.environ.get("SUDO_USER") or getpass.getuser())[:100]
    except (KeyError, OSError):  # an account without a name, as in containers
        return "an account without a name"


@click.command()
@where
@click.option("--tool", default="", help="A tool's id.")
@click.option("--device", default="", help="A device's id.")
def export(data: str, database: str | None, tool: str, device: str) -> None:
    """Write the event log as CSV to standard output, newest first."""
    with _opened(data, database) as store:
        rows = queries.every_event(store.reading, EventFilter(tool=tool, device=device))
        for chunk in csv_chunks(rows):
            click.echo(chunk, nl=False)


@click.command()
@where
@click.option("--person", metavar="NAME", help="A login name, or the pseudonym that stands for it.")
@click.option("--device", metavar="ID", help="A device's id; with --person: only there.")
@click.option("--reason", required=True, help="Who asked and why, as in `DSR-17`. Do not name the person.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(
    data: str, database: str | None, person: str | None, device: str | None, reason: str, yes: bool
) -> None:
    """Erase for good what is stored of a person or of a device. That it was done is written down."""
    if not person and not device:
        raise Failure("say what to erase: --person NAME or --device ID")
    if not reason.strip():
        raise Failure("--reason: say who asked and why, as in DSR-17; do not name the person")
    _check_reason(reason)
    asked = Asked(by=_who(), reason=reason)
    with _opened(data, database) as store:
        if not yes:
            click.confirm("This cannot be undone. Erase it?", abort=True, err=True)
        eraser = Eraser(store, utc_now, secrets.token_bytes)
        try:
            done = eraser.person(person, asked, device) if person else eraser.device(device or "", asked)
        except NoSuchDevice as error:
            raise Failure(f"no device {device!r}: see `{NAME} device list`") from error
    rows = ", ".join(f"{kind} {count}" for kind, count in done.removed.items()) or "nothing was there"
    click.echo(f"erased: {rows}")
    click.echo(f"on record as {done.subject}")
    for what, count in done.mentions.items():
        click.echo(f"the name still stands in {what}: {count}; see docs/data-protection.md", err=True)
    for copy in backup.kept(data):
        click.echo(f"a copy from before a migration may hold it still: {copy}", err=True)
    if done.trace:
        click.echo(done.trace, err=True)


@contextlib.contextmanager
def _opened(data: str, database: str | None) -> Iterator[Store]:
    settings = Settings(data=data, database=database)
    if database is None and not os.path.exists(os.path.join(data, "server.db")):
        raise Failure(f"{data}: no server has run with this folder: name the one it has with --data")
    try:
        store = open_store(settings)
        try:
            yield store
        finally:
            store.close()
    except (BadDatabase, BadDataFolder, Unavailable) as error:
        raise Failure(str(error)) from error


def _bounds(row: SecretRow) -> str:
    uses = "any number of uses" if row.uses_left is None else f"{plural(row.uses_left, 'use')} left"
    return uses if row.expires is None else f"{uses}, until {_shown(row.expires)}"


def _shown(moment: datetime | None) -> str:
    return "never" if moment is None else moment.strftime("%Y-%m-%d %H:%M UTC")


def _duration(text: str) -> timedelta:
    found = re.fullmatch(r"([0-9]{1,5})([dh])", text)
    if found is None or int(found[1]) == 0:
        raise Failure(f"--expires {text!r}: write days or hours, as in 30d or 12h")
    return timedelta(days=int(found[1])) if found[2] == "d" else timedelta(hours=int(found[1]))
