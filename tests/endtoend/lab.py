"""Server and agent as real processes in temporary folders: started, stopped, killed, waited for by condition.

    with Lab.open() as lab:
        lab.install("claude-code-1.0.100")
        agent = lab.begin("banned: [claude-code]\\n")
        assert lab.server.findings("claude-code")

As root the agent looks at the whole machine; `Lab.open(uid=...)` runs it as an ordinary person who sees only
the lab's home, so that counts are exact. What the lab started is ended with it, and its folder removed.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode
from urllib.request import HTTPCookieProcessor, ProxyHandler, Request, build_opener

from aipolicy.daemon.local_api import ask, socket_path
from aipolicy.settings import SYSTEM_STATE
from endtoend.python_for_all import Python, python_for
from installed import npm_package

T = TypeVar("T")

PATIENCE_S = 90.0
"""How long a condition may take at most: only a broken promise takes that long, a busy machine does not."""

OPENER = build_opener(ProxyHandler({}))


def await_that(true: Callable[[], T], what: str, *logs: Path, patience_s: float = PATIENCE_S) -> T:
    """The first value of `true` that counts as true. Fails with `what` and the end of the logs."""
    end = time.monotonic() + patience_s
    while True:
        if value := true():
            return value
        if time.monotonic() > end:
            tails = "".join(f"\n--- {log}\n{log.read_text(errors='replace')[-6000:]}" for log in logs)
            raise AssertionError(f"not within {patience_s:.0f} s: {what}{tails}")
        time.sleep(0.05)


@dataclass
class Program:
    """One `aipolicy ...` in the background, in a session of its own. log: of all its starts."""

    python: Python
    arguments: list[str]
    log: Path
    environ: dict[str, str]
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        assert not self.running
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [*self.python.command, "-m", "aipolicy", *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**self.environ, **self.python.environ},
                cwd="/",
                start_new_session=True,
                **self.python.person,
            )

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def signal(self, number: signal.Signals) -> None:
        if self.running:
            os.kill(self.pid, number)

    def stop(self) -> float:
        """Ask it to end; how many seconds that took."""
        begun = time.monotonic()
        self.signal(signal.SIGTERM)
        self.wait()
        return time.monotonic() - begun

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.wait()

    @contextlib.contextmanager
    def standing_still(self) -> Iterator[None]:
        """It does nothing meanwhile: what it writes can be looked at, and whether it goes on decided."""
        os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        try:
            yield
        finally:
            self.signal(signal.SIGCONT)

    def wait(self) -> int:
        """Its exit code. Its log is in the message when it does not end."""
        assert self.process is not None
        await_that(lambda: not self.running, f"{self.arguments[:2]} ends", self.log)
        return self.process.wait()


class Server(Program):
    """A real server on a free port of its own; `kill` and `start` again keep port and data."""

    data: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        super().start()
        await_that(self._answers, "the server answers", self.log)

    def _answers(self) -> bool:
        assert self.running, self.log.read_text()
        try:
            with OPENER.open(f"{self.url}/sign-in", timeout=PATIENCE_S) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def api(self, path: str, **query: Any) -> Any:
        """An answer of the JSON API to the admin."""
        return json.loads(self.get(f"/api/v1{path}?{urlencode(query)}"))

    def get(self, path: str) -> bytes:
        token = (self.data / "admin-token").read_text().strip()
        request = Request(self.url + path, headers={"Authorization": f"Bearer {token}"})
        with OPENER.open(request, timeout=60) as answer:
            body: bytes = answer.read()
        return body

    def page(self, path: str) -> str:
        """A page as a browser gets it that was signed in by the address with the token."""
        token = (self.data / "admin-token").read_text().strip()
        browser = build_opener(ProxyHandler({}), HTTPCookieProcessor())
        with browser.open(f"{self.url}{path}?token={quote(token)}", timeout=60) as answer:
            body: bytes = answer.read()
        return body.decode()

    def events(self, **query: Any) -> list[dict[str, Any]]:
        """All events of the log, the oldest first."""
        rows: list[dict[str, Any]] = []
        after: str | None = None
        while True:
            page = self.api("/events", limit=1000, **query, **({"after": after} if after else {}))
            rows += page["rows"]
            after = page["next"]
            if after is None:
                return rows[::-1]

    def device(self) -> dict[str, Any]:
        """The one device that enrolled."""
        (device,) = self.api("/devices")["rows"]
        detail: dict[str, Any] = self.api(f"/devices/{device['id']}")
        return detail

    def findings(self, tool: str = "") -> list[dict[str, Any]]:
        """The current findings of the one device."""
        rows: list[dict[str, Any]] = self.device()["findings"]
        return [row for row in rows if tool in ("", row["tool"])]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Straight from the database; also while it runs, and after its end."""
        with contextlib.closing(sqlite3.connect(self.data / "server.db")) as connection:
            return connection.execute(sql).fetchall()


