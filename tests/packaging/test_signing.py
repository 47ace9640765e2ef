"""What IT signs by packaging/signing is taken; with one byte changed apt, rpm and gpgv refuse it."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from machine_needs import NEEDS_ROOT
from nspawn import debian_files
from packaging_needs import CHECKOUT, NEEDS_PACKAGES, built

SIGNING = CHECKOUT / "packaging/signing"

pytestmark = [
    NEEDS_PACKAGES,
    *(
        pytest.mark.skipif(shutil.which(program) is None, reason=f"needs {package}")
        for program, package in (("gpg", "gnupg"), ("apt-ftparchive", "apt-utils"), ("rpmsign", "rpm"))
    ),
]


@dataclass(frozen=True)
class Key:
    """home: gpg's folder with the key; public: what others get of it."""

    home: Path
    public: Path
    armoured: Path

    def sign(self, script: str, *words: object) -> None:
        command = [str(SIGNING / script), "packages@example.com", *map(str, words)]
        done = subprocess.run(command, env=self._environ(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def gpg(self, *words: str) -> None:
        subprocess.run(["gpg", "--batch", "--quiet", *words], env=self._environ(), check=True)

    def _environ(self) -> dict[str, str]:
        return {**os.environ, "GNUPGHOME": str(self.home)}


@pytest.fixture(scope="module", name="key")
def a_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Key]:
    """Thrown away afterwards, and its agent ended."""
    home = tmp_path_factory.mktemp("gnupg")
    home.chmod(0o700)
    key = Key(home, home / "public.gpg", home / "public.asc")
    key.gpg("--passphrase", "", "--quick-generate-key", "packages@example.com", "rsa3072", "sign", "never")
    key.gpg("--output", str(key.public), "--export", "packages@example.com")
    key.gpg("--armor", "--output", str(key.armoured), "--export", "packages@example.com")
    yield key
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=True)


def change_a_byte(file: Path) -> None:
    """In its middle."""
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def run(*command: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    words = [str(word) for word in command]
    return subprocess.run(
        words, env=environ, cwd=cwd, capture_output=True, text=True, check=False, timeout=120
    )


def test_the_sums(key: Key, tmp_path: Path) -> None:
    shutil.copy(built("aipolicy_*.deb"), tmp_path / "agent.deb")
    key.sign("sums", tmp_path)
    signature = ("gpgv", "--keyring", key.public, "SHA256SUMS.asc", "SHA256SUMS")
    sums = ("sha256sum", "--check", "SHA256SUMS")
    assert run(*signature, cwd=tmp_path).returncode == 0
    assert run(*sums, cwd=tmp_path).stdout == "agent.deb: OK\n"

    change_a_byte(tmp_path / "agent.deb")
    assert run(*sums, cwd=tmp_path).returncode != 0
    again = run("sha256sum", "agent.deb", cwd=tmp_path).stdout
    (tmp_path / "SHA256SUMS").write_text(again)
    assert "BAD signature" in run(*signature, cwd=tmp_path).stderr


def test_an_rpm(key: Key, tmp_path: Path) -> None:
    """`rpm --checksig` alone takes one without any signature: it is `_pkgverify_level` that asks for one."""
    package = tmp_path / "agent.rpm"
    shutil.copy(built("*.rpm"), package)
    database = ("rpm", "--dbpath", tmp_path / "rpmdb")
    install = (*database, "--define", "_pkgverify_level all", "--install", "--test", "--nodeps", package)
    assert "no signature" in run(*install).stderr

    key.sign("rpms", package)
    assert "SIGNATURES NOT OK" in run(*database, "--checksig", package).stdout  # by somebody unknown here
    assert run(*database, "--import", key.armoured).returncode == 0
    assert run(*database, "--checksig", package).stdout.endswith(": digests signatures OK\n")
    assert run(*install).returncode == 0

    change_a_byte(package)
    assert "NOT OK" in run(*database, "--checksig", package).stdout
    assert run(*install).returncode != 0


@NEEDS_ROOT
def test_a_repository_for_apt(key: Key, tmp_path: Path) -> None:
    """In the folder of a Debian: nothing is started in it."""
    root = tmp_path / "root"
    root.mkdir()
    debian_files(root)
    signed = tmp_path / "signed"
    key.sign("apt_repository", signed, built("aipolicy_*.deb"))
    trusted = root / "etc/apt/keyrings/aipolicy.gpg"
    trusted.parent.mkdir(exist_ok=True)
    shutil.copy(key.public, trusted)
    sources = root / "etc/apt/sources.list"
    sources.write_text("deb [signed-by=/etc/apt/keyrings/aipolicy.gpg] file:/srv/repository stable main\n")

    def installs(changed: str | None) -> str:
        """What apt says when this file of the repository is another one; empty when it installs."""
        shutil.rmtree(root / "srv/repository", ignore_errors=True)
        shutil.copytree(signed, root / "srv/repository")
        shutil.rmtree(root / "var/lib/apt/lists")
        if changed:
            change_a_byte(next((root / "srv/repository").glob(changed)))
        updated = run("chroot", root, "apt-get", "-o", "APT::Update::Error-Mode=any", "update")
        if updated.returncode:
            return updated.stderr
        installed = run("chroot", root, "apt-get", "install", "--yes", "--no-install-recommends", "aipolicy")
        return installed.stderr if installed.returncode else ""

    assert "Hash Sum mismatch" in installs("pool/*.deb")
    assert "Hash Sum mismatch" in installs("dists/stable/main/binary-*/Packages.gz")
    assert "BADSIG" in installs("dists/stable/InRelease")
    assert not (root / "usr/bin/aipolicy").exists()
    assert installs(None) == ""
    assert (root / "usr/bin/aipolicy").exists()
