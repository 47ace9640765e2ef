"""The built wheel, in a bare environment away from the checkout, does the job."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a new environment that holds the wheel without the server's extra."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    built = _run([*build, "-w", str(folder), str(CHECKOUT)], folder)
    assert built.returncode == 0, built.stderr
    [wheel] = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=True)
    install = [str(folder / "venv/bin/pip"), "install", "-q"]
    put = _run([*install, "--require-hashes", "-r", str(CHECKOUT / "packaging/locks/agent.txt")], folder)
    if put.returncode != 0 and "No matching distribution" in put.stderr:
        pytest.skip("the dependencies cannot be fetched: no package registry is reached")
    assert put.returncode == 0, put.stderr
    put = _run([*install, "--no-index", str(wheel)], folder)  # it asks for nothing that the lock lacks
    assert put.returncode == 0, put.stderr
    return folder / "venv/bin"


def _run(command: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "AIPOLICY"))}
    return subprocess.run(
        command, cwd=cwd, env=environ, capture_output=True, text=True, check=False, timeout=300
    )


def test_scan_check_and_tools_work_away_from_the_checkout(installed: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("banned: [claude-code]\napproved: [qoder]\n")
    aipolicy = str(installed / "aipolicy")
    checked = _run([aipolicy, "policy", "check", str(policy)], tmp_path)
    assert (checked.returncode, checked.stderr) == (0, "")
    scanned = _run([aipolicy, "scan", "--policy", str(policy), "--format", "json"], tmp_path)
    assert scanned.returncode in (0, 1, 3)
    assert '"schema": "aipolicy.scan/1"' in scanned.stdout
    listed = _run([aipolicy, "tools", "list"], tmp_path)
    assert listed.returncode == 0
    assert "claude-code" in listed.stdout


def test_a_policy_repository_begins_away_from_the_checkout(installed: Path, tmp_path: Path) -> None:
    aipolicy = str(installed / "aipolicy")
    made = _run([aipolicy, "policy", "init", "policy"], tmp_path)
    assert (made.returncode, made.stderr) == (0, "")
    tested = _run([aipolicy, "policy", "test", "policy.yaml"], tmp_path / "policy")
    assert tested.returncode == 0, tested.stderr
    assert (tmp_path / "policy/.github/workflows/policy.yml").exists()


def test_the_server_without_its_extra_says_how_to_get_it(installed: Path, tmp_path: Path) -> None:
    asked = _run([str(installed / "aipolicy"), "server", "run"], tmp_path)
    assert asked.returncode != 0
    assert "pip install 'aipolicy[server]'" in asked.stderr
    assert "Traceback" not in asked.stderr
