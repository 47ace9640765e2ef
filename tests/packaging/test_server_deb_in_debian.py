"""The server's deb in a booted Debian 12 as IT deploys it: nginx with TLS in front, PostgreSQL behind."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from aipolicy_server.store import migrate
from aipolicy_server.store.engine import open_engine, parse_url
from certificates import NEEDS_OPENSSL, authority, certificate
from endtoend.lab import figure
from machine_needs import NEEDS_ROOT
from nspawn import Container, debian
from packaging_needs import NEEDS_PACKAGES, built

pytestmark = [NEEDS_PACKAGES, NEEDS_ROOT, NEEDS_OPENSSL, pytest.mark.xdist_group("machine")]

STATE = "/var/lib/aipolicy-server"
SERVER_YAML = "etc/aipolicy-server/server.yaml"
NAME = "aipolicy.example.com"
HOST = '{"hostname": "pc", "os": "linux", "os_version": "12", "arch": "x86_64", "agent_version": "0.1.0"}'


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    folder = tmp_path_factory.mktemp("debian")
    for name in ("company", "stranger"):
        authority(folder, name)
    certificate(folder, "aipolicy", "company", f"DNS:{NAME}")
    with debian(folder, "nginx-light", "postgresql", "curl") as container:
        for file, place in (
            ("company.pem", "root/company.pem"),
            ("stranger.pem", "root/stranger.pem"),
            ("aipolicy.pem", "etc/ssl/certs/aipolicy.pem"),
            ("aipolicy.key", "etc/ssl/private/aipolicy.key"),
        ):
            shutil.copy(folder / file, container.root / place)
        shutil.copy(built("aipolicy-server_*.deb"), container.root / "root/server.deb")
        yield container


def curl(box: Container, path: str, *more: str, ca: str = "company") -> str:
    """What comes over TLS by the server's name, or curl's complaint."""
    resolved = ["--resolve", f"{NAME}:443:127.0.0.1", "--cacert", f"/root/{ca}.pem"]
    done = box.run("curl", "-sS", *resolved, *more, f"https://{NAME}{path}", check=False)
    return done.stdout + done.stderr


def enrol(box: Container) -> str:
    secret = (box.root / STATE[1:] / "enrolment-secret").read_text().strip()
    return curl(box, "/v1/enrol", "--data", f'{{"secret": "{secret}", "host": {HOST}}}')


def devices(box: Container) -> list[str]:
    return box.run("aipolicy-server", "device", "list").stdout.splitlines()


def running(box: Container) -> None:
    box.until("systemctl", "show", "aipolicy-server", "--property=ActiveState", says="=active")


def owners(box: Container) -> set[str]:
    return set(box.run("find", STATE, "-printf", "%u %m\\n").stdout.splitlines())


def database_before_the_last_migration(path: Path) -> str:
    """As the version before left it, with a device; its form."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).with_name("migrations")))
    scripts = ScriptDirectory.from_config(config)
    head = scripts.get_current_head()
    assert head is not None
    before = scripts.get_revision(head).down_revision
    assert isinstance(before, str)
    engine = open_engine(parse_url(f"sqlite:///{path}"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, before)
        connection.exec_driver_sql(
            "INSERT INTO devices"
            " (id, token_hash, hostname, os, os_version, arch, agent_version, secret, enrolled)"
            " VALUES ('d', 't', 'pc-of-old', 'linux', '12', 'x86_64', '0.1', 'first', 1)"
        )
        connection.exec_driver_sql("INSERT INTO presence (device, pending) VALUES (1, 0)")
    engine.dispose()
    return before


def test_the_life_of_the_package(box: Container) -> None:
    """One story, since each step needs the one before."""
    before = box.ours()
    box.run("dpkg", "--install", "/root/server.deb")

    # Installed: it runs as an account of its own, and made what a first start makes.
    running(box)
    assert box.run("systemctl", "is-enabled", "aipolicy-server").stdout.strip() == "enabled"
    assert owners(box) == {"aipolicy-server 700", "aipolicy-server 600"}
    assert {"admin-token", "enrolment-secret"} <= {path.name for path in (box.root / STATE[1:]).iterdir()}
    assert box.run("stat", "-c", "%U %G %a", f"/{SERVER_YAML}").stdout.split() == [
        "root",
        "aipolicy-server",
        "640",
    ]
    token = (box.root / STATE[1:] / "admin-token").read_text().strip()
    assert token not in box.journal()
    exposure = box.run("systemd-analyze", "security", "aipolicy-server", "--no-pager").stdout.splitlines()[-1]
    figure(exposure)
    assert float(exposure.split(": ")[1].split()[0]) < 2

    # Root's own commands are run as that account, too.
    assert "first" in box.run("aipolicy-server", "secret", "list").stdout
    made = box.run("aipolicy-server", "secret", "new", "--name", "laptops").stdout
    assert made.startswith("aips_")
    assert owners(box) == {"aipolicy-server 700", "aipolicy-server 600"}

    # nginx in front of it, by the example that lies in the package.
    example = "/usr/share/doc/aipolicy-server/examples/aipolicy.conf"
    box.run("cp", example, "/etc/nginx/sites-enabled/aipolicy.conf")
    box.run("rm", "/etc/nginx/sites-enabled/default")
    tested = box.run("nginx", "-t")
    assert "[warn]" not in tested.stderr
    box.run("systemctl", "restart", "nginx")
    assert "admin token" in curl(box, "/sign-in")
    assert "token" in enrol(box)
    assert "unable to get local issuer certificate" in curl(box, "/sign-in", ca="stranger")
    assert len(devices(box)) == 1

    # It comes back after a kill.
    box.run("systemctl", "kill", "--signal=KILL", "aipolicy-server")
    box.until("systemctl", "show", "aipolicy-server", "--property=NRestarts", says="NRestarts=1")
    running(box)
    assert len(devices(box)) == 1

    # Upgraded on the database of the version before: it is copied, then migrated, and the device is there.
    box.run("systemctl", "stop", "aipolicy-server")
    place = box.root / STATE[1:] / "server.db"
    for file in place.parent.glob("server.db*"):
        file.unlink()
    form = database_before_the_last_migration(place)
    box.run("chown", "-R", "aipolicy-server:aipolicy-server", STATE)
    box.run("dpkg", "--install", "/root/server.deb")
    running(box)
    assert "pc-of-old" in devices(box)[0]
    [copy] = place.parent.glob("before-migration-*")
    assert f"from-{form}-" in copy.name
    assert owners(box) == {"aipolicy-server 700", "aipolicy-server 600"}

    # Restored: the copy in the database's place is a server of before the upgrade, and is upgraded again.
    box.run("systemctl", "stop", "aipolicy-server")
    box.run("sh", "-c", f"cp -p {STATE}/{copy.name} {STATE}/server.db && rm -f {STATE}/server.db-*")
    box.run("systemctl", "start", "aipolicy-server")
    assert "pc-of-old" in devices(box)[0]

    # A wrong setting: named with file and line, and put right without an upgrade.
    settings = box.root / SERVER_YAML
    right = settings.read_text()
    settings.write_text(right + "litsen: 127.0.0.1:8320\n")
    box.run("systemctl", "restart", "aipolicy-server", check=False)
    wrong = f"/{SERVER_YAML}:{right.count(chr(10)) + 1}:1: unknown setting 'litsen'"
    box.until("journalctl", "-u", "aipolicy-server", "-n", "20", "--no-pager", says=wrong)

    # PostgreSQL by one setting: its form is made by the start.
    for words in (["createuser", "aipolicy-server"], ["createdb", "-O", "aipolicy-server", "aipolicy"]):
        box.run("runuser", "-u", "postgres", "--", *words)
    settings.write_text(right + "database: postgresql:///aipolicy?host=/run/postgresql\n")
    box.run("systemctl", "restart", "aipolicy-server")
    running(box)
    assert devices(box) == []
    secret = box.run("aipolicy-server", "secret", "new", "--name", "here").stdout.strip()
    assert "token" in curl(box, "/v1/enrol", "--data", f'{{"secret": "{secret}", "host": {HOST}}}')
    assert len(devices(box)) == 1
    box.run("dpkg", "--install", "/root/server.deb")
    running(box)
    assert "database: postgresql" in settings.read_text(), "an upgrade keeps what IT wrote"
    assert len(devices(box)) == 1

    # Removed: nothing answers, everything is kept. Purged: nothing is left, the account neither.
    box.run("dpkg", "--remove", "aipolicy-server")
    assert "502" in curl(box, "/sign-in")
    assert place.is_file()
    box.run("dpkg", "--purge", "aipolicy-server")
    box.run("rm", "/etc/nginx/sites-enabled/aipolicy.conf")
    left = [path for path in box.ours() if path not in before]
    assert left == [], left
    assert box.run("getent", "passwd", "aipolicy-server", check=False).stdout == ""
