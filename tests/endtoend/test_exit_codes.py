"""The exit code of a scan is its answer: 0 compliant, 1 banned, 2 error, 3 could not look everywhere."""

import json
import os
import pty
import shutil
import subprocess
from pathlib import Path

import pytest

from endtoend.lab import Lab, run
from installed import aider
from ptys import read_to_the_end

ALLOW = 'approved: ["*"]\n'
BAN = "banned: [aider]\napproved: ['*']\n"


def scan(lab: Lab, policy: str, *more: str) -> "subprocess.CompletedProcess[str]":
    lab.policy(policy)
    return run(lab.python, ["scan", "--policy", str(lab.policy_file), *more], lab.environ)


def close(lab: Lab) -> Path:
    """A folder of the person's home that the person may not look into."""
    closed = lab.own(lab.home / "closed")
    closed.chmod(0)
    return closed


def test_0_when_all_is_allowed(lab):
    lab.install("qodercli-1.1.52")
    done = scan(lab, ALLOW)
    assert (done.returncode, done.stderr) == (0, "")
    assert "qoder" in done.stdout.lower()


def test_1_when_a_banned_tool_is_there_and_0_once_it_is_gone(lab):
    if scan(lab, BAN).returncode == 1:
        pytest.skip("Aider is installed on this machine for everybody")
    aider(lab.home / ".venv")
    assert scan(lab, BAN).returncode == 1
    shutil.rmtree(lab.home / ".venv")
    assert scan(lab, BAN).returncode == 0


def test_1_also_when_some_place_is_closed(lab):
    aider(lab.home / ".venv")
    close(lab)
    done = scan(lab, BAN, "--format", "json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["complete"] is False


def test_3_when_nothing_banned_is_seen_but_some_place_is_closed(lab):
    if lab.python.uid is None and os.geteuid() == 0:
        pytest.skip("needs somebody to whom a folder is closed")
    closed = close(lab)
    done = scan(lab, ALLOW, "--format", "json")
    assert done.returncode == 3
    report = json.loads(done.stdout)
    assert report["complete"] is False
    assert [u["place"] for u in report["unseen"] if u["place"].startswith(str(lab.home))] == [str(closed)]
    assert "~/closed" in scan(lab, ALLOW).stdout, "also in the text"


@pytest.mark.parametrize(
    "arguments", [["--policy", "/nowhere.yaml"], ["--tools", "/nowhere"], ["--format", "xml"], ["rest"]]
)
def test_2_when_it_cannot_begin(arguments, lab):
    done = run(lab.python, ["scan", *arguments], lab.environ)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_progress_is_shown_in_a_terminal_and_wiped_when_it_takes_longer_than_a_second(lab):
    lab.own(lab.bin)
    for number in range(30_000):
        place = lab.bin / f"script-{number}"
        place.write_bytes(b"#!/bin/sh\n")
        place.chmod(0o755)
    lab.policy(ALLOW)
    master, slave = pty.openpty()
    scanning = subprocess.Popen(
        [*lab.python.command, "-m", "aipolicy", "scan", "--policy", str(lab.policy_file)],
        env={**lab.environ, **lab.python.environ},
        stdout=subprocess.DEVNULL,
        stderr=slave,
        cwd="/",
        **lab.python.person,
    )
    os.close(slave)
    shown = read_to_the_end(master)
    scanning.wait()
    os.close(master)
    assert b"looking: " in shown
    assert shown.endswith(b"\r\x1b[K"), "and wiped in the end"
