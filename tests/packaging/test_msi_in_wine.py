"""The MSI: its tables by msitools, and its life under wine with a stand-in for the agent's program.

Wine is not Windows. It knows no MsiLockPermissionsEx: that administrators alone may read the secret is a row
of the table here, and never ran. It hands no Ctrl-Break to a group of processes: the service, the real one,
ends the stand-in by force.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from machine_needs import until
from packaging_needs import CHECKOUT, NEEDS_PACKAGES

BUILD = CHECKOUT / "packaging/windows/build_msi"
STUB = Path(__file__).parent / "windows/stub_agent.c"
SECRET = "a-secret-of-34-characters-or-so-1234"
ADMINISTRATORS_ONLY = r"O:BAG:SYD:PAI\(A;(?:OI)?CI;(?:KA|FA);;;SY\)\(A;(?:OI)?CI;(?:KA|FA);;;BA\)"

MISSING = [name for name in ("wixl", "msibuild", "x86_64-w64-mingw32-gcc") if shutil.which(name) is None]
pytestmark = [
    NEEDS_PACKAGES,
    pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}: docs/rollout.md"),
]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As PyInstaller leaves it on Windows: the program, and a folder of libraries."""
    made = tmp_path_factory.mktemp("bundle")
    (made / "_internal/base").mkdir(parents=True)
    (made / "_internal/base/library.txt").write_text("a library")
    compiler = ["x86_64-w64-mingw32-gcc", "-Os", "-s", "-Wall", "-Werror", "-o", made / "aipolicy.exe", STUB]
    subprocess.run(compiler, check=True)
    return made


