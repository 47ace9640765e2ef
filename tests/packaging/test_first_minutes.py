"""From nothing to a blocked tool on a page, as somebody new types it: both packages in one booted Debian 12.

`pytest -rP` prints the log, each command with its time.
"""

import html
import re
import shlex
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from endtoend.lab import figure
from installed_agent import TOOL, lay_tool
from machine_needs import NEEDS_ROOT
from nspawn import Container, debian
from packaging_needs import NEEDS_PACKAGES, built

pytestmark = [
    NEEDS_PACKAGES,
    NEEDS_ROOT,
    pytest.mark.xdist_group("machine"),  # a guard of this machine would answer for the container's filesystem
]

SERVER = "http://127.0.0.1:8320"
POLICY = """\
mode: block
banned:
  - tool: claude-code
    reason: there is no contract with the vendor yet
approved: [qoder]
contact: https://it.example.com/ai
"""
AGENT = f"server: {SERVER}\nenrolment_secret_file: /etc/aipolicy/enrolment-secret\n"


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Container]:
    """With both packages in /root, and a person who has Claude Code."""
    with debian(tmp_path, "curl") as container:
        for name in ("aipolicy-server", "aipolicy"):
            shutil.copy(built(f"{name}_*.deb"), container.root / "root" / f"{name}.deb")
        lay_tool(container)
        container.run("useradd", "--create-home", "--shell", "/bin/bash", "alice")
        yield container


def typed(box: Container, line: str) -> str:
    """What root is told; it must go well."""
    begun = time.monotonic()
    said = box.run("sh", "-c", f"exec 2>&1; {line}", timeout=300).stdout.strip()
    figure(f"{time.monotonic() - begun:5.1f} s  # {line}\n{said}")
    return said


def at_a_terminal(box: Container, who: str, *lines: str) -> str:
    """What stands on the screen of a person who logs in and types that."""
    keys = "".join(f"sleep 1; echo {shlex.quote(line)}; " for line in lines)
    login = f"script -qc 'su - {who}' /dev/null"
    screen = box.run("sh", "-c", f"({keys} sleep 3; echo exit) | {login}", timeout=60).stdout
    screen = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen).replace("\r", "").strip()
    figure(screen)
    return screen


def written(box: Container, path: str, text: str) -> None:
    """A file that IT writes in an editor."""
    (box.root / path.lstrip("/")).write_text(text)
    figure(f"         # editor {path}\n{text}")


def text_of(page: str) -> str:
    """What a browser shows of it, roughly."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def test_from_nothing_to_a_blocked_tool_on_a_page(box: Container) -> None:
    begun = time.monotonic()
    typed(box, "dpkg -i /root/aipolicy-server.deb")
    typed(box, "dpkg -i /root/aipolicy.deb")
    written(box, "/root/policy.yaml", POLICY)
    typed(box, "aipolicy policy check /root/policy.yaml")
    token = "/var/lib/aipolicy-server/admin-token"
    typed(box, f"aipolicy policy publish /root/policy.yaml --server {SERVER} --token-file {token}")
    typed(box, "install -m 600 /var/lib/aipolicy-server/enrolment-secret /etc/aipolicy/enrolment-secret")
    written(box, "/etc/aipolicy/agent.yaml", AGENT)
    typed(box, "systemctl restart aipolicy")
    box.until("aipolicy", "status", says="mode block")
    box.guards_only_itself()
    status = box.until("aipolicy", "status", says="guard           in force")
    assert "healthy" in status, status
    typed(box, "aipolicy status")

    box.run("install", "-o", "alice", "-m", "755", TOOL, "/home/alice/notes")
    refused = at_a_terminal(box, "alice", "./notes --version")
    assert "Operation not permitted" in refused
    assert "Claude Code 2.1.197 was not started" in refused
    assert "there is no contract with the vendor yet" in refused

    jar = "/root/jar"
    typed(box, f"curl -sS -L -c {jar} -o /dev/null '{SERVER}/?token='$(cat {token})")
    box.until("curl", "-sS", "-b", jar, f"{SERVER}/events", says="denied")
    page = text_of(box.run("curl", "-sS", "-b", jar, f"{SERVER}/events").stdout)
    assert re.search(r"Claude Code 2\.1\.197 at its start ~/notes alice .*banned .*denied", page), page
    figure(f"{time.monotonic() - begun:5.1f} s  from the first package to the blocked tool on the page")
