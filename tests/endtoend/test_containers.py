"""The daemon of root tells what is installed in a running container, and that it is gone with it."""

from pathlib import Path

from aipolicy.tools import load
from endtoend.lab import Lab, await_that
from installed import put
from machine.roots import busybox_root, container
from machine_needs import Started

POLICY = "banned: [claude-code]\n"
MARKS = "\0".join(mark.literal for mark in load().by_id["claude-code"].marks).encode()


def test_a_tool_in_a_container_is_told_and_gone_with_it(machine_lab: Lab, tmp_path: Path) -> None:
    lab = machine_lab
    put(f"{tmp_path}/layer/usr/local/bin/notes", b"\x7fELF" + b"\1" * (1 << 20) + MARKS)
    base = busybox_root(tmp_path / "base")
    with Started() as started:
        box = container(started, base, tmp_path / "work", more=(tmp_path / "layer",))
        place = f"{box.name}:/usr/local/bin/notes"
        agent = lab.begin(POLICY)
        (found,) = [row for row in lab.server.findings("claude-code") if row["path"] == place]
        assert (found["ruling"], found["form"], found["owner"]) == ("banned", "native in a container", "root")
    scans = agent.scans()
    lab.install("codex-0.169.0")
    lab.await_scan(agent, scans)
    gone = await_that(
        lambda: [e for e in lab.server.events() if e["kind"] == "gone" and e["place"] == place],
        "it is told as gone",
        agent.log,
        lab.server.log,
    )
    assert len(gone) == 1
    assert place not in {row["path"] for row in lab.server.findings("claude-code")}
