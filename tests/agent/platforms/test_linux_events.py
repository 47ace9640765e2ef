"""Given messages of the proc connector, then the processes that began to run a program."""

import errno
import os
import socket
import struct
import threading

import pytest

from aipolicy.platforms.events import Batch
from aipolicy.platforms.linux_events import ProcessEvents

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs POSIX sockets")


def message(what: int, pid: int, group: int) -> bytes:
    event = struct.pack("=IIQ", what, 0, 12345) + struct.pack("=II", pid, group) + b"\0" * 16
    return b"\0" * 16 + struct.pack("=IIIIHH", 1, 1, 0, 0, len(event), 0) + event


class Channel(socket.socket):
    """A socket that has messages in it; an OSError among them is raised."""

    def __init__(self, *messages: tuple[bytes, int] | OSError) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_DGRAM)
        self.waiting = list(messages)

    def recvfrom_into(self, buffer: bytearray, *_rest: int) -> tuple[int, tuple[int, int]]:  # type: ignore[override]
        if not self.waiting:
            raise BlockingIOError
        found = self.waiting.pop(0)
        if isinstance(found, OSError):
            raise found
        data, sender = found
        buffer[: len(data)] = data
        return len(data), (sender, 1)


def test_only_execs_of_the_kernel_count_and_each_process_once() -> None:
    channel = Channel(
        (message(2, 500, 500), 0),
        (message(1, 501, 501), 0),  # a fork
        (message(2, 666, 666), 4711),  # from a process
        (b"short", 0),
        (message(2, 503, 502), 0),  # by a thread: the process counts
        (message(2, 500, 500), 0),
    )
    with channel:
        batch = ProcessEvents(channel).read()
    assert batch.pids == (502, 500)
    assert batch.lost == 0


def test_losses_are_counted() -> None:
    full = OSError(errno.ENOBUFS, "no buffer space")
    with Channel(full, (message(2, 500, 500), 0), full) as channel:
        batch = ProcessEvents(channel).read()
    assert (batch.pids, batch.lost) == ((500,), 2)


def test_a_broken_channel_is_an_error_and_not_silence() -> None:
    with Channel(OSError(errno.EBADF, "bad")) as channel, pytest.raises(OSError, match="bad"):
        ProcessEvents(channel).read()


def test_a_closed_one_has_nothing() -> None:
    events = ProcessEvents(Channel((message(2, 1, 1), 0)))
    events.close()
    assert events.wait(0.0).pids == ()


def test_whoever_waits_returns_at_once_when_it_is_closed() -> None:
    ours, _theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.setblocking(False)
    source = ProcessEvents(ours)
    batches: list[Batch] = []
    waiting = threading.Thread(target=lambda: batches.append(source.wait(3600)), daemon=True)
    waiting.start()
    source.close()
    waiting.join(60)
    assert batches == [Batch()]
    assert source.wait(3600) == Batch()
