"""Who is believed over TLS: certificates made here, a real handshake each."""

import socket
import ssl
from pathlib import Path

import pytest

import faults as fault
from aipolicy.central.http import Client, Failure, Reply
from aipolicy.central.trust import TrustError, trust
from certificates import NEEDS_OPENSSL, authority, certificate
from fault_server import FaultServer

pytestmark = NEEDS_OPENSSL


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    authority(folder, "company")
    authority(folder, "stranger")
    certificate(folder, "good", "company", "IP:127.0.0.1")
    certificate(folder, "strange", "stranger", "IP:127.0.0.1")
    certificate(folder, "expired", "company", "IP:127.0.0.1", days="-1")
    certificate(folder, "other-name", "company", "DNS:other.example")
    return folder


def serving(folder: Path, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return context


def ask(server: FaultServer, ca: Path | None) -> Reply | Failure:
    client = Client(server.url, ca=None if ca is None else str(ca))
    return client.post("/v1/events", b"{}", {"Authorization": "Bearer t"}, deadline_s=20)


def test_the_companys_own_authority_is_believed(certificates):
    answer = [lambda exchange: exchange.answer(200, b"{}")]
    with FaultServer(faults=answer, tls=serving(certificates, "good")) as server:
        assert isinstance(ask(server, certificates / "company.pem"), Reply)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("strange", "unable to get local issuer certificate"),
        ("expired", "certificate has expired"),
        ("other-name", "IP address mismatch"),
    ],
)
def test_other_certificates_are_refused_and_nothing_is_sent(certificates, name, said):
    with FaultServer(tls=serving(certificates, name)) as server:
        failure = ask(server, certificates / "company.pem")
        assert isinstance(failure, Failure)
        assert "not trusted" in failure.reason
        assert said in failure.reason
        assert server.exchanges == []


def test_the_systems_store_does_not_know_the_company(certificates):
    with FaultServer(tls=serving(certificates, "good")) as server:
        failure = ask(server, None)
        assert isinstance(failure, Failure)
        assert "not trusted" in failure.reason
        assert server.exchanges == []


def test_a_private_authority_stands_in_place_of_all_others(certificates):
    context = trust(str(certificates / "company.pem"))
    assert len(context.get_ca_certs()) == 1
    answer = [lambda exchange: exchange.answer(200, b"{}")]
    with FaultServer(faults=answer, tls=serving(certificates, "good")) as server:
        client = Client(server.url, ca=str(certificates / "company.pem"))
        client.post("/v1/events", b"{}", {}, deadline_s=20)
        assert len(client._context.get_ca_certs()) == 1, "requests must not add certifi's list to it"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")  # the old versions are what it is about
def test_old_tls_is_refused(certificates):
    context = serving(certificates, "good")
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with FaultServer(tls=context) as server:
        assert isinstance(ask(server, certificates / "company.pem"), Failure)
        assert server.exchanges == []


def test_a_server_that_speaks_no_tls_on_its_port():
    with FaultServer() as server:
        failure = Client(f"https://127.0.0.1:{server.port}").post("/v1/events", b"{}", {}, deadline_s=0.5)
        assert isinstance(failure, Failure)


def test_the_deadline_cuts_through_tls(certificates):
    with FaultServer(faults=[fault.drip_body], tls=serving(certificates, "good")) as server:
        client = Client(server.url, ca=str(certificates / "company.pem"))
        failure = client.post("/v1/events", b"{}", {}, deadline_s=1)
        assert failure == Failure(reason="no complete answer within 1 s")


def test_a_handshake_that_never_comes_is_cut(certificates):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        failure = Client(url).post("/v1/events", b"{}", {}, deadline_s=0.3)
    assert isinstance(failure, Failure)


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"\x30\x82\x01\x0a\x02\x82", b"\xff\xfe"])
def test_a_file_that_is_no_authority_is_named(content, tmp_path):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TrustError, match=r"ca\.pem"):
        trust(str(path))
