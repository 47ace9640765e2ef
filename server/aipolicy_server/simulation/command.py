"""`aipolicy server simulate`: fills an empty server with a made-up fleet, to try pages, policies, plans."""

import os
import sys
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from random import Random

import click

from aipolicy.tools import load
from aipolicy_server.app import open_store
from aipolicy_server.clock import utc_now
from aipolicy_server.config import Failure
from aipolicy_server.first_start import BadDataFolder
from aipolicy_server.manage import where
from aipolicy_server.program import NAME
from aipolicy_server.settings import Settings
from aipolicy_server.simulation import policies
from aipolicy_server.simulation.fill import Filled, NotEmpty, check_empty, fill
from aipolicy_server.simulation.fleet import Company
from aipolicy_server.simulation.people import person
from aipolicy_server.simulation.shelf import shelf
from aipolicy_server.store.engine import BadDatabase
from aipolicy_server.store.store import Unavailable

_AT = "%Y-%m-%dT%H:%M:%SZ"


@click.command()
@where
@click.option(
    "--devices",
    "count",
    type=click.IntRange(1, 1_000_000),
    default=5_000,
    show_default=True,
    help="How many machines.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=1, show_default=True, help="Another one makes another fleet."
)
@click.option(
    "--findings",
    "each",
    type=click.FloatRange(0, 50),
    default=5.0,
    show_default=True,
    help="Findings on a machine on average.",
)
@click.option("--at", type=click.DateTime([_AT]), help="The end of the made-up day; now without.")
@click.option("--add", is_flag=True, help="Also where the database holds devices already.")
def simulate(
    data: str, database: str | None, count: int, seed: int, each: float, at: datetime | None, add: bool
) -> None:
    """Fill an empty server with a made-up fleet: machines, people, tools, verdicts, a day of events.

    The same seed makes the same fleet. What policies and plans need beside it is written into the folder
    `simulated-SEED` in DIR: two policies and the people's groups.
    """
    now = at.replace(tzinfo=utc_now().tzinfo) if at else utc_now().replace(microsecond=0)
    company = company_of(count, seed, each, now)
    try:
        store = open_store(Settings(data=data, database=database))
        try:
            with store.reading() as connection:
                check_empty(connection, seed, add=add)
            with click.progressbar(length=count, label="devices", hidden=not sys.stdout.isatty()) as bar:
                filled = fill(store, company, count, lambda done: bar.update(done - bar.pos))
        finally:
            store.close()
        folder = _write(Path(data, f"simulated-{seed}"), company)
    except (BadDatabase, BadDataFolder, NotEmpty, Unavailable, OSError) as error:
        raise Failure(str(error)) from error
    _say(filled, folder, data)


def company_of(count: int, seed: int, each: float, now: datetime) -> Company:
    """The made-up company with so many machines."""
    catalog = load()
    wares = shelf(catalog, Random(f"{seed} shelf"))
    return Company(
        seed=seed,
        now=now,
        each=each,
        people=max(1, count * 9 // 10),
        wares=wares,
        weights=tuple(accumulate(ware.weight for ware in wares)),
        catalog=catalog,
        current=policies.in_force(wares, catalog),
        before=policies.before(wares, catalog),
    )


def _write(folder: Path, company: Company) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / policies.NAME).write_text(company.current.text, "utf-8")
    (folder / f"before-{policies.NAME}").write_text(company.before.text, "utf-8")
    write_groups(folder / "groups.csv", company)
    return folder


def write_groups(path: Path, company: Company) -> None:
    """Who is in which directory group, as `policy plan --groups` takes it."""
    with path.open("w", encoding="utf-8") as file:
        file.write("user,group\n")
        for place in range(company.people):
            one = person(place, company.seed)
            file.writelines(f"{one.owner.name},{group}\n" for group in one.groups)


def _say(filled: Filled, folder: Path, data: str) -> None:
    counts = f"{filled.findings:,} findings, {filled.events:,} events"
    click.echo(f"{filled.devices:,} made-up devices, {counts}")
    click.echo(f"  the policy in force, the one before and the people's groups: {folder}{os.sep}")
    click.echo(f"  next: {NAME} run --data {data}")
