"""The recipe for macOS, as far as it is known without a Mac: files, identifiers, scripts in a root folder.

Apple's keys: launchd.plist(5) of macOS, and https://github.com/apple/device-management, mdm/profiles/:
TopLevel.yaml, CommonPayloadKeys.yaml, com.apple.TCC.configuration-profile-policy.yaml,
com.apple.servicemanagement.yaml.
"""

import os
import plistlib
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from aipolicy.core import policy
from aipolicy.platforms.management import PREFERENCES, in_preferences
from aipolicy.settings import SYSTEM_CONFIG, SYSTEM_STATE, load
from aipolicy.tools import load as catalog
from packaging_needs import CHECKOUT

MACOS = CHECKOUT / "packaging/macos"
LABEL = Path(PREFERENCES).stem
PROGRAM = "/Library/Application Support/aipolicy/bundle/aipolicy"
PROFILES = sorted((MACOS / "profiles").glob("*.mobileconfig"))
COMMON = {"PayloadIdentifier", "PayloadUUID", "PayloadType", "PayloadVersion"}

NEEDS_BWRAP = pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bubblewrap")


def plist(path: Path) -> Any:
    return plistlib.loads(path.read_bytes())


def test_launchd_gets_keys_that_it_knows_of_the_types_that_it_takes() -> None:
    daemon = plist(MACOS / f"{LABEL}.plist")
    types = {
        "Label": str,
        "ProgramArguments": list,
        "RunAtLoad": bool,
        "KeepAlive": bool,
        "ThrottleInterval": int,
        "ExitTimeOut": int,
        "Umask": int,  # decimal: a property list has no octal
        "StandardOutPath": str,
        "StandardErrorPath": str,
    }
    assert {name: type(value) for name, value in daemon.items()} == types
    assert (daemon["Label"], daemon["ProgramArguments"]) == (LABEL, [PROGRAM, "run"])
    assert daemon["KeepAlive"] is daemon["RunAtLoad"] is True
    assert daemon["Umask"] == 0o077


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_a_profile_has_the_keys_that_apple_asks_for(path: Path) -> None:
    profile = plist(path)
    optional = {"PayloadContent", "PayloadDescription", "PayloadDisplayName", "PayloadScope"}
    assert set(profile) == COMMON | optional
    assert (profile["PayloadType"], profile["PayloadVersion"]) == ("Configuration", 1)
    assert profile["PayloadIdentifier"] == f"{LABEL}.{path.stem}"
    [payload] = profile["PayloadContent"]
    assert set(payload) > COMMON
    assert payload["PayloadIdentifier"].startswith(profile["PayloadIdentifier"])


def test_no_two_payloads_have_one_identifier() -> None:
    each = [one for path in PROFILES for one in (plist(path), *plist(path)["PayloadContent"])]
    for key in ("PayloadUUID", "PayloadIdentifier"):
        assert len({one[key] for one in each}) == len(each) == 6


def payload(name: str) -> dict[str, Any]:
    [found] = plist(MACOS / f"profiles/{name}.mobileconfig")["PayloadContent"]
    return {key: value for key, value in found.items() if key not in COMMON - {"PayloadType"}}


def test_the_agent_may_look_into_all_homes_and_nobody_can_switch_it_off() -> None:
    access = payload("full-disk-access")
    assert access.pop("PayloadType") == "com.apple.TCC.configuration-profile-policy"
    [identity] = access.pop("Services").pop("SystemPolicyAllFiles")
    assert access == {}
    assert set(identity) == {"Identifier", "IdentifierType", "CodeRequirement", "Allowed"}
    assert (identity["Identifier"], identity["IdentifierType"]) == (PROGRAM, "path")
    item = payload("login-item")
    assert item.pop("PayloadType") == "com.apple.servicemanagement"
    [rule] = item.pop("Rules")
    assert item == {}
    assert (rule["RuleType"], rule["RuleValue"]) == ("Label", LABEL)


def test_the_agent_understands_the_settings_of_the_profile(tmp_path: Path) -> None:
    """macOS lays the keys of a payload of our domain into the file that we read."""
    given = payload("settings")
    assert given["PayloadType"] == LABEL
    file = tmp_path / Path(PREFERENCES).name
    file.write_bytes(plistlib.dumps(given))
    settings = load(None, {}, in_preferences(str(file)))
    assert (settings.server, settings.tags) == ("https://aipolicy.example.com", ("engineering",))
    secret = settings.enrolment_secret_file
    assert secret is not None
    assert f'"$volume{secret}"' in (CHECKOUT / "packaging/mdm/jamf/enrolment_secret.sh").read_text()
    assert not {"enrolment_secret"} & set(given)  # everybody may read it


