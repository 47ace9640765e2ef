"""Given the agent and its guard on the whole machine and a brake, what was refused starts; after it, not."""

import pytest

from endtoend.lab import Lab, await_that, root
from machine.real_packages import native_claude, put_copy
from machine.test_block import BLOCK, Shell, machine_lab, shell
from machine.test_guarded_machine import in_force, lab, layer

pytestmark = [
    pytest.mark.xdist_group("machine"),
    pytest.mark.skipif(not root(), reason="needs root on Linux: answers for every program of the machine"),
]
__all__ = ["lab", "machine_lab", "shell"]


def test_a_brake_frees_what_was_refused_and_its_end_refuses_it_again(lab: Lab, shell: Shell) -> None:
    agent = lab.begin(BLOCK, "--scan-every-s", "86400")
    await_that(lambda: in_force(agent), "the guard is in force", agent.log)
    notes = put_copy(native_claude(), shell.home / "notes")
    shell.type(f"{notes} --version")
    await_that(lambda: "not permitted" in shell.read(), "it is refused", agent.log)
    assert "2.1.197 (Claude Code)" not in shell.read()

    pulled = agent.ask("brake", "--for", "2h", "--reason", "a wrong ban")
    assert pulled.returncode == 0, pulled.stderr
    await_that(lambda: layer(agent) == "off", "the guard is off", agent.log)
    shell.type(f"{notes} --version")
    await_that(lambda: "2.1.197 (Claude Code)" in shell.read(), "it starts", agent.log)
    status = agent.status()
    assert status
    assert (status["policy"]["mode"], status["layers"]["ending"]) == ("report", "off")
    assert not lab.server.events(done="ended")

    assert agent.ask("brake", "--off").returncode == 0
    await_that(lambda: in_force(agent), "the guard is in force again", agent.log)
    refused = shell.read().count("not permitted")
    shell.type(f"{notes} --version")
    await_that(lambda: shell.read().count("not permitted") > refused, "it is refused again", agent.log)

    def told() -> list[str]:
        return [e["reason"] for e in lab.server.events(kind="health") if e["place"] == "local brake"]

    await_that(lambda: told() == ["on", "off"], "the server was told", agent.log)
