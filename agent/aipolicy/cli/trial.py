"""`aipolicy trial`: server, agent and page on this machine, to see what it does before a rollout."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

import click

from aipolicy.cli.errors import Failure
from aipolicy.core.wire import printable
from aipolicy.platforms.linux_calls import ENDING, ending
from aipolicy.platforms.own_program import AIPOLICY, command_of

_HOST = "127.0.0.1"
_PORT = 8320
_START_S = 30.0
_END_S = 5.0


@click.command()
@click.option("--policy", metavar="FILE", required=True, help="The policy to try.")
@click.option("--data", metavar="DIR", required=True, help="Where server and agent keep their data.")
@click.option(
    "--port", type=click.IntRange(1, 65535), help=f"The server's port (default {_PORT} or a free one)."
)
def trial(policy: str, data: str, port: int | None) -> None:
    """Try it all on this machine: server, agent and page, until Ctrl-C.

    The server listens on this machine only and keeps its data in DIR. Needs no root; as root the agent sees
    everybody's files and the kernel's events. Nothing is installed, and the folder DIR can simply be removed.
    """
    if not Path(policy).is_file():
        raise Failure(f"{policy}: no such file: give a policy with --policy FILE")
    folder = Path(data).resolve()
    _make(folder)
    for number in ending():  # also the end of the terminal: the parts have sessions of their own
        signal.signal(number, _interrupted)
    port = port or _free_port()
    server = _start(
        folder / "server.log",
        "server",
        "run",
        "--data",
        str(folder / "server"),
        "--listen",
        f"{_HOST}:{port}",
    )
    agent: subprocess.Popen[bytes] | None = None
    try:
        _await_server(server, port, folder / "server.log")
        scanned = subprocess.run(command_of(AIPOLICY, "scan", "--policy", policy), check=False)
        if scanned.returncode == 2:
            raise Failure("the scan failed; what is wrong stands above")
        secret = folder / "server" / "enrolment-secret"
        agent = _start(
            folder / "agent.log",
            *("run", "--policy", policy, "--state", str(folder / "agent")),
            *("--server", f"http://{_HOST}:{port}", "--enrolment-secret-file", str(secret)),
        )
        _say_what_next(port, policy, folder)
        _watch({"server": (server, folder / "server.log"), "agent": (agent, folder / "agent.log")})
    except KeyboardInterrupt:
        with contextlib.suppress(OSError):  # the terminal may be gone
            click.echo("\nended; everything is kept in " + str(folder))
    finally:
        _end([process for process in (agent, server) if process is not None])


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "server.log").touch()
    except OSError as error:
        raise Failure(
            f"{printable(str(folder))}: {error.strerror}: give a folder that you may write to with --data"
        ) from error


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _start(log: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """A part in a session of its own, so that Ctrl-C reaches us alone and we end the parts in order."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command_of(AIPOLICY, *arguments),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def _free_port() -> int:
    for wanted in (_PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((_HOST, wanted))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise Failure("no free port on this machine: give one with --port")


def _await_server(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end:
        if server.poll() is not None:
            raise Failure(f"the server did not start; {log} says why:\n{_tail(log)}")
        with socket.socket() as probe:
            probe.settimeout(1.0)
            if probe.connect_ex((_HOST, port)) == 0:
                return
        time.sleep(0.05)
    raise Failure(f"the server does not answer after {_START_S:.0f} s; see {log}")


def _say_what_next(port: int, policy: str, folder: Path) -> None:
    token = (folder / "server" / "admin-token").read_text().strip()
    state = folder / "agent"
    click.echo(
        f"""
The page (this address signs you in):
  http://{_HOST}:{port}/?token={token}

The agent keeps watching. Next:
  edit {policy} and save: it is in force within 2 s; `mode: block` ends banned tools
  aipolicy explain claude-code --policy {policy}     which rule, and why
  aipolicy status --state {state}     is all well?
  aipolicy mine   --state {state}     exactly what is reported about you
(without `make`: the command is {Path(sys.executable).parent / "aipolicy"})

Ctrl-C ends it."""
    )


def _watch(parts: dict[str, tuple[subprocess.Popen[bytes], Path]]) -> None:
    while True:
        for name, (process, log) in parts.items():
            if process.poll() is not None:
                raise Failure(f"the {name} ended by itself (exit code {process.returncode}):\n{_tail(log)}")
        time.sleep(0.5)


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not leave a part behind
    for process in processes:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return os.linesep.join(lines[-10:])
