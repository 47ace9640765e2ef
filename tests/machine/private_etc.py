"""A process with an /etc of its own: what is written there is seen by what it starts, and gone with its end.

    with PrivateEtc.open(folder) as etc:
        states = etc.enforce("mode: block\\nbanned: [codex]\\n")
        ended = etc.run([codex, "mcp-server"])

It runs as `python -m machine.private_etc FOLDER` in a mount namespace; to each line of JSON it answers one.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_MOST_S = 60
_OWN_MOUNTS = ("unshare", "--mount", "--propagation", "private")


@dataclass(frozen=True)
class Ran:
    """How a program ended: its exit code, None where it had to be ended, and what it said."""

    code: int | None
    said: str


class PrivateEtc:
    """The other side of this module's process."""

    def __init__(self, process: "subprocess.Popen[str]", home: Path) -> None:
        self._process = process
        self.home = home

    @classmethod
    @contextlib.contextmanager
    def open(cls, folder: Path) -> Iterator["PrivateEtc"]:
        tests = Path(__file__).parents[1]
        environ = {**os.environ, "PYTHONPATH": f"{tests}:{tests.parent / 'agent'}"}
        process = subprocess.Popen(
            [*_OWN_MOUNTS, sys.executable, "-m", "machine.private_etc", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environ,
            cwd="/",
        )
        try:
            made = cls(process, folder / "home")
            made.home.mkdir()
            why = made._ask({})
            if why:
                pytest.skip(f"no overlay over /etc can be made here: {why}")
            yield made
        finally:
            process.kill()
            process.communicate()

    def enforce(self, policy: str) -> dict[str, str]:
        """The condition of each control under this policy."""
        found: dict[str, str] = self._ask({"policy": policy})
        return found

    def inside(self, command: list[str]) -> list[str]:
        """The command as somebody outside has to start it, to run with this /etc."""
        return ["nsenter", "--mount", "--target", str(self._process.pid), *command]

    def run(self, command: list[str | Path], **environ: str) -> Ran:
        """Runs a program to its end, or ends it after a minute."""
        code, said = self._ask({"run": [str(part) for part in command], "environ": environ})
        return Ran(code, said)

    def _ask(self, question: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def main(folder: Path) -> None:
    """Answers until nobody asks any more."""
    fault = _overlay(folder)
    for line in sys.stdin:
        question = json.loads(line)
        if "policy" in question:
            answer: Any = _enforce(question["policy"], folder)
        elif "run" in question:
            answer = _run(question["run"], question["environ"], folder)
        else:
            answer = fault
        print(json.dumps(answer), flush=True)  # noqa: T201


def _overlay(folder: Path) -> str:
    """An /etc over the machine's own, kept in memory; why that cannot be, where it cannot."""
    top = folder / "top"
    top.mkdir()
    steps = [["mount", "-t", "tmpfs", "none", str(top)], ["mkdir", str(top / "upper"), str(top / "work")]]
    layers = f"lowerdir=/etc,upperdir={top}/upper,workdir={top}/work"
    steps.append(["mount", "-t", "overlay", "overlay", "-o", layers, "/etc"])
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False)
        if done.returncode:
            return done.stderr.strip()
    return ""


def _enforce(policy: str, folder: Path) -> dict[str, str]:
    from aipolicy.enforce.controls import CONTROLS
    from aipolicy.enforce.controls.keep import put_in_force
    from aipolicy.enforce.controls.memory import Memory
    from aipolicy.platforms import this_machine
    from native_controls import banned

    states = put_in_force(CONTROLS, banned(policy), this_machine(), Memory(folder))
    return {state.name: state.condition for state in states}


def _run(command: list[str], environ: dict[str, str], folder: Path) -> tuple[int | None, str]:
    home = folder / "home"
    plain = {"HOME": str(home), "PATH": os.environ["PATH"], **environ}
    try:
        done = subprocess.run(
            command,
            env=plain,
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_MOST_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return None, (error.output or b"").decode(errors="replace")
    return done.returncode, done.stdout.decode(errors="replace")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
