"""The server as people run it: a process of its own, to be killed, stopped, and started again.

with ServerProcess.start(folder) as server:
    server.kill(); server.start_again()
"""

import contextlib
import http.client
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from aipolicy.core import wire

COMMAND = [sys.executable, "-c", "from aipolicy_server.cli import server; server()"]
READY_S = 60


@dataclass
class ServerProcess:
    """One server process. `port` stays the same over its lives."""

    data: Path
    port: int
    process: subprocess.Popen[bytes]
    options: tuple[str, ...]

    @classmethod
    @contextlib.contextmanager
    def start(cls, data: Path, *options: str) -> Iterator["ServerProcess"]:
        log = data.with_name(data.name + ".log")
        server = cls(data, 0, _spawn(data, 0, log, options), options)
        try:
            server.port = server._wait()
            yield server
        finally:
            if server.process.poll() is None:
                server.process.kill()
            server.process.wait()

    @property
    def log(self) -> str:
        """All that the server said, over its lives."""
        return self.data.with_name(self.data.name + ".log").read_text(errors="replace")

    def kill(self) -> None:
        """kill -9, at once."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def terminate(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=READY_S)

    def start_again(self) -> None:
        log = self.data.with_name(self.data.name + ".log")
        self.process = _spawn(self.data, self.port, log, self.options)
        self._wait()

    def connect(self, timeout: float = 30) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Mapping[str, str], bytes]:
        """One request on a connection of its own."""
        connection = self.connect()
        try:
            connection.request(method, path, body, dict(headers or {}))
            reply = connection.getresponse()
            return reply.status, dict(reply.headers), reply.read()
        finally:
            connection.close()

    def enrol(self, hostname: str = "e2e") -> wire.EnrolReply:
        """A device of its own, with the server's first secret."""
        host = wire.HostInfo(
            hostname=hostname, os="linux", os_version="12", arch="x86_64", agent_version="0.1.0"
        )
        secret = (self.data / "enrolment-secret").read_text().strip()
        request = msgspec.json.encode(wire.EnrolRequest(secret=secret, host=host))
        status, _, body = self.request("POST", wire.ENROL_PATH, request)
        assert status == 200, body
        return msgspec.json.decode(body, type=wire.EnrolReply)

    def _wait(self) -> int:
        """The port, once the server listens."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            found = re.search(rb"listens on http://[^:]+:([0-9]+)", line)
            if found:
                return int(found[1])
        raise AssertionError(f"the server did not start: {self.log}")


def _spawn(data: Path, port: int, log: Path, options: tuple[str, ...]) -> subprocess.Popen[bytes]:
    with log.open("ab") as stream:
        return subprocess.Popen(
            [*COMMAND, "run", "--data", str(data), "--listen", f"127.0.0.1:{port}", *options],
            stdout=subprocess.PIPE,
            stderr=stream,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