def msi(bundle: Path, version: str) -> Path:
    built = subprocess.run([BUILD, bundle, version], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return CHECKOUT / built.stdout.strip()


@pytest.fixture(scope="module")
def older(bundle: Path) -> Path:
    return msi(bundle, "0.1.0")


@pytest.fixture(scope="module")
def newer(bundle: Path) -> Path:
    return msi(bundle, "0.2.0")


def table(package: Path, name: str) -> list[dict[str, str]]:
    exported = subprocess.run(
        ["msiinfo", "export", package, name], capture_output=True, text=True, check=True
    )
    columns, _types, _keys, *rows = exported.stdout.replace("\r", "").splitlines()
    return [dict(zip(columns.split("\t"), row.split("\t"), strict=True)) for row in rows]


def properties(package: Path) -> dict[str, str]:
    return {row["Property"]: row["Value"] for row in table(package, "Property")}


def test_it_is_for_the_machine_and_hides_the_secret(older: Path) -> None:
    found = properties(older)
    assert found["ALLUSERS"] == "1"
    assert set(found["MsiHiddenProperties"].split(";")) == {"ENROLL_SECRET", "ENROLL_SECRET_BEFORE"}
    assert {"SERVER_URL", "ENROLL_SECRET"} < set(found["SecureCustomProperties"].split(";"))
    assert {row["ActionProperty"] for row in table(older, "Upgrade")} < set(
        found["SecureCustomProperties"].split(";")
    )
    summary = subprocess.run(["msiinfo", "suminfo", older], capture_output=True, text=True, check=True).stdout
    assert "x64;1033" in summary


def test_secret_and_data_are_for_administrators_alone(older: Path) -> None:
    rows = {row["LockObject"]: row for row in table(older, "MsiLockPermissionsEx")}
    assert {name: row["Table"] for name, row in rows.items()} == {
        "EnrolmentSecret": "Registry",
        "DATADIR": "CreateFolder",
    }
    for row in rows.values():
        assert re.fullmatch(ADMINISTRATORS_ONLY, row["SDDLText"])
    secret = [row for row in table(older, "Registry") if row["Registry"] == "EnrolmentSecret"]
    assert [(row["Key"], row["Name"], row["Value"]) for row in secret] == [
        (r"SOFTWARE\aipolicy\Secret", "enrolment_secret", "[ENROLL_SECRET]")
    ]
    assert {row["Directory_"] for row in table(older, "CreateFolder")} == {"DATADIR"}


def test_the_service_is_the_systems_and_starts_at_each_boot(older: Path) -> None:
    [service] = table(older, "ServiceInstall")
    assert (service["Name"], service["StartType"], service["ServiceType"]) == ("aipolicy", "2", "16")
    assert service["StartName"] == ""  # LocalSystem
    [control] = table(older, "ServiceControl")
    install_start, both_stop, uninstall_remove = 0x1, 0x22, 0x80
    assert int(control["Event"]) == install_start | both_stop | uninstall_remove


def test_an_older_version_does_not_replace_a_newer_one_and_the_same_one_does(older: Path) -> None:
    [condition] = table(older, "LaunchCondition")
    assert condition["Condition"] == "NOT NEWER_FOUND OR Installed"
    inclusive, only_detect = 0x300, 0x2
    rows = {row["ActionProperty"]: row for row in table(older, "Upgrade")}
    assert (rows["OLDER_FOUND"]["VersionMax"], int(rows["OLDER_FOUND"]["Attributes"])) == ("0.1.0", inclusive)
    assert (rows["NEWER_FOUND"]["VersionMin"], int(rows["NEWER_FOUND"]["Attributes"])) == (
        "0.1.0",
        only_detect,
    )


def test_what_the_agent_knows_goes_with_it_but_not_by_an_upgrade(older: Path) -> None:
    conditions = {row["Action"]: row["Condition"] for row in table(older, "InstallExecuteSequence")}
    assert conditions["EraseData"] == 'REMOVE="ALL" AND NOT UPGRADINGPRODUCTCODE'
    order = sorted(table(older, "InstallExecuteSequence"), key=lambda row: int(row["Sequence"]))
    names = [row["Action"] for row in order]
    assert names.index("StopServices") < names.index("EraseData") < names.index("RemoveFiles")
    assert names.index("AppSearch") < names.index("KeepSecret") < names.index("RemoveExistingProducts")
    assert names.index("InstallFinalize") < names.index("ForgetSecret")


def test_intune_gets_the_codes_of_this_very_msi(older: Path) -> None:
    """Names of Graph's win32LobApp, https://learn.microsoft.com/graph/api/resources/intune-apps-win32lobapp."""
    script = CHECKOUT / "packaging/mdm/intune/win32_app"
    app = json.loads(subprocess.run([script, older], capture_output=True, text=True, check=True).stdout)
    code = properties(older)["ProductCode"]
    assert str(uuid.UUID(code)).upper() in code
    assert app["rules"][0]["productCode"] == app["msiInformation"]["productCode"] == code
    assert app["uninstallCommandLine"] == f"msiexec /x {code} /qn /norestart"
    assert app["installCommandLine"].startswith(f"msiexec /i {older.name} /qn ")
    assert "ENROLL_SECRET" not in app["installCommandLine"]
    assert app["msiInformation"]["productVersion"] == "0.1.0"


@dataclass
class Windows:
    """A wine prefix of its own."""

    prefix: Path

    @property
    def folder(self) -> Path:
        return self.prefix / "drive_c/Program Files/aipolicy"

    @property
    def _environ(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.prefix),
            "WINEPREFIX": str(self.prefix),
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "mscoree,mshtml=",  # no Mono, no Gecko
        }

    def run(self, *command: str | Path) -> tuple[int, str]:
        """Its exit code, modulo 256, and what it said."""
        said = self.prefix / "said.txt"  # no pipe: the services that it starts would keep it open
        with said.open("w") as output:
            code = subprocess.run(
                ["wine", *command],
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
                timeout=120,
                cwd=self.prefix,
            ).returncode
        return code, said.read_text(errors="replace")

    def msiexec(self, *words: str | Path) -> tuple[int, str]:
        """Its exit code and its whole log."""
        log = self.prefix / "msi.log"
        log.unlink(missing_ok=True)
        code, _said = self.run("msiexec", *words, "/qn", "/l*v", f"Z:{log}")
        raw = log.read_bytes() if log.exists() else b""
        return code, raw.decode("utf-16" if raw.startswith(b"\xff\xfe") else "utf-8", "replace")

    def values(self, key: str) -> dict[str, str]:
        _code, said = self.run("reg", "query", f"HKLM\\{key}", "/reg:64")
        return dict(re.findall(r"^ +(\S+) +REG_\w+ *(.*?)\r?$", said, re.MULTILINE))

    def products(self) -> list[str]:
        key = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall"
        _code, said = self.run("reg", "query", f"HKLM\\{key}", "/s", "/reg:64")
        return re.findall(r"DisplayVersion +REG_SZ +(\S+)", said) if "aipolicy agent" in said else []

    def stop(self) -> None:
        """Until service and agent have ended: Windows' installer waits for that, wine's does not."""
        self.run("net", "stop", "aipolicy")
        until(lambda: not self._programs())

    def _programs(self) -> list[str]:
        """Those of ours that run in this prefix."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                line = process.cmdline()
                if line and "aipolicy" in line[0] and process.environ().get("WINEPREFIX") == str(self.prefix):
                    found.append(line[0])
        return found

    def notes(self) -> list[str]:
        """What the stand-in for the agent was started with."""
        place = self.folder.parent / "stub-agent.txt"
        return place.read_text().splitlines() if place.exists() else []

    def settle(self) -> None:
        """Until the first start's own services have ended: a service made meanwhile is lost with them."""
        subprocess.run(["wineserver", "-w"], env={**os.environ, "WINEPREFIX": str(self.prefix)}, check=True)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """With a program that does nothing: wine shuts its services down when the last program ends."""
        command = ["wine", "cmd"]
        with subprocess.Popen(
            command,
            env=self._environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.prefix,
        ) as nothing:
            until(lambda: self.run("net", "start")[0] == 0)
            yield
            nothing.terminate()

    def end(self) -> None:
        subprocess.run(["wineserver", "-k"], env={**os.environ, "WINEPREFIX": str(self.prefix)}, check=False)


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Windows]:
    if shutil.which("wine") is None:
        pytest.skip("needs wine")
    made = Windows(tmp_path_factory.mktemp("wine") / "prefix")
    made.prefix.mkdir()
    try:
        code, said = made.run("wineboot", "--init")
        assert code == 0, said
        made.settle()
        with made.running():
            yield made
    finally:
        made.end()


