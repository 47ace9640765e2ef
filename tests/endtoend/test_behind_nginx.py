"""The server behind a real nginx with the configuration that we hand out: TLS, bounds, who is believed."""

import gzip
import http.client
import os
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import pytest

from aipolicy.core import wire
from certificates import authority, certificate
from endtoend.lab import Lab, await_that, free_port
from endtoend.python_for_all import stranger
from nginx import NEEDS_NGINX, Nginx
from server_lab import batch_body, event, outcome
from server_process import ServerProcess

pytestmark = list(NEEDS_NGINX)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nginx")
    for name in ("company", "stranger"):
        authority(folder, name)
    certificate(folder, "good", "company", "IP:127.0.0.1")
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess.start(tmp_path_factory.mktemp("server") / "data", "--behind-proxy") as started:
        yield started


@pytest.fixture(scope="module")
def nginx(certificates: Path, server: ServerProcess) -> Iterator[Nginx]:
    with Nginx.start(certificates, "good", [server.port]) as started:
        yield started


def ask(
    nginx: Nginx, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, Mapping[str, str], bytes]:
    context = ssl.create_default_context(cafile=str(nginx.folder / "company.pem"))
    connection = http.client.HTTPSConnection("127.0.0.1", nginx.port, context=context, timeout=60)
    try:
        connection.request(method, path, body, dict(headers or {}))
        reply = connection.getresponse()
        return reply.status, dict(reply.headers.items()), reply.read()
    finally:
        connection.close()


def enrol(nginx: Nginx, secret: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
    host = wire.HostInfo(hostname="pc", os="linux", os_version="12", arch="x86_64", agent_version="0.1.0")
    request = msgspec.json.encode(wire.EnrolRequest(secret=secret, host=host))
    status, _, body = ask(nginx, "POST", wire.ENROL_PATH, request, headers)
    return status, body


def secret_of(server: ServerProcess) -> str:
    return (server.data / "enrolment-secret").read_text().strip()


def test_a_device_enrols_and_sends_a_batch_of_any_size_that_agents_send(
    nginx: Nginx, server: ServerProcess
) -> None:
    status, body = enrol(nginx, secret_of(server))
    assert status == 200, body
    device = msgspec.json.decode(body, type=wire.EnrolReply)
    headers = {"authorization": f"Bearer {device.token}", "content-encoding": "gzip"}
    small = wire.Batch(device=device.device, spool="s", seq=1, events=(event(outcome()),))
    status, _, answer = ask(nginx, "POST", wire.EVENTS_PATH, batch_body(small), headers)
    assert (status, msgspec.json.decode(answer, type=wire.Ack).stored) == (200, 1)

    detail = outcome(detail=os.urandom(1000).hex())
    largest = wire.Batch(device=device.device, spool="s", seq=2, events=(event(detail),) * 360)
    packed = gzip.compress(msgspec.json.encode(largest), compresslevel=0)
    assert 900_000 < len(packed) < wire.MAX_BODY_BYTES
    status, _, answer = ask(nginx, "POST", wire.EVENTS_PATH, packed, headers)
    assert status == 200, answer

    status, _, answer = ask(nginx, "POST", wire.EVENTS_PATH, b"x" * 1_100_000, headers)
    assert status == 413
    assert b"nginx" in answer, "what is too large never reaches the server"


def test_a_policy_of_the_largest_size_passes_and_a_long_form_does_not(nginx: Nginx) -> None:
    status, _, answer = ask(nginx, "POST", "/api/v1/policies", b"x" * 11_000_000)
    assert status == 401, "it came as far as the server, which wants a token"
    assert b"nginx" not in answer
    assert ask(nginx, "POST", "/sign-in", b"x" * 20_000)[0] == 413


def test_a_browser_signs_in_and_its_cookie_never_goes_unencrypted(
    nginx: Nginx, server: ServerProcess
) -> None:
    token = (server.data / "admin-token").read_text().strip()
    form = {"origin": nginx.url, "content-type": "application/x-www-form-urlencoded"}
    status, headers, _ = ask(nginx, "POST", "/sign-in", f"token={token}".encode(), form)
    assert status == 303, "the page's own address is what the browser says it comes from"
    assert "secure" in headers["set-cookie"].lower()
    assert "max-age" in headers["Strict-Transport-Security"]
    cookie = {"cookie": headers["set-cookie"].partition(";")[0]}
    assert ask(nginx, "GET", "/", headers=cookie)[0] == 200
    other = {**form, "origin": "https://evil.example"}
    assert ask(nginx, "POST", "/sign-in", f"token={token}".encode(), other)[0] == 403


def test_what_a_stranger_says_of_his_address_is_not_believed(nginx: Nginx) -> None:
    """Each time another one: wrong secrets are counted by the address that nginx sees."""
    claims = ("x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-host")
    answers = [
        enrol(nginx, "aips_wrong", dict.fromkeys(claims, f"203.0.113.{number}"))[0] for number in range(40)
    ]
    assert answers[0] == 401
    assert 429 in answers


def test_what_is_not_tls_is_not_answered(nginx: Nginx) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", nginx.port, timeout=60)
    connection.request("GET", "/sign-in")
    assert connection.getresponse().status == 400
    connection.close()


def test_a_server_that_is_down_is_passed_over(certificates: Path, server: ServerProcess) -> None:
    """Of several servers on one database one is being restarted: whoever calls does not notice."""
    with Nginx.start(certificates, "good", [free_port(), server.port]) as nginx:
        for _ in range(20):
            assert ask(nginx, "GET", "/healthz")[0] == 200


@pytest.fixture
def lab(certificates: Path) -> Iterator[tuple[Lab, Nginx]]:
    with Lab.open(uid=stranger()) as lab:
        lab.server.arguments.append("--behind-proxy")
        lab.server.start()
        lab.hand_out_secret()
        lab.policy("banned: [claude-code]\n")
        for name in ("company", "stranger"):
            (lab.folder / f"{name}.pem").write_bytes((certificates / f"{name}.pem").read_bytes())
        with Nginx.start(certificates, "good", [lab.server.port]) as nginx:
            yield lab, nginx


def test_a_real_agent_that_knows_the_companys_authority_reports(lab: tuple[Lab, Nginx]) -> None:
    here, nginx = lab
    here.install("claude-code-1.0.100")
    agent = here.agent(url=nginx.url)
    agent.environ = {**agent.environ, "AIPOLICY_CA": str(here.folder / "company.pem")}
    agent.start()
    here.await_settled(agent)
    assert here.server.findings("claude-code")


def test_a_real_agent_with_another_authority_says_so_and_sends_nothing(lab: tuple[Lab, Nginx]) -> None:
    here, nginx = lab
    agent = here.agent(url=nginx.url)
    agent.environ = {**agent.environ, "AIPOLICY_CA": str(here.folder / "stranger.pem")}
    agent.start()
    said = await_that(
        lambda: (text := agent.ask("status").stdout) and "not trusted" in text and text,
        "status names the certificate",
        agent.log,
    )
    assert "certificate" in said
    assert here.server.api("/devices")["rows"] == []
