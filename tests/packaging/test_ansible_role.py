"""The role, by ssh against a booted Debian 12: what each run says it changed is what it changed.

The rpm's tasks never ran: no distribution with dnf can be had here.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml

from aipolicy.settings import KEYS
from machine_needs import NEEDS_ROOT
from nspawn import Container, debian
from packaging_needs import CHECKOUT, NEEDS_PACKAGES, built

ANSIBLE = CHECKOUT / "packaging/ansible"
ROLE = ANSIBLE / "roles/aipolicy_agent"
NEEDED = ("ansible-playbook", "ansible-vault", "ansible-lint", "yamllint", "ssh", "ssh-keygen")
MISSING = [name for name in NEEDED if shutil.which(name) is None]
NEEDS_ANSIBLE = pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}: docs/rollout.md")
SECRET = "a-secret-of-34-characters-or-so-1234"
PASSWORD = "the vault's password"


def environ(home: Path) -> dict[str, str]:
    """Nothing of the tester's own settings."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "ANSIBLE_HOME": str(home / "ansible"),
        "ANSIBLE_ROLES_PATH": str(ANSIBLE / "roles"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_SSH_ARGS": "-o ControlMaster=no",  # a shared one would outlive the container
        "LC_ALL": "C.UTF-8",
    }


def test_it_knows_the_settings_that_the_agent_knows() -> None:
    specs = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text())
    options = specs["argument_specs"]["main"]["options"]
    assert set(options["aipolicy_agent_settings"]["options"]) == KEYS
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
    assert defaults == {name: one["default"] for name, one in options.items() if "default" in one}


def test_every_variable_is_explained() -> None:
    specs = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text())
    readme = (ANSIBLE / "README.md").read_text()
    assert not [name for name in specs["argument_specs"]["main"]["options"] if f"`{name}`" not in readme]


@NEEDS_PACKAGES
@NEEDS_ANSIBLE
def test_the_linters_find_nothing(tmp_path: Path) -> None:
    for command in (["ansible-lint", "--offline", "--profile=production"], ["yamllint", "--strict", "."]):
        linted = subprocess.run(
            command, cwd=ANSIBLE, env=environ(tmp_path), capture_output=True, text=True, check=False
        )
        assert linted.returncode == 0, linted.stdout + linted.stderr


class Controller:
    """Runs playbooks against the container. sshd answers at the end of a pipe: the two share no network."""

    def __init__(self, folder: Path, box: Container) -> None:
        self._folder = folder
        self._box = box
        key = folder / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        keys = box.root / "root/.ssh/authorized_keys"
        keys.parent.mkdir(mode=0o700, exist_ok=True)
        keys.write_text((folder / "key.pub").read_text())
        sshd = f"nsenter --target={box.leader} --all --root --wdns=/ /usr/sbin/sshd -i"
        options = f'-o ProxyCommand="{sshd}" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null'
        host = {
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(key),
            "ansible_ssh_common_args": options,
        }
        (folder / "inventory.yml").write_text(yaml.safe_dump({"all": {"hosts": {"box": host}}}))
        (folder / "password").write_text(PASSWORD)
        (folder / "plain.yml").write_text(yaml.safe_dump({"aipolicy_agent_enrolment_secret": SECRET}))
        vault = ["--vault-password-file", folder / "password", "--output", folder / "secrets.yml"]
        self._run("ansible-vault", "encrypt", *vault, folder / "plain.yml")
        assert SECRET not in (folder / "secrets.yml").read_text()

    def play(self, variables: Mapping[str, Any], *options: str, fails: bool = False) -> str:
        """What it prints; without the secret, however much it is asked to print."""
        play = {
            "name": "The agent",
            "hosts": "box",
            "vars_files": ["secrets.yml"],
            "roles": [{"role": "aipolicy_agent", "vars": dict(variables)}],
        }
        (self._folder / "play.yml").write_text(yaml.safe_dump([play]))
        chosen = [
            "--vault-password-file",
            self._folder / "password",
            "--inventory",
            self._folder / "inventory.yml",
        ]
        done = self._run("ansible-playbook", *chosen, *options, self._folder / "play.yml", check=False)
        said = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, said
        assert SECRET not in said
        assert self.secrets_in_the_log() == []
        return said

    def secrets_in_the_log(self) -> list[str]:
        """The modules write their arguments into the machine's journal."""
        journal = self._box.run("journalctl", "--no-pager").stdout
        return [line for line in journal.splitlines() if SECRET in line]

    def _run(self, *command: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self._folder,
            env=environ(self._folder),
            capture_output=True,
            text=True,
            check=check,
            timeout=300,
        )


def changed(said: str) -> int:
    [count] = re.findall(r"^box +: ok=\d+ +changed=(\d+)", said, re.MULTILINE)
    return int(count)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    with debian(tmp_path_factory.mktemp("debian"), "python3", "python3-apt", "openssh-server") as container:
        yield container


def ours(box: Container) -> list[str]:
    found = box.run("find", "/", "/run", "/tmp", "-xdev", "-iname", "*aipolicy*").stdout
    return sorted(set(found.split()))


