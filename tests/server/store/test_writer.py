"""Writing: a result means durable, a failure means that nothing is stored, and one bad job harms no other."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from aipolicy_server.store.engine import open_engine, parse_url
from aipolicy_server.store.writer import Job, Unavailable, Writer, open_writer


@pytest.fixture
def engine(tmp_path: Path, database: str | None) -> Iterator[sa.Engine]:
    made = open_engine(parse_url(database or f"sqlite:///{tmp_path / 'w.db'}"))
    with made.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (n INTEGER PRIMARY KEY, slow INTEGER)")
    yield made
    made.dispose()


def insert(n: int) -> Job[int]:
    def job(connection: Connection) -> int:
        connection.execute(sa.text("INSERT INTO t (n) VALUES (:n)"), {"n": n})
        return n

    return job


def stored(engine: sa.Engine) -> list[int]:
    with engine.connect().execution_options(read_only=True) as connection:
        return list(connection.execute(sa.text("SELECT n FROM t ORDER BY n")).scalars())


def write_all(engine: sa.Engine, *jobs: Job[Any], waiting: int = 1000) -> list[Any]:
    """The results, or the exceptions, of jobs that come at the same time."""

    async def together() -> list[Any]:
        writer = open_writer(engine, waiting)
        results = await asyncio.gather(*(writer.write(job) for job in jobs), return_exceptions=True)
        await writer.close()
        return list(results)

    return asyncio.run(together())


def test_every_job_gets_its_own_result(engine: sa.Engine) -> None:
    results = write_all(engine, *(insert(n) for n in range(300)))
    assert results == list(range(300))
    assert stored(engine) == list(range(300))


def test_no_result_comes_before_the_commit(engine: sa.Engine) -> None:
    came = threading.Event()
    early: list[bool] = []
    sa.event.listen(engine, "commit", lambda _connection: early.append(came.wait(0.3)))

    async def write() -> None:
        writer = open_writer(engine, 10)
        await writer.write(insert(1))
        came.set()
        await writer.close()

    asyncio.run(write())
    assert early == [False]


def test_a_job_that_fails_takes_no_other_with_it(engine: sa.Engine) -> None:
    def broken(_connection: Connection) -> None:
        raise KeyError("broken")

    results = write_all(engine, insert(1), insert(2), broken, insert(2), insert(3))
    assert sorted(r for r in results if isinstance(r, int)) == [1, 2, 3]
    failed = sorted(type(r).__name__ for r in results if isinstance(r, Exception))
    assert failed == ["IntegrityError", "KeyError"]
    assert stored(engine) == [1, 2, 3]


def test_more_than_may_wait_is_refused_at_once(engine: sa.Engine) -> None:
    free = threading.Event()

    def blocked(_connection: Connection) -> str:
        assert free.wait(30)
        return "done"

    async def overfill() -> list[object]:
        writer = open_writer(engine, 10)
        waiting = [asyncio.ensure_future(writer.write(blocked)) for _ in range(30)]
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        refused = [one for one in done if isinstance(one.exception(), Unavailable)]
        free.set()
        await asyncio.gather(*waiting, return_exceptions=True)
        await writer.close()
        return [len(done) == len(refused), *(one.exception() or one.result() for one in waiting)]

    only_refused, *results = asyncio.run(overfill())
    assert only_refused
    assert results.count("done") in {10, 11}  # one more where a job was already under way
    assert sum(isinstance(r, Unavailable) for r in results) == 30 - results.count("done")


def test_closing_finishes_what_waits(engine: sa.Engine) -> None:
    async def leave(writer: Writer) -> None:
        waiting = [asyncio.ensure_future(writer.write(insert(n))) for n in range(100)]
        await asyncio.sleep(0)
        await writer.close()
        await asyncio.gather(*waiting)

    asyncio.run(leave(open_writer(engine, 1000)))
    assert stored(engine) == list(range(100))


def test_a_client_that_left_does_not_stop_the_writer(engine: sa.Engine) -> None:
    async def leave(writer: Writer) -> int:
        abandoned = asyncio.ensure_future(writer.write(insert(1)))
        await asyncio.sleep(0)
        abandoned.cancel()
        kept: int = await writer.write(insert(2))
        await writer.close()
        return kept

    assert asyncio.run(leave(open_writer(engine, 1000))) == 2
    assert stored(engine)[-1] == 2


def test_a_locked_database_is_unavailable_and_nothing_is_stored(tmp_path: Path) -> None:
    url = parse_url(f"sqlite:///{tmp_path / 'w.db'}")
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (n INTEGER PRIMARY KEY)")
    sa.event.listen(engine, "connect", lambda c, _: c.execute("PRAGMA busy_timeout = 0"))
    engine.dispose()
    other = open_engine(url)
    with other.begin():  # holds the write lock
        (result,) = write_all(engine, insert(1))
        assert isinstance(result, Unavailable)
    assert write_all(engine, insert(1)) == [1]
    engine.dispose()
    other.dispose()


def test_an_error_does_not_repeat_what_was_to_be_stored(engine: sa.Engine) -> None:
    def job(connection: Connection) -> None:
        connection.execute(sa.text("INSERT INTO nowhere (n) VALUES (:n)"), {"n": "a canary"})

    (error,) = write_all(engine, job)
    assert isinstance(error, sa.exc.ProgrammingError | sa.exc.OperationalError | Unavailable)
    assert "canary" not in f"{error} {error.__cause__}"
