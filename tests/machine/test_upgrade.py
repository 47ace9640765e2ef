"""Given an agent and its guard that are replaced by the next version, innocents notice nothing, and what
started in between is ended.
"""

import shutil
from pathlib import Path

import pytest

import aipolicy
from endtoend.lab import Lab, await_that, root
from machine.test_block import Shell, is_alive, machine_lab, shell, start_innocents, start_notes
from machine.test_guard_away import Tries, begin, gap, now, told, tries
from machine.test_guarded_machine import lab

pytestmark = [
    pytest.mark.xdist_group("machine"),
    pytest.mark.skipif(not root(), reason="needs root on Linux: answers for every program of the machine"),
]
__all__ = ["lab", "machine_lab", "shell", "tries"]

NEXT = "999.0.1"


def next_version(folder: Path) -> Path:
    """The same agent, and says that it is another one."""
    without_compiled = shutil.ignore_patterns("__pycache__")  # there, others rename files meanwhile
    shutil.copytree(Path(aipolicy.__file__).parent, folder / "aipolicy", ignore=without_compiled)
    about = folder / "aipolicy" / "__init__.py"
    text = about.read_text()
    assert aipolicy.__version__ in text
    about.write_text(text.replace(aipolicy.__version__, NEXT))
    return folder


def test_the_next_version_takes_over_and_ends_what_started_in_between(
    lab: Lab, shell: Shell, tries: Tries
) -> None:
    agent = begin(lab)
    innocents = start_innocents(lab, shell)
    before, stopping = len(told(lab)), now()
    agent.stop()
    running = start_notes(shell)
    agent.environ["PYTHONPATH"] = str(next_version(lab.folder / "next"))
    agent.start()
    await_that(lambda: not is_alive(running), "it is ended", agent.log)
    since, until, _ = gap(lab, agent, before)
    assert stopping <= since <= until
    tries.are_told_apart()
    assert [name for name, pid in innocents.items() if not is_alive(pid)] == []
    status = agent.status()
    assert status is not None
    assert (status["agent_version"], status["layers"]["guard"]) == (NEXT, "in force")
    await_that(
        lambda: lab.server.device()["device"]["agent_version"] == NEXT, "the server is told", agent.log
    )
    ended = await_that(lambda: lab.server.events(done="ended"), "its end is told", agent.log)
    assert {event["place"] for event in ended} == {str(shell.home / "notes")}
