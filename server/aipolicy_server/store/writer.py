"""Who may write, and when: jobs come in from handlers, their results leave after the commit that holds them.

SQLite has one writer at a time, and whatever waits goes into one commit: the disk's flush, the dear part, is
shared (docs/adr/0006-group-commit.md). PostgreSQL does the same by itself.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

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

    async def close(self) -> None:
        """Finishes what waits, then stops."""
        ...


def open_writer(engine: Engine, waiting: int) -> Writer:
    """The writer that fits the database; `waiting`: so many jobs may wait."""
    if engine.dialect.name == "sqlite":
        return _Groups(engine, waiting)
    return _ManyConnections(engine, waiting)


def write_now(engine: Engine, job: Job[T]) -> T:
    """One job in a transaction of its own."""
    try:
        with engine.begin() as connection:
            return job(connection)
    except DBAPIError as error:
        if _is_about_the_data(error):
            raise
        raise Unavailable("the database does not answer") from error
    except PoolTimeout as error:
        raise Unavailable("no database connection was free") from error


def _is_about_the_data(error: DBAPIError) -> bool:
    """Whether the same job would fail again: DataError, IntegrityError, ProgrammingError; not a full disk."""
    return type(error).__name__ in {"DataError", "IntegrityError", "ProgrammingError", "NotSupportedError"}


class _Waiting:
    """A job, and where its result goes."""

    def __init__(self, job: Job[Any], future: "asyncio.Future[Any]") -> None:
        self.job = job
        self.future = future
        self.result: Any = None
        self.error: Exception | None = None

    def settle(self) -> None:
        if self.future.done():  # the client left
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class _Groups:
    """One thread, one transaction for all that waits when it begins."""

    def __init__(self, engine: Engine, waiting: int) -> None:
        self._engine = engine
        self._most = waiting
        self._queue: deque[_Waiting] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._task: asyncio.Task[None] | None = None

    async def write(self, job: Job[T]) -> T:
        if len(self._queue) >= self._most:
            raise Unavailable("too many batches wait for the disk")
        loop = asyncio.get_running_loop()
        waiting = _Waiting(job, loop.create_future())
        self._queue.append(waiting)
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._run())
        result: T = await waiting.future
        return result

    async def close(self) -> None:
        if self._task is not None:
            await self._task
        self._thread.shutdown(wait=True)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._queue:
            group = [self._queue.popleft() for _ in range(min(len(self._queue), _LARGEST_GROUP))]
            await loop.run_in_executor(self._thread, self._write, group)
            for waiting in group:
                waiting.settle()

    def _write(self, group: Sequence[_Waiting]) -> None:
        try:
            with self._engine.begin() as connection:
                for waiting in group:
                    waiting.result = waiting.job(connection)
        except Exception:  # a bad job, a full disk, a lock: nothing of the group is stored
            self._one_by_one(group)

    def _one_by_one(self, group: Sequence[_Waiting]) -> None:
        """Each in a transaction of its own, so that a bad job fails alone."""
        for waiting in group:
            try:
                waiting.result = write_now(self._engine, waiting.job)
            except Exception as error:  # handed to the handler that waits for it
                waiting.error = error


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

    async def close(self) -> None:
        await asyncio.to_thread(self._pool.shutdown, wait=True)