def test_the_life_of_an_installation(windows: Windows, older: Path, newer: Path) -> None:
    """One story, since each step needs the one before."""
    code, log = windows.msiexec("/i", older, "SERVER_URL=https://192.0.2.1", f"ENROLL_SECRET={SECRET}")
    assert code == 0, log[-3000:]
    assert "WriteRegistryValues" in log  # it is the whole log
    assert SECRET not in log

    # What lies where.
    assert windows.values(r"SOFTWARE\aipolicy") == {
        "server": "https://192.0.2.1",
        "policy": r"C:\Program Files\aipolicy\policy.yaml",
        "state": r"C:\Program Files\aipolicy\data\state",
    }
    assert windows.values(r"SOFTWARE\aipolicy\Secret") == {"enrolment_secret": SECRET}
    for name in ("aipolicy.exe", "aipolicy-service.exe", "policy.yaml", "_internal/base/library.txt"):
        assert (windows.folder / name).is_file(), name
    service = windows.values(r"SYSTEM\CurrentControlSet\Services\aipolicy")
    assert service["Start"] == "0x2"
    assert "aipolicy-service.exe" in service["ImagePath"]

    # The service has started the agent, keeps its log, and leaves none behind when it is stopped.
    until(lambda: windows.notes() == ["run"])
    assert "the stub runs" in (windows.folder / "data/agent.log").read_text()
    windows.stop()
    windows.run("net", "start", "aipolicy")
    until(lambda: windows.notes() == ["run", "run"])

    # An upgrade keeps server and secret; wine does not tell the older version that it is one, so its data go.
    windows.stop()
    code, log = windows.msiexec("/i", newer)
    assert code == 0, log[-3000:]
    assert SECRET not in log
    assert windows.products() == ["0.2.0"]
    assert windows.values(r"SOFTWARE\aipolicy")["server"] == "https://192.0.2.1"
    assert windows.values(r"SOFTWARE\aipolicy\Secret") == {"enrolment_secret": SECRET}
    until(lambda: windows.notes()[2:] == [r"data\state", "run"])

    # A downgrade is refused.
    code, log = windows.msiexec("/i", older)
    assert code != 0
    assert "LaunchConditions" in log
    assert "InstallValidate" not in log
    assert windows.products() == ["0.2.0"]

    # Removed: the vendors' settings are given back, and nothing is left.
    windows.stop()
    code, log = windows.msiexec("/x", properties(newer)["ProductCode"])
    assert code == 0, log[-3000:]
    assert windows.notes()[-1] == r"data\state"
    assert windows.products() == []
    assert windows.values(r"SOFTWARE\aipolicy") == {}
    assert windows.values(r"SYSTEM\CurrentControlSet\Services\aipolicy") == {}
    assert not windows.folder.exists()