def test_the_package_and_the_scripts_mean_the_same_agent() -> None:
    distribution = ElementTree.parse(MACOS / "distribution.xml").getroot()  # noqa: S314  our own file
    assert {one.get("id") for one in distribution.iter("pkg-ref")} == {LABEL}
    assert f"--identifier {LABEL}" in (MACOS / "build_pkg").read_text()
    for script in ("scripts/preinstall", "scripts/postinstall", "uninstall.sh"):
        assert re.findall(r"(?m)^label=(.*)$", (MACOS / script).read_text()) == [LABEL]
    for script in ("scripts/postinstall", "uninstall.sh"):
        text = (MACOS / script).read_text()
        assert "/Library/Application Support/aipolicy" in text
        assert str(Path(SYSTEM_CONFIG).parent) in text
    assert SYSTEM_STATE in (MACOS / "uninstall.sh").read_text()


def bundle(folder: Path) -> Path:
    """What `make bundle` leaves, in small: a program that notes its words."""
    made = folder / "bundle"
    made.mkdir()
    (made / "aipolicy").write_text('#!/bin/sh\necho "aipolicy $*" >>/var/log/calls\n')
    (made / "aipolicy").chmod(0o755)
    (made / "library.dylib").write_bytes(b"")
    return made


def stand_ins(folder: Path, *names: str) -> Path:
    """Programs of these names that note their words in CALLS; print succeeds once the agent was loaded."""
    made = folder / "stand-ins"
    made.mkdir()
    for name in names:
        (made / name).write_text(f'#!/bin/sh\necho "{name} $*" >>"$CALLS"\n')
        (made / name).chmod(0o755)
    return made


