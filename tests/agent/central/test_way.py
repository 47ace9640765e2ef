"""The way to the server: which addresses are taken, and what goes through a proxy."""

import http.server
import threading
from typing import ClassVar

import pytest

from aipolicy.central.http import Client, Failure, Reply
from fault_server import FaultServer


def answering(body: bytes):
    return lambda exchange: exchange.answer(200, body)


class Proxy(http.server.BaseHTTPRequestHandler):
    """Answers for everybody."""

    asked: ClassVar[list[tuple[str, str | None]]] = []

    def do_POST(self) -> None:
        self.asked.append((self.path, self.headers["Proxy-Authorization"]))
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def do_CONNECT(self) -> None:
        self.asked.append((self.path, self.headers["Proxy-Authorization"]))
        self.send_error(407)

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def proxy():
    Proxy.asked = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://user:pass@127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_the_explicit_proxy_is_used_with_its_password(proxy):
    client = Client("http://central.invalid", proxy=proxy, allow_http=True)
    assert isinstance(client.post("/v1/events", b"{}", {}), Reply)
    assert Proxy.asked == [("http://central.invalid/v1/events", "Basic dXNlcjpwYXNz")]


def test_https_goes_through_the_proxy_as_a_tunnel_and_its_refusal_names_no_password(proxy):
    failure = Client("https://central.invalid", proxy=proxy).post("/v1/events", b"{}", {})
    assert failure == Failure(reason="the proxy refused or did not answer")
    assert Proxy.asked == [("central.invalid:443", "Basic dXNlcjpwYXNz")]


def test_this_machine_is_never_asked_through_a_proxy(proxy):
    with FaultServer(faults=[answering(b"{}")]) as server:
        assert isinstance(Client(server.url, proxy=proxy).post("/v1/events", b"", {}), Reply)
    assert Proxy.asked == []


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "http://127.9.9.9"]
)
def test_http_is_allowed_to_this_machine(url):
    Client(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://central.example",
        "http://10.0.0.1",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://0.0.0.0",
        "ftp://central.example",
        "central.example",
        "https://",
        "https://user:pass@central.example",
        "https://[::1",
        "https://central.example:99999",
        "",
    ],
)
def test_other_addresses_are_refused(url):
    with pytest.raises(ValueError, match="server"):
        Client(url)
    if url.startswith("http://"):
        Client(url, allow_http=True)


def test_a_prefix_in_the_address_is_kept():
    with FaultServer(faults=()) as server:
        Client(server.url + "/aipolicy/").post("/v1/events", b"{}", {})
        assert server.exchanges[0].path == "/aipolicy/v1/events"
