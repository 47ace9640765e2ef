"""Certificates made here by openssl: an authority's own, and others that it signs."""

import shutil
import subprocess
from pathlib import Path

import pytest

NEEDS_OPENSSL = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="makes its certificates with openssl"
)

_NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def authority(folder: Path, name: str) -> None:
    """NAME.pem and NAME.key in the folder."""
    subject = ["-subj", f"/CN={name}", "-days", "30"]
    _openssl("req", "-x509", *_NEW_KEY, "-keyout", f"{name}.key", "-out", f"{name}.pem", *subject, cwd=folder)


def certificate(folder: Path, name: str, ca: str, alt: str, days: str = "30") -> None:
    """NAME.pem and NAME.key, signed by the authority `ca`, good for `alt`, as in IP:127.0.0.1."""
    _openssl(
        "req", *_NEW_KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}", cwd=folder
    )
    (folder / f"{name}.ext").write_text(f"subjectAltName={alt}")
    signer = ["-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-days", days, "-extfile", f"{name}.ext"]
    _openssl("x509", "-req", "-in", f"{name}.csr", *signer, "-out", f"{name}.pem", cwd=folder)


def _openssl(*arguments: str, cwd: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=cwd, check=True, capture_output=True, timeout=60)