def test_the_package_is_built_of_what_was_staged(tmp_path: Path) -> None:
    """By stand-ins for Apple's two programs, which run on a Mac only."""
    tools = stand_ins(tmp_path, "pkgbuild", "productbuild")
    shutil.copytree(CHECKOUT / "packaging", tmp_path / "checkout/packaging")
    (tmp_path / "checkout/agent/aipolicy").mkdir(parents=True)
    shutil.copy(CHECKOUT / "agent/aipolicy/__init__.py", tmp_path / "checkout/agent/aipolicy")
    environ = {"PATH": f"{tools}:/usr/bin:/bin", "CALLS": str(tmp_path / "calls")}
    built = subprocess.run(
        [
            tmp_path / "checkout/packaging/macos/build_pkg",
            bundle(tmp_path),
            "Developer ID Installer: Example",
        ],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    made, packed = (tmp_path / "calls").read_text().splitlines()
    assert f"--identifier {LABEL} --version 0.1.0 --ownership recommended" in made
    assert "--sign Developer ID Installer: Example dist/aipolicy-0.1.0.pkg" in packed
    root = tmp_path / "checkout/build/pkg/root"
    held = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    ours = "Library/Application Support/aipolicy"
    assert held == {
        f"{ours}/bundle/aipolicy",
        f"{ours}/bundle/library.dylib",
        f"{ours}/defaults/agent.yaml",
        f"{ours}/defaults/policy.yaml",
        f"{ours}/uninstall.sh",
        f"Library/LaunchDaemons/{LABEL}.plist",
    }
    assert not [path for path in root.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o022]


def test_without_apples_programs_it_says_what_is_missing(tmp_path: Path) -> None:
    built = subprocess.run(
        [MACOS / "build_pkg", bundle(tmp_path)],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (built.returncode, built.stdout) == (2, "")
    assert "pkgbuild" in built.stderr


class Mac:
    """A root folder with what the package holds; scripts run in it as if it were a Mac's.

    loaded: whether launchd has the agent.
    """

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        for name in ("etc", "var/log", "var/lib", "usr-local", "Library"):
            (self.root / name).mkdir(parents=True)
        self._tools = stand_ins(folder, "pkgutil")
        (self._tools / "launchctl").write_text(
            '#!/bin/sh\necho "launchctl $*" >>"$CALLS"\n'
            "case $1 in\n"
            "print) test -e /var/log/loaded ;;\n"
            "bootstrap) touch /var/log/loaded ;;\n"
            "bootout) rm /var/log/loaded ;;\n"
            "esac\n"
        )
        (self._tools / "launchctl").chmod(0o755)
        subprocess.run([MACOS / "stage", bundle(folder), self.root], check=True)

    def run(self, script: Path, *words: str) -> list[str]:
        """What the script called."""
        calls = self.root / "var/log/calls"
        calls.unlink(missing_ok=True)
        shown = [("etc", "/etc"), ("var", "/var"), ("Library", "/Library"), ("usr-local", "/usr/local")]
        command = [
            "bwrap",
            "--unshare-user",
            "--uid",
            "0",
            "--gid",
            "0",
            "--ro-bind",
            "/usr",
            "/usr",
            "--dev",
            "/dev",
        ]
        for link in ("bin", "lib", "lib64"):
            command += ["--symlink", f"usr/{link}", f"/{link}"]
        for here, there in shown:
            command += ["--bind", str(self.root / here), there]
        command += ["--ro-bind", str(MACOS), "/scripts", "--ro-bind", str(self._tools), "/stand-ins"]
        command += ["--setenv", "PATH", "/stand-ins:/usr/bin:/bin", "--setenv", "CALLS", "/var/log/calls"]
        done = subprocess.run(
            [*command, "--", "/bin/sh", f"/scripts/{script}", *words],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return calls.read_text().splitlines() if calls.exists() else []

    def files(self) -> set[str]:
        return {
            str(path.relative_to(self.root))
            for path in self.root.rglob("*")
            if not path.is_dir() and path.name != "calls"
        }


INSTALLER = ("/tmp/agent.pkg", "/", "/")


@NEEDS_BWRAP
def test_installed_anew_and_over_itself_it_runs_and_keeps_what_it_wrote(tmp_path: Path) -> None:
    mac = Mac(tmp_path)
    assert mac.run(Path("scripts/preinstall"), *INSTALLER) == [f"launchctl print system/{LABEL}"]
    calls = mac.run(Path("scripts/postinstall"), *INSTALLER)
    loaded = f"launchctl bootstrap system /Library/LaunchDaemons/{LABEL}.plist"
    assert calls == [f"launchctl enable system/{LABEL}", loaded]
    assert os.readlink(mac.root / "usr-local/bin/aipolicy") == PROGRAM
    text = (mac.root / "etc/aipolicy/policy.yaml").read_text()
    assert policy.parse(text, "policy.yaml", catalog().known).mode == "report"

    (mac.root / "etc/aipolicy/policy.yaml").write_text("banned: [claude-code]\n")
    assert f"launchctl bootout system/{LABEL}" in mac.run(Path("scripts/preinstall"), *INSTALLER)
    assert loaded in mac.run(Path("scripts/postinstall"), *INSTALLER)
    assert (mac.root / "etc/aipolicy/policy.yaml").read_text() == "banned: [claude-code]\n"


@NEEDS_BWRAP
def test_uninstalled_it_takes_its_settings_back_and_purged_it_leaves_nothing(tmp_path: Path) -> None:
    mac = Mac(tmp_path)
    mac.run(Path("scripts/postinstall"), *INSTALLER)
    (mac.root / "var/lib/aipolicy").mkdir()
    (mac.root / "var/lib/aipolicy/spool.db").write_text("")
    calls = mac.run(Path("uninstall.sh"))
    assert calls == [
        f"launchctl print system/{LABEL}",
        f"launchctl bootout system/{LABEL}",
        f"aipolicy control remove --state {SYSTEM_STATE}",
        f"pkgutil --forget {LABEL}",
    ]
    assert mac.files() == {"etc/aipolicy/agent.yaml", "etc/aipolicy/policy.yaml", "var/lib/aipolicy/spool.db"}
    mac.run(Path("uninstall.sh"), "--purge")
    assert mac.files() == set()


@NEEDS_BWRAP
def test_on_another_volume_nothing_is_started(tmp_path: Path) -> None:
    mac = Mac(tmp_path)
    other = mac.root / "var/other"
    shutil.copytree(mac.root / "Library", other / "Library")
    assert mac.run(Path("scripts/postinstall"), "/tmp/agent.pkg", "/var/other", "/var/other") == []
    assert (other / "etc/aipolicy/agent.yaml").is_file()
    assert not (mac.root / "etc/aipolicy").exists()
