"""The store as the application holds it: one database, one way to read, one way to write."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from aipolicy_server.store import migrate, schema
from aipolicy_server.store.engine import BadDatabase, open_engine, parse_url
from aipolicy_server.store.upsert import insert_new
from aipolicy_server.store.writer import Job, Unavailable, Writer, open_writer, write_now

T = TypeVar("T")

__all__ = ["Store", "Unavailable"]

_TOKEN_KEY = "device-token-key"  # noqa: S105  # the name of the value, not the value


class Store:
    """Opened by `Store.open`; `start_writer` once the event loop's handlers are to write."""

    def __init__(self, engine: Engine, pages: Engine, token_key: bytes) -> None:
        self.engine = engine
        self.token_key = token_key
        # Connections of their own for pages and API: whoever reads a lot must not keep the intake waiting.
        self._pages = pages
        self._writer: Writer | None = None
        self._questions = ThreadPoolExecutor(4, thread_name_prefix="intake")  # apart from the pages' threads

    @classmethod
    def open(cls, url: str, token_key: bytes) -> "Store":
        """Opens the database; SQLite is brought up to date. `token_key` is taken at the very first start.

        Raises BadDatabase.
        """
        parsed = parse_url(url)
        engine = open_engine(parsed)
        try:
            if engine.dialect.name == "sqlite":
                migrate.upgrade(engine)
            else:
                migrate.check(engine)
            shared = write_now(engine, lambda connection: _shared_key(connection, token_key))
            return cls(engine, open_engine(parsed), shared)
        except DBAPIError as error:
            engine.dispose()
            where = parsed.render_as_string(hide_password=True)
            raise BadDatabase(f"{where}: {error.orig}".strip()) from error
        except BaseException:
            engine.dispose()
            raise

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection for pages and API, not to be kept for long. Its use raises Unavailable."""
        return _reading(self._pages)

    def write_now(self, job: Job[T]) -> T:
        """One transaction, for the command line and for what is rare."""
        return write_now(self.engine, job)

    def start_writer(self, waiting: int) -> None:
        """From here on `write` works."""
        self._writer = open_writer(self.engine, waiting)

    async def write(self, job: Job[T]) -> T:
        """The job's result once it is durable. Raises Unavailable."""
        if self._writer is None:
            raise Unavailable("the server is starting or stopping")
        return await self._writer.write(job)

    async def read(self, query: Callable[[Connection], T]) -> T:
        """The answer to a quick question of the intake. Raises Unavailable.

        On SQLite at once: finding a few rows by their key takes less than to wake a thread, and readers never
        wait for a lock.
        """
        if self.engine.dialect.name == "sqlite":
            return self._read_now(query)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._questions, self._read_now, query)

    def _read_now(self, query: Callable[[Connection], T]) -> T:
        with _reading(self.engine) as connection:
            return query(connection)

    async def stop_writer(self) -> None:
        """Finishes what waits to be written."""
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.close()

    def close(self) -> None:
        """Lets go of the database."""
        self._questions.shutdown(wait=True)
        self.engine.dispose()
        self._pages.dispose()


@contextlib.contextmanager
def _reading(engine: Engine) -> Iterator[Connection]:
    try:
        with engine.connect().execution_options(read_only=True) as connection:
            yield connection
    except (OperationalError, PoolTimeout) as error:
        raise Unavailable("the database does not answer") from error


def _shared_key(connection: Connection, fresh: bytes) -> bytes:
    """The key that all nodes on this database share; `fresh` becomes it when there is none."""
    connection.execute(insert_new(connection, schema.shared), {"name": _TOKEN_KEY, "value": fresh})
    table = schema.shared.c
    return bytes(connection.execute(sa.select(table.value).where(table.name == _TOKEN_KEY)).scalar_one())
