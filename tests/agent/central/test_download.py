"""A long answer into a file, whatever answers."""

import io

from aipolicy.central.download import download
from aipolicy.central.http import Client, Failure
from fault_server import Exchange, FaultServer


def test_an_answer_that_drips_ends_at_the_deadline() -> None:
    def drip(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b")
        exchange.server.stopping.wait(60)

    with FaultServer(faults=[drip], on="/x") as server:
        said = download(Client(server.url), "/x", {}, io.BytesIO(), whole_s=0.3)
    assert said == Failure(reason="no complete answer within 0.3 s")