@NEEDS_PACKAGES
@NEEDS_ANSIBLE
@NEEDS_ROOT
@pytest.mark.xdist_group("machine")  # a guard of this machine would answer for the container's filesystem
def test_the_life_of_a_machine(box: Container, tmp_path: Path) -> None:
    """One story, since each step needs the one before."""
    controller = Controller(tmp_path, box)
    before = ours(box)
    policy = tmp_path / "policy.yaml"
    policy.write_text("name: of-ansible\nbanned: [claude-code]\n")
    settings = {"server": "https://192.0.2.1", "tags": ["engineering", "berlin"], "guard": "on"}
    wanted = {
        "aipolicy_agent_package": str(built("aipolicy_*.deb")),
        "aipolicy_agent_settings": settings,
        "aipolicy_agent_policy": str(policy),
    }

    # Only asked what it would do, it does nothing.
    assert changed(controller.play(wanted, "--check", "--diff")) > 0
    assert ours(box) == before

    # Installed, configured, running; the secret is root's alone.
    assert changed(controller.play(wanted, "-vvv", "--diff")) > 0
    status = box.until("aipolicy", "status", says="policy          of-ansible")
    assert "server          https://192.0.2.1" in status
    for unit in ("aipolicy", "aipolicy-guard"):
        assert box.run("systemctl", "is-enabled", unit).stdout.strip() == "enabled"
    assert (
        box.run("stat", "-c", "%a %U:%G", "/etc/aipolicy/enrolment-secret").stdout.strip() == "600 root:root"
    )
    assert box.run("cat", "/etc/aipolicy/enrolment-secret").stdout == f"{SECRET}\n"
    assert yaml.safe_load(box.run("cat", "/etc/aipolicy/agent.yaml").stdout) == {
        "policy": "/etc/aipolicy/policy.yaml",
        "enrolment_secret_file": "/etc/aipolicy/enrolment-secret",
        **settings,
    }

    # The same again changes nothing, and does not restart the agent.
    pid = main_pid(box)
    assert changed(controller.play(wanted)) == 0
    assert main_pid(box) == pid

    # A new policy is in force without a restart; one that is wrong is not laid there.
    policy.write_text("name: second\nbanned: [claude-code]\n")
    assert changed(controller.play(wanted)) == 1
    box.until("aipolicy", "status", says="policy          second")
    policy.write_text("baned: [claude-code]\n")
    assert "unknown key" in controller.play(wanted, fails=True)
    policy.write_text("name: second\nbanned: [claude-code]\n")
    assert changed(controller.play(wanted)) == 0
    assert main_pid(box) == pid

    # A new setting restarts it; asked only, it does not.
    settings["tags"] = ["berlin"]
    assert changed(controller.play(wanted, "--check")) == 2
    assert main_pid(box) == pid
    assert changed(controller.play(wanted)) == 2
    assert main_pid(box) != pid

    # A setting that the agent does not know never reaches the machine.
    assert "servr" in controller.play({**wanted, "aipolicy_agent_settings": {"servr": "x"}}, fails=True)

    # Removed: Debian keeps the settings. Purged: nothing is left.
    assert changed(controller.play({"aipolicy_agent_state": "absent"})) > 0
    assert box.run("cat", "/etc/aipolicy/enrolment-secret").stdout == f"{SECRET}\n"
    assert changed(controller.play({"aipolicy_agent_state": "absent"})) == 0
    assert changed(controller.play({"aipolicy_agent_state": "purged"})) > 0
    assert ours(box) == before
    assert changed(controller.play({"aipolicy_agent_state": "purged"})) == 0


def main_pid(box: Container) -> str:
    return box.run("systemctl", "show", "aipolicy", "--property=MainPID").stdout.strip()


@NEEDS_PACKAGES
@NEEDS_ANSIBLE
@NEEDS_ROOT
@pytest.mark.xdist_group("machine")
def test_from_an_address_only_what_the_checksum_names(box: Container, tmp_path: Path) -> None:
    """The address is one inside the container."""
    controller = Controller(tmp_path, box)
    deb = built("aipolicy_*.deb")
    (box.root / "srv/web").mkdir()
    shutil.copy(deb, box.root / "srv/web/agent.deb")
    box.run("systemd-run", "--unit=web", "python3", "-m", "http.server", "--directory=/srv/web", "8000")
    box.until(
        "python3", "-c", "import socket; print(socket.create_connection(('127.0.0.1', 8000)))", says="socket"
    )
    wanted = {"aipolicy_agent_package": "http://127.0.0.1:8000/agent.deb"}
    assert "bear no signature" in controller.play(wanted, fails=True)
    wrong = {"aipolicy_agent_package_checksum": f"sha256:{'0' * 64}"}
    assert "checksum" in controller.play({**wanted, **wrong}, fails=True)
    assert box.run("dpkg", "-s", "aipolicy", check=False).returncode != 0
    right = {"aipolicy_agent_package_checksum": f"sha256:{sha256(deb.read_bytes()).hexdigest()}"}
    assert changed(controller.play({**wanted, **right})) > 0
    assert changed(controller.play({**wanted, **right})) == 0
    controller.play({"aipolicy_agent_state": "purged"})
