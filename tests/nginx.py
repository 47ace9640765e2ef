"""A real nginx with the configuration that we hand out, on a port of its own.

    with Nginx.start(folder, certificate="good", upstreams=[8320]) as nginx:
        nginx.url

NAME.pem and NAME.key of the certificate lie in the folder (see certificates.py).
"""

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from certificates import NEEDS_OPENSSL
from endtoend.lab import await_that, free_port

PROGRAM = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
EXAMPLE = Path(__file__).parents[1] / "packaging/server/nginx/aipolicy.conf"

NEEDS_NGINX = (
    NEEDS_OPENSSL,
    pytest.mark.skipif(PROGRAM is None, reason="needs nginx (apt install nginx-light)"),
)

_UPSTREAM = "    server 127.0.0.1:8320; # one line for each server that runs on the same PostgreSQL"
_FRAME = """
daemon off;
{user}
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log info;
events {{ worker_connections 1024; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/aipolicy.conf;
}}
"""


@dataclass
class Nginx:
    """One that runs. folder: where the certificates lie. place: what is of this one alone."""

    folder: Path
    place: Path
    port: int

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.place / "nginx.log"

    @classmethod
    @contextlib.contextmanager
    def start(cls, folder: Path, certificate: str, upstreams: Sequence[int]) -> Iterator["Nginx"]:
        port = free_port()
        nginx = cls(folder, folder / f"nginx-{port}", port)
        nginx.place.mkdir()
        command = nginx._command(certificate, upstreams)
        said = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False, timeout=60)
        assert said.returncode == 0, said.stderr
        assert "[warn]" not in said.stderr, said.stderr
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            await_that(nginx._listens, "nginx listens", nginx.log)
            yield nginx
        finally:
            process.terminate()
            process.wait(30)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _command(self, certificate: str, upstreams: Sequence[int]) -> list[str]:
        """The example, with nothing changed but what an installation changes."""
        text = EXAMPLE.read_text()
        servers = "\n".join(f"    server 127.0.0.1:{port};" for port in upstreams)
        for ours, its in (
            (_UPSTREAM, servers),
            ("listen 443 ssl", f"listen 127.0.0.1:{self.port} ssl"),
            ("    listen [::]:443 ssl http2;\n", ""),
            ("server_name aipolicy.example.com", "server_name 127.0.0.1"),
            ("/etc/ssl/certs/aipolicy.pem", str(self.folder / f"{certificate}.pem")),
            ("/etc/ssl/private/aipolicy.key", str(self.folder / f"{certificate}.key")),
        ):
            assert text.count(ours) == 1, ours
            text = text.replace(ours, its)
        (self.place / "aipolicy.conf").write_text(text)
        # As root its workers would be another account, which may not enter a test's folder.
        user = "user root;" if os.geteuid() == 0 else ""
        (self.place / "nginx.conf").write_text(_FRAME.format(folder=self.place, user=user))
        assert PROGRAM is not None
        return [PROGRAM, "-p", str(self.place), "-c", str(self.place / "nginx.conf"), "-e", str(self.log)]