class Agent(Program):
    """A real agent. state: its folder, kept over its starts."""

    state: Path
    person: str

    def ask(self, verb: str, *more: str) -> subprocess.CompletedProcess[str]:
        """`aipolicy VERB --state ...` as the one who runs it."""
        return run(self.python, [verb, "--state", str(self.state), *more], self.environ)

    def status(self) -> dict[str, Any] | None:
        """What it answers on its socket, without the price of a command; None where nobody answers."""
        for admin in (True, False):
            with contextlib.suppress(OSError, json.JSONDecodeError):  # it may end before it has answered
                path = socket_path(str(self.state), admin=admin, system_state=SYSTEM_STATE)
                said: dict[str, Any] = json.loads(ask(path, "status"))
                return said
        return None

    def problem(self, part: str) -> dict[str, Any] | None:
        """What it says is wrong with this part of it: another may be wrong for a moment on a busy machine."""
        problems: list[dict[str, Any]] = (self.status() or {}).get("problems", [])
        return next((problem for problem in problems if problem["part"] == part), None)

    def reached(self) -> bool:
        """Whether the server has answered since the start: where there is nothing to tell, nothing waits."""
        said = self.status()
        return said is not None and said["server"]["last_ok"] is not None

    def spool(self) -> list[dict[str, Any]]:
        """Every event in the spool: sent, waiting and refused, the oldest first."""
        rows = self.rows("SELECT record FROM event ORDER BY n")
        return [json.loads(record) for (record,) in rows]

    def pending(self) -> int:
        return int(self.rows("SELECT COUNT(*) FROM event WHERE status IN (0, 1)")[0][0])

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        place = self.state / "spool.db"
        if not place.exists():
            return []
        with contextlib.closing(sqlite3.connect(place, timeout=30)) as connection:
            return connection.execute(sql).fetchall()

    def scans(self) -> int:
        """How many scans were finished, over all its starts."""
        return self.log.read_text(errors="replace").count(" scanned took_s=")


