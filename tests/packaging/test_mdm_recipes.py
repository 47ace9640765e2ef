"""What Intune, Jamf and Munki run: each script against the real program, each file as its reader takes it."""

import hashlib
import json
import plistlib
import shlex
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from endtoend.lab import Agent, Lab, await_that
from packaging_needs import CHECKOUT

MDM = CHECKOUT / "packaging/mdm"
DISCOVERY = MDM / "intune/linux_discovery.py"
ATTRIBUTE = MDM / "jamf/extension_attribute.sh"


class Asked:
    """Runs a script where `aipolicy` is the real program, asked about the agent of a lab."""

    def __init__(self, lab: Lab, state: Path) -> None:
        self._lab = lab
        program = lab.own(lab.folder / "program") / "aipolicy"
        python = shlex.join(lab.python.command)
        program.write_text(f'#!/bin/sh\nexec {python} -m aipolicy "$@" --state {shlex.quote(str(state))}\n')
        program.chmod(0o755)
        self._path = f"{program.parent}:/usr/bin:/bin"

    def run(self, script: Path) -> str:
        """What it prints. A copy in the lab: the person may not read the checkout."""
        copied = self._lab.folder / script.name
        copied.write_bytes(script.read_bytes())
        copied.chmod(0o755)
        environ = {**self._lab.environ, **self._lab.python.environ, "PATH": self._path}
        done = subprocess.run(
            [copied],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            **self._lab.python.person,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def facts(self) -> Any:
        said = self.run(DISCOVERY)
        assert said.count("\n") == 1  # Intune takes one line
        return json.loads(said)


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab.open(uid=54_321 if is_root() else None) as opened:
        yield opened


def is_root() -> bool:
    from endtoend.lab import root

    return root()


def complies(facts: dict[str, Any]) -> bool:
    """As Intune judges: the rules that are here have two kinds of values and one operator."""
    rules = json.loads((MDM / "intune/linux_rules.json").read_text())["Rules"]
    kinds = {"Boolean": bool, "Int64": int}
    assert {rule["Operator"] for rule in rules} == {"IsEquals"}
    assert {rule["SettingName"]: kinds[rule["DataType"]] for rule in rules} == {
        name: type(value) for name, value in facts.items()
    }
    return all(facts[rule["SettingName"]] == rule["Operand"] for rule in rules)


def test_the_real_agent_through_its_life(lab: Lab) -> None:
    lab.policy("banned: [claude-code]\n")
    lab.server.start()
    lab.hand_out_secret()
    agent: Agent = lab.agent()
    asked = Asked(lab, agent.state)

    # No agent yet.
    assert asked.facts() == {"AgentRunning": False, "AgentHealthy": False, "BannedTools": -1}
    assert not complies(asked.facts())
    assert asked.run(ATTRIBUTE) == "<result>not running</result>\n"

    # It runs, and nothing banned is here.
    agent.start()
    lab.await_settled(agent)
    await_that(lambda: (agent.status() or {}).get("healthy"), "it is healthy", agent.log)
    assert asked.facts() == {"AgentRunning": True, "AgentHealthy": True, "BannedTools": 0}
    assert complies(asked.facts())
    assert asked.run(ATTRIBUTE) == "<result>healthy</result>\n"

    # A banned tool.
    lab.install("claude-code-1.0.100")
    lab.policy("banned: [claude-code, aider]\n")  # each new policy brings a scan
    await_that(lambda: asked.facts()["BannedTools"] == 1, "the tool is told of", agent.log)
    assert not complies(asked.facts())

    # A problem: a policy that is wrong.
    lab.policy("banned: {}\n")
    await_that(lambda: not (agent.status() or {"healthy": True})["healthy"], "it is told", agent.log)
    assert asked.facts()["AgentHealthy"] is False
    assert asked.run(ATTRIBUTE) == "<result>something is wrong</result>\n"

    # It ended, and its last word is not taken for how it is.
    agent.stop()
    assert asked.facts() == {"AgentRunning": False, "AgentHealthy": False, "BannedTools": -1}
    assert asked.run(ATTRIBUTE) == "<result>not running</result>\n"


def test_where_it_is_not_installed(tmp_path: Path) -> None:
    def said(script: Path) -> str:
        return subprocess.run(
            [script], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=True
        ).stdout

    assert said(ATTRIBUTE) == "<result>not installed</result>\n"
    assert not complies(json.loads(said(DISCOVERY)))


def test_each_rule_tells_the_person_what_to_do() -> None:
    """Keys, operators and types: learn.microsoft.com, Custom compliance JSON files for Microsoft Intune."""
    rules = json.loads((MDM / "intune/linux_rules.json").read_text())
    assert set(rules) == {"Rules"}
    named = {"SettingName", "Operator", "DataType", "Operand", "MoreInfoUrl", "RemediationStrings"}
    for rule in rules["Rules"]:
        assert set(rule) == named
        [words] = rule["RemediationStrings"]
        assert set(words) == {"Language", "Title", "Description"}
        assert words["Language"] == "en_US"


def test_jamfs_script_lays_the_secret_for_root_alone(tmp_path: Path) -> None:
    script = MDM / "jamf/enrolment_secret.sh"
    place = tmp_path / "etc/aipolicy/enrolment-secret"
    for secret in ("s3cret %s", "another"):
        done = subprocess.run(
            [script, f"{tmp_path}/", "name", "user", secret], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert place.read_text() == f"{secret}\n"
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert [path.name for path in place.parent.iterdir()] == ["enrolment-secret"]
    nothing = subprocess.run(
        [script, f"{tmp_path}/", "name", "user"], capture_output=True, text=True, check=False
    )
    assert nothing.returncode == 1
    assert "parameter 4" in nothing.stderr


def test_munkis_pkginfo_describes_the_package(tmp_path: Path) -> None:
    package = tmp_path / "aipolicy-0.1.0.pkg"
    package.write_bytes(b"x" * 1025)
    made = subprocess.run([MDM / "munki/pkginfo", package], capture_output=True, check=True).stdout
    info = plistlib.loads(made)
    assert info["version"] == "0.1.0"
    assert info["installer_item_hash"] == hashlib.sha256(package.read_bytes()).hexdigest()
    assert info["installer_item_size"] == 2  # KiB
    assert info["receipts"] == [{"packageid": "com.example.aipolicy", "version": "0.1.0"}]
    assert info["uninstall_script"] == (CHECKOUT / "packaging/macos/uninstall.sh").read_text()
    wrong = subprocess.run(
        [MDM / "munki/pkginfo", tmp_path / "agent.pkg"], capture_output=True, text=True, check=False
    )
    assert wrong.returncode == 1
    assert "aipolicy-VERSION.pkg" in wrong.stderr
