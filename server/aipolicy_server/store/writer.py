"""Who may write, and when: jobs come in from handlers, their results leave after the commit that holds them.

SQLite has one writer at a time, so one thread does it, and whatever waits goes into one commit: the disk's
flush, the dear part, is shared (docs/adr/0008-group-commit.md). PostgreSQL does the same by itself.
"""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

logger = logging.getLogger(__name__)

T = TypeVar("T")
Job = Callable[[Connection], T]

_LARGEST_GROUP = 64
_PG_WRITERS = 8


class Unavailable(Exception):
    """Nothing was stored: the database is full, locked, away, or too much waits already. Try again later."""


class Writer(Protocol):
    """Runs jobs that write, each in a transaction. A job may be run twice, so it has no other effect."""

    async def write(self, job: Job[T]) -> T:
        """The job's result, once it is durable. Raises Unavailable, or what the job raises."""
        ...

    def close(self) -> None:
        """Finishes what waits, then stops."""
        ...


def open_writer(engine: Engine, waiting: int) -> Writer:
    """The writer that fits the database; `waiting`: so many jobs may wait."""
    if engine.dialect.name == "sqlite":
        return _OneThread(engine, waiting)
    return _ManyConnections(engine, waiting)


def write_now(engine: Engine, job: Job[T]) -> T:
    """One job in a transaction of its own."""
    try:
        with engine.begin() as connection:
            return job(connection)
    except DBAPIError as error:
        if _is_about_the_data(error):
            raise
        logger.warning("database unavailable: %s", type(error.orig).__name__)
        raise Unavailable(str(error.orig)) from error
    except PoolTimeout as error:
        raise Unavailable("no database connection was free") from error


def _is_about_the_data(error: DBAPIError) -> bool:
    """Whether the same job would fail again: DataError, IntegrityError, ProgrammingError; not a full disk."""
    return type(error).__name__ in {"DataError", "IntegrityError", "ProgrammingError", "NotSupportedError"}


class _Waiting:
    """A job with the place where its result goes."""

    def __init__(self, job: Job[Any], loop: asyncio.AbstractEventLoop) -> None:
        self.job = job
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.result: Any = None
        self.error: Exception | None = None

    def settle(self) -> None:
        if self.future.done():  # the client left
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class _OneThread:
    def __init__(self, engine: Engine, waiting: int) -> None:
        self._engine = engine
        self._queue: queue.Queue[_Waiting | None] = queue.Queue(waiting)
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    async def write(self, job: Job[T]) -> T:
        waiting = _Waiting(job, asyncio.get_running_loop())
        try:
            self._queue.put_nowait(waiting)
        except queue.Full as error:
            raise Unavailable("too many batches wait for the disk") from error
        result: T = await waiting.future
        return result

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            group = [first]
            stop = False
            while len(group) < _LARGEST_GROUP and not self._queue.empty():
                following = self._queue.get_nowait()
                if following is None:
                    stop = True
                    break
                group.append(following)
            self._write(group)
            _settle(group)
            if stop:
                return

    def _write(self, group: Sequence[_Waiting]) -> None:
        try:
            with self._engine.begin() as connection:
                for waiting in group:
                    waiting.result = waiting.job(connection)
        except Exception:
            # Nothing of the group is stored. One by one, so that a bad job fails alone.
            for waiting in group:
                self._write_alone(waiting)

    def _write_alone(self, waiting: _Waiting) -> None:
        try:
            waiting.result = write_now(self._engine, waiting.job)
        except Exception as error:  # handed to the handler that waits for it; the thread goes on
            waiting.error = error


def _settle(group: Sequence[_Waiting]) -> None:
    """Hands out the results, waking each event loop once."""
    for loop in {waiting.loop for waiting in group}:
        mine = [waiting for waiting in group if waiting.loop is loop]
        try:
            loop.call_soon_threadsafe(_settle_here, mine)
        except RuntimeError:  # the loop is closed: nobody waits any more
            logger.debug("results without a reader: %d", len(mine))


def _settle_here(group: Sequence[_Waiting]) -> None:
    for waiting in group:
        waiting.settle()


class _ManyConnections:
    def __init__(self, engine: Engine, waiting: int) -> None:
        self._engine = engine
        self._pool = ThreadPoolExecutor(_PG_WRITERS, thread_name_prefix="writer")
        self._room = waiting

    async def write(self, job: Job[T]) -> T:
        if self._room <= 0:
            raise Unavailable("too many batches wait for the database")
        self._room -= 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, write_now, self._engine, job)
        finally:
            self._room += 1

    def close(self) -> None:
        self._pool.shutdown(wait=True)
