"""`aipolicy server`: run it, ask how it is, migrate its database. The managing verbs are in `manage`."""

import http.client
import logging
import sys
from http import HTTPStatus

import click

from aipolicy_server.app import build
from aipolicy_server.clock import utc_now
from aipolicy_server.config import Failure, config_option
from aipolicy_server.first_start import BadDataFolder, prepare_folder, read_admin_token
from aipolicy_server.keep_options import keep_options, read_keep
from aipolicy_server.manage import brake, device, erase, export, secret, where
from aipolicy_server.serve import (
    BadListen,
    Listen,
    address_of,
    bind,
    end_when_told,
    is_loopback,
    parse_listen,
    serve,
    sign_in_address,
)
from aipolicy_server.settings import CHECK_IN_S, Settings
from aipolicy_server.simulation.command import simulate
from aipolicy_server.store import backup, migrate
from aipolicy_server.store.engine import BadDatabase, open_engine, parse_url
from aipolicy_server.store.store import Unavailable

DEFAULT_LISTEN = "127.0.0.1:8320"
_HEALTH_S = 5.0
_ERRORS = (BadDatabase, BadDataFolder, BadListen, Unavailable)


_listen_option = click.option(
    "--listen",
    envvar="AIPOLICY_LISTEN",
    default=DEFAULT_LISTEN,
    show_default=True,
    metavar="HOST:PORT",
    help="Where the server listens.",
)


@click.group()
def server() -> None:
    """Run and manage the central server."""


@server.command()
@where
@_listen_option
@click.option(
    "--behind-proxy",
    envvar="AIPOLICY_BEHIND_PROXY",
    metavar="ADDRESS",
    is_flag=False,
    flag_value="127.0.0.1",
    help="A proxy at ADDRESS (127.0.0.1 when not given) does TLS; its X-Forwarded headers are believed.",
)
@click.option(
    "--tools",
    envvar="AIPOLICY_TOOLS",
    metavar="DIR",
    help="The folder with your own tool files, as the agents have it: published policies may name them.",
)
@click.option(
    "--check-in-s",
    type=click.IntRange(5, 86_400),
    default=CHECK_IN_S,
    show_default=True,
    help="Seconds from one check-in of a device to the next: so long a new policy or a brake takes.",
)
@keep_options
@click.option(
    "--plain-http", is_flag=True, help="Listen beyond this machine without TLS: for closed test networks."
)
def run(
    data: str,
    database: str | None,
    listen: str,
    behind_proxy: str | None,
    tools: str | None,
    check_in_s: int,
    plain_http: bool,
    **kept: str,
) -> None:
    """Run the server until SIGTERM or Ctrl-C."""
    end_when_told()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    settings = Settings(
        data=data, database=database, tools=tools, check_in_s=check_in_s, keep=read_keep(kept)
    )
    try:
        host, port = parse_listen(listen)
        if not is_loopback(host) and behind_proxy is None and not plain_http:
            raise BadListen(
                f"--listen {listen}: tokens would cross the network unencrypted. Listen on 127.0.0.1 behind a"
                " proxy that does TLS, or say --behind-proxy ADDRESS when that proxy is on another machine"
                " (--plain-http for a closed test network)"
            )
        place = Listen(host=host, port=port, proxy=behind_proxy)
        sock = bind(place)
        with sock:
            app = build(settings)
            address = address_of(sock, host)
            token = read_admin_token(settings)
            click.echo(f"aipolicy server listens on {address}, data in {settings.data}")
            # Only a terminal gets the token itself: a log is kept, and read by others.
            in_file = f"{address} with the token in {settings.admin_token_file}"
            sign_in = sign_in_address(address, token) if sys.stdout.isatty() else in_file
            click.echo(f"  sign in:  {sign_in}")
            click.echo(
                f"  enrol:    aipolicy run --server {address}"
                f" with the enrolment secret in {settings.enrolment_secret_file}"
            )
            sys.stdout.flush()
            serve(app, sock, place)
    except _ERRORS as error:
        raise Failure(str(error)) from error


@server.command()
@config_option
@_listen_option
def health(listen: str) -> None:
    """Ask the server that listens there whether it reaches its database: exit 0 where it does."""
    try:
        connection = http.client.HTTPConnection(*parse_listen(listen), timeout=_HEALTH_S)
        connection.request("GET", "/healthz")
        reply = connection.getresponse()
        said = reply.read(1000).decode(errors="replace").strip()
    except BadListen as error:
        raise Failure(str(error)) from error
    except (OSError, http.client.HTTPException) as error:
        raise Failure(f"{listen}: no answer ({error})") from error
    if reply.status != HTTPStatus.OK:
        raise Failure(f"{listen}: {said}")
    click.echo(said)


@server.command("migrate")
@where
@click.option("--no-backup", is_flag=True, help="Do not copy the database first.")
def migrate_command(data: str, database: str | None, no_backup: bool) -> None:
    """Copy the database into the data folder, then bring it up to date.

    `run` brings SQLite up to date by itself, without a copy.
    """
    settings = Settings(data=data, database=database)
    try:
        prepare_folder(settings.data)
        engine = open_engine(parse_url(settings.database_url))
        try:
            revision = migrate.outdated(engine)
            if revision is not None and not no_backup:
                click.echo(f"copied to {backup.take(engine, settings.data, revision, utc_now())}")
            changed = migrate.upgrade(engine)
        finally:
            engine.dispose()
    except _ERRORS as error:
        raise Failure(str(error)) from error
    click.echo("the database is up to date now" if changed else "the database was up to date")


server.add_command(secret)
server.add_command(device)
server.add_command(erase)
server.add_command(export)
server.add_command(brake)
server.add_command(simulate)
