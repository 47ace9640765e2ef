"""What the packages hold besides the program, as it lies in packaging/: right by the tools that read it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from aipolicy import tools
from aipolicy.cli.guard import SWITCHED_OFF
from aipolicy.core import policy
from aipolicy.platforms.own_program import PARTS
from aipolicy.settings import SYSTEM_POLICY, load

CHECKOUT = Path(__file__).parents[2]
PACKAGING = CHECKOUT / "packaging/agent"


def test_packaging_never_hides_the_library_of_that_name() -> None:
    assert not list((CHECKOUT / "packaging").rglob("__init__.py"))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_understands_every_line_of_the_units(tmp_path: Path) -> None:
    """The program of the units is not installed here: a stand-in that is."""
    for unit in CHECKOUT.glob("packaging/*/units/*.service"):
        stand_in = re.sub(r"/usr/bin/aipolicy[\w-]*", "/bin/true", unit.read_text())
        (tmp_path / unit.name).write_text(stand_in.replace("User=aipolicy-server", "User=root"))
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, tmp_path.iterdir())],
        capture_output=True,
        text=True,
        check=False,
    )
    assert str(tmp_path) not in verified.stderr, verified.stderr
    assert verified.returncode == 0, verified.stderr


def test_the_guard_has_no_mount_namespace_and_no_limit_of_time() -> None:
    """Every program of the machine waits for it; what needs such a namespace is in systemd.exec(5)."""
    guard = (PACKAGING / "units/aipolicy-guard.service").read_text()
    keys = {line.partition("=")[0] for line in guard.splitlines()}
    assert not {key for key in keys if key.startswith(("Protect", "Private", "ReadOnly", "Inaccessible"))}
    assert not {"CPUQuota", "MountAPIVFS", "RootDirectory", "NoExecPaths"} & keys
    assert not {"MemoryMax", "MemoryHigh"} & keys


def test_the_guard_is_there_before_any_ordinary_service_and_nobody_waits_for_it_for_long() -> None:
    guard = (PACKAGING / "units/aipolicy-guard.service").read_text()
    said = dict(line.split("=", 1) for line in guard.splitlines() if "=" in line)
    assert said["DefaultDependencies"] == "no"
    assert {"basic.target", "systemd-user-sessions.service", "shutdown.target"} <= set(said["Before"].split())
    assert said["Conflicts"] == "shutdown.target"
    assert int(said["TimeoutStartSec"]) <= 20
    assert int(said["WatchdogSec"]) <= 20
    assert said["SuccessExitStatus"] == said["RestartPreventExitStatus"] == str(SWITCHED_OFF)


def test_the_settings_and_the_policy_that_come_with_it_are_right() -> None:
    settings = load(str(PACKAGING / "etc/agent.yaml"), {})
    assert settings.policy == SYSTEM_POLICY
    text = (PACKAGING / "etc/policy.yaml").read_text()
    parsed = policy.parse(text, "policy.yaml", tools.load().known)
    assert parsed.mode == "report"  # a package that is only installed stops nothing


def test_every_setting_that_the_file_only_shows_is_one(tmp_path: Path) -> None:
    shown = re.sub(r"^# (?=\w+: )", "", (PACKAGING / "etc/agent.yaml").read_text(), flags=re.MULTILINE)
    file = tmp_path / "agent.yaml"
    file.write_text(shown)
    settings = load(str(file), {})
    assert (settings.server, settings.tags) == ("https://aipolicy.example.com", ("engineering",))


def test_one_place_alone_starts_us_anew() -> None:
    """A frozen bundle has no Python to give `-m` to: sys.executable is read where that is known."""
    found = {
        str(file.relative_to(CHECKOUT / "agent"))
        for file in (CHECKOUT / "agent").rglob("*.py")
        if re.search(r"\[sys\.executable|\(sys\.executable,", file.read_text())
    }
    assert found == {"aipolicy/platforms/own_program.py"}


def test_each_part_has_an_entry() -> None:
    for part in PARTS:
        name = "aipolicy_command" if part == "aipolicy" else part.replace("-", "_")
        assert (PACKAGING / "entries" / f"{name}.py").is_file()
