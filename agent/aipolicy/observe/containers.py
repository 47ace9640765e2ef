"""What lies in running containers and chroots: a process of its own enters each and looks around there.

The kernel then resolves every name below that root, whatever links and races its owner makes, and a look that
hangs is ended. See docs/adr/0009.
"""

import contextlib
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from typing import IO, Final

import msgspec

from aipolicy.core.model import Executable, Extension, FileFacts, Observation, Package, Record, Unseen
from aipolicy.core.place import place_in
from aipolicy.core.tools import Wanted
from aipolicy.examine import FactsCache
from aipolicy.examine.places import is_within
from aipolicy.observe.look import Look, Seen
from aipolicy.observe.not_entered import IMAGES_IN_HOME
from aipolicy.platforms.machine import Machine, Root
from aipolicy.platforms.own_program import INSIDE, command_of

NAME: Final = "containers"

MOST: Final = 16
"""Roots that one look enters, the oldest ones."""
MOST_S: Final = 60.0
"""For one root; what is not reached then is reached by a later look, for what was read is remembered."""
MOST_ALL_S: Final = 180.0
HAS_ENDED: Final = 3
"""Exit status of a look whose container is no more."""

_WAIT_S: Final = 5.0
_MOST_UNSEEN: Final = 15
"""Of one root, so that none drowns what is said of the others."""


class Task(Record, frozen=True, kw_only=True):
    """What the process inside is to look for. ours: mount points of what we look at anyway."""

    root: Root
    ours: tuple[str, ...]
    wanted: Wanted


class Asked(Record, frozen=True, kw_only=True):
    """What is known of a file of this identity? See examine.FactsCache."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    digest: str


class Said(Record, frozen=True, kw_only=True):
    """One line of the process inside: an observation, an unseen place, a question, or facts to remember."""

    seen: Executable | Package | Extension | None = None
    unseen: Unseen | None = None
    asked: Asked | None = None
    facts: FileFacts | None = None
    digest: str = ""


class Answer(Record, frozen=True, kw_only=True):
    """The line that answers `asked`."""

    facts: FileFacts | None = None


def observe(look: Look) -> Seen:
    if look.running is None:
        return
    entered, end = 0, time.monotonic() + MOST_ALL_S
    for found in look.running.other_roots():
        if isinstance(found, Unseen):
            yield found
            continue
        ours = tuple(there for there, here in found.shared if _is_looked_at(here, look.looked_at))
        if _is_ours(ours):
            continue
        look.progress("containers", entered)
        if entered == MOST or time.monotonic() > end:
            # Each by itself, so that what was found in it before does not count as gone.
            yield Unseen(place=f"{found.container}:/", reason="more containers than one look enters")
            continue
        entered += 1
        yield from _inside(look, look.running, Task(root=found, ours=ours, wanted=look.wanted))


def _is_ours(shared: Iterable[str]) -> bool:
    """Whether its programs are the machine's own: a sandbox (bubblewrap, flatpak, snap), and no container."""
    return not {"/", "/usr"}.isdisjoint(shared)


def _is_looked_at(folder: str, looked_at: Iterable[str]) -> bool:
    """Whether our own look sees what is in `folder`, or `folder` is what our own look begins in."""
    inside = (top for top in looked_at if is_within(folder, top))
    if any(not is_within(folder, f"{top}/{IMAGES_IN_HOME}") for top in inside):
        return True
    return any(is_within(top, folder) for top in looked_at)


def _inside(look: Look, machine: Machine, task: Task) -> Seen:
    """All that a process says of one root. It is ended with its time, and when nobody asks for more."""
    container = task.root.container
    process = subprocess.Popen(
        command_of(INSIDE),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={},
        cwd="/",
    )
    timer = threading.Timer(MOST_S, process.kill)
    timer.start()
    began, unseen = time.monotonic(), 0
    try:
        for said in _conversation(process, task, look.examiner.cache):
            look.progress("containers", 0)
            if said.seen is not None:
                yield _of_container(said.seen, container, machine)
            if said.unseen is not None and (unseen := unseen + 1) <= _MOST_UNSEEN:
                yield _place_of_container(said.unseen, container)
        process.wait(_WAIT_S)
    except subprocess.TimeoutExpired:  # it closed its output and goes on
        pass
    finally:
        timer.cancel()
        process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):  # stuck in the kernel: it ends when that lets go
            process.communicate(timeout=_WAIT_S)
    if unseen > _MOST_UNSEEN:
        more = f"{unseen - _MOST_UNSEEN:,} more places could not be looked into"
        yield Unseen(place=f"{container}:/", reason=more)
    if process.returncode not in (0, HAS_ENDED):
        late = time.monotonic() - began >= MOST_S
        why = f"took longer than {MOST_S:g} s: only a part was looked at" if late else "the look failed"
        yield Unseen(place=f"{container}:/", reason=why)


def _conversation(process: subprocess.Popen[bytes], task: Task, cache: FactsCache) -> Iterator[Said]:
    """Its lines; those that concern the cache are answered here."""
    if process.stdin is None or process.stdout is None:
        return  # never: they are pipes
    with contextlib.suppress(OSError, msgspec.MsgspecError):  # it was ended, within a line perhaps
        _tell(process.stdin, task)
        for line in process.stdout:
            said = msgspec.json.decode(line, type=Said)
            if (asked := said.asked) is not None:
                facts = cache.get(
                    asked.device, asked.inode, asked.size, asked.mtime_ns, asked.ctime_ns, asked.digest
                )
                _tell(process.stdin, Answer(facts=facts))
            if said.facts is not None:
                cache.put(said.facts, said.digest)
            yield said


def _tell(pipe: IO[bytes], record: Record) -> None:
    pipe.write(msgspec.json.encode(record) + b"\n")
    pipe.flush()


def _of_container(seen: Executable | Package | Extension, container: str, machine: Machine) -> Observation:
    """Inside, owners are known by number only."""
    return msgspec.structs.replace(seen, container=container, owner=machine.owner(seen.owner.uid))


def _place_of_container(unseen: Unseen, container: str) -> Unseen:
    """Where a part of the look failed, the whole container may have more than was seen."""
    if unseen.place.startswith("/"):
        return Unseen(place=place_in(container, unseen.place), reason=unseen.reason)
    return Unseen(place=f"{container}:/", reason=f"{unseen.place}: {unseen.reason}")