def run(
    python: Python, arguments: list[str], environ: Mapping[str, str], **how: Any
) -> subprocess.CompletedProcess[str]:
    """One `aipolicy ...` in the foreground, to its end."""
    return subprocess.run(
        [*python.command, "-m", "aipolicy", *arguments],
        env={**environ, **python.environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S * 2,
        check=False,
        **{"cwd": "/", **python.person, **how},
    )


@dataclass
class Lab:
    """See the module. home: of the person who runs the agent; `~/.npm/bin` in it is on the agent's PATH.

    guard: whether root's agent guards the whole machine ("on"), or only ends what has started.
    """

    folder: Path
    python: Python
    server: Server
    agents: list[Agent] = field(default_factory=list)
    guard: str = "off"

    @classmethod
    @contextlib.contextmanager
    def open(cls, uid: int | None = None) -> Iterator["Lab"]:
        """uid: who runs the agents; only root may give another one than itself."""
        folder = Path(tempfile.mkdtemp(prefix="aipolicy-lab-", dir="/tmp"))
        folder.chmod(0o751)  # an agent of somebody else that looks through /tmp finds nothing in it
        if uid is not None:
            os.chown(folder, -1, uid)
        python = python_for(uid)
        server = Server(python_for(None), [], folder / "server.log", {})
        server.data, server.port = folder / "data", free_port()
        server.arguments = [
            "server",
            "run",
            "--data",
            str(server.data),
            "--listen",
            f"127.0.0.1:{server.port}",
        ]
        lab = cls(folder, python, server)
        server.environ = lab.environ
        try:
            lab.own(lab.home)
            yield lab
        finally:
            for program in (*lab.agents, server):
                if program.running:
                    program.kill()
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def bin(self) -> Path:
        return self.home / ".npm" / "bin"

    @property
    def modules(self) -> Path:
        return self.home / ".npm" / "lib" / "node_modules"

    @property
    def policy_file(self) -> Path:
        return self.folder / "policy.yaml"

    @property
    def environ(self) -> dict[str, str]:
        """Nothing of the tester's own but what finds programs and certificates."""
        kept = {name: value for name, value in os.environ.items() if name.startswith(("LANG", "LC_", "SSL_"))}
        path = f"{self.bin}:/usr/local/bin:/usr/bin:/bin"
        return {
            **kept,
            "HOME": str(self.home),
            "PATH": path,
            "PYTHONUNBUFFERED": "1",
            "AIPOLICY_GUARD": self.guard,
        }

    def own(self, folder: Path) -> Path:
        """Make a folder that belongs to the person."""
        folder.mkdir(parents=True, exist_ok=True)
        if self.python.uid is not None:
            os.chown(folder, self.python.uid, self.python.uid)
        return folder

    def policy(self, text: str) -> None:
        """Put the policy in its place as an editor does, whole."""
        new = self.folder / ".policy.new"
        new.write_text(text)
        new.replace(self.policy_file)

    def agent(self, *more: str, state: str = "state", url: str | None = None) -> Agent:
        """An agent for this lab's server, not started yet. url: another one to report to."""
        secret = self.folder / "secret"
        agent = Agent(self.python, [], self.folder / f"{state}.log", self.environ)
        agent.state = self.own(self.folder / "agents") / state
        agent.arguments = ["run", "--verbose", "--policy", str(self.policy_file), "--state", str(agent.state)]
        agent.arguments += ["--server", url or self.server.url, "--enrolment-secret-file", str(secret), *more]
        self.agents.append(agent)
        return agent

    def begin(self, policy: str, *more: str) -> Agent:
        """Server and agent, both running, and everything told that there is."""
        self.policy(policy)
        self.server.start()
        self.hand_out_secret()
        agent = self.agent(*more)
        agent.start()
        self.await_settled(agent)
        return agent

    def hand_out_secret(self, text: str | None = None) -> None:
        """The enrolment secret where the agent looks for it; the server's own has to be made by its start."""
        place = self.folder / "secret"
        place.write_text(text or (self.server.data / "enrolment-secret").read_text())
        place.chmod(0o600)
        if self.python.uid is not None:
            os.chown(place, self.python.uid, self.python.uid)

    def install(self, recording: str, **how: Any) -> Path:
        """A package as npm leaves it, with its code in miniature; the folder that makes it be there."""
        self.modules.mkdir(parents=True, exist_ok=True)
        return npm_package(self.modules, recording, **how)

    def await_settled(self, agent: Agent) -> None:
        """Until the agent has scanned, is enrolled, and the server has all that it told."""

        def settled() -> bool:
            return agent.scans() > 0 and not agent.pending() and agent.reached()

        await_that(settled, "all is told", agent.log, self.server.log)

    def await_scan(self, agent: Agent, scans: int) -> None:
        """Until the agent has finished another scan than those."""
        await_that(lambda: agent.scans() > scans, "another scan", agent.log)


def figure(text: str) -> None:
    """Something measured, for whoever runs pytest with -rP: no test depends on it."""
    sys.stdout.write(f"{text}\n")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def root() -> bool:
    return sys.platform == "linux" and os.geteuid() == 0
