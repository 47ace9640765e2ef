"""Every bad behaviour of a server, a proxy or a line that the fake server can be told to show."""

import gzip
import zlib

from fault_server import Exchange, Fault


def status(code: int, *headers: str) -> Fault:
    """Our server's own refusal with this status."""
    return lambda exchange: exchange.problem(code, "fault", "a fault of this test", *headers)


def proxy_page(code: int, *headers: str) -> Fault:
    """A page of something in between, with this status."""
    return lambda exchange: exchange.answer(code, b"<html>sorry</html>", *headers, kind="text/html")


def captive_portal(exchange: Exchange) -> None:
    """200 and a page to sign in."""
    exchange.answer(200, b"<html><form>Welcome to Hotel Wi-Fi</form></html>", kind="text/html; charset=utf-8")


def redirect(exchange: Exchange) -> None:
    """Points to this very server, which would take the request and the token with it."""
    exchange.answer(307, b"{}", f"Location: {exchange.server.url}{exchange.path}")


def drip_body(exchange: Exchange) -> None:
    """A good head, then a byte now and then for ever."""
    exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{")
    _for_ever(exchange, b" ")


def drip_headers(exchange: Exchange) -> None:
    """A head that never ends, a byte now and then."""
    exchange.send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    _for_ever(exchange, b"x")


def endless_body(exchange: Exchange) -> None:
    """As many bytes as the line carries."""
    exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    _for_ever(exchange, b" " * 65536, pause_s=0)


def endless_headers(exchange: Exchange) -> None:
    """One header after the other."""
    exchange.send(b"HTTP/1.1 200 OK\r\n")
    _for_ever(exchange, b"X-More: and more\r\n" * 10, pause_s=0)


def continue_for_ever(exchange: Exchange) -> None:
    """100 Continue, again and again: the client waits for the true answer."""
    _for_ever(exchange, b"HTTP/1.1 100 Continue\r\n\r\n", pause_s=0.01)


def gzip_bomb(exchange: Exchange) -> None:
    """300 MB of zeros, compressed."""
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join(packer.compress(bytes(1_000_000)) for _ in range(300)) + packer.flush()
    exchange.answer(200, bomb, "Content-Encoding: gzip")


def compressed_ack(exchange: Exchange) -> None:
    """A true answer in an encoding that was not asked for. The batch is stored."""
    exchange.answer(200, gzip.compress(exchange.ack()), "Content-Encoding: gzip")


def long_ack(exchange: Exchange) -> None:
    """A true answer, padded beyond every bound. The batch is stored."""
    exchange.answer(200, exchange.ack() + b" " * 200_000)


def wrong_seq(exchange: Exchange) -> None:
    """Names the next batch. This one is stored."""
    exchange.answer(200, exchange.ack(seq_off=1))


def other_json(body: bytes) -> Fault:
    """JSON with status 200 that is no ack."""
    return lambda exchange: exchange.answer(200, body)


def cut_ack(exchange: Exchange) -> None:
    """The batch is stored; its answer breaks off in the middle."""
    ack = exchange.ack()
    exchange.send(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(ack)
    )
    exchange.send(ack[: len(ack) // 2])


def cut_headers(exchange: Exchange) -> None:
    """The batch is stored; the answer breaks off in its head, which parses as a 200 without a body."""
    exchange.server.store(exchange)
    exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: appl")


def cut_gzip(exchange: Exchange) -> None:
    """As the inventory comes, but not all of it."""
    exchange.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1000\r\n\r\n\x1f\x8b")


def close_at_once(exchange: Exchange) -> None:
    """No answer at all; nothing is stored."""


def store_and_close(exchange: Exchange) -> None:
    """The batch is stored, the answer lost."""
    exchange.server.store(exchange)


def hang(exchange: Exchange) -> None:
    """Takes the request and says nothing."""
    exchange.server.stopping.wait(60)


def gate(exchange: Exchange) -> None:
    """Stores the batch, tells the test by `seen`, and holds the answer back."""
    exchange.server.store(exchange)
    exchange.server.seen.set()
    exchange.server.stopping.wait(60)


def garbage(exchange: Exchange) -> None:
    """Bytes that are no HTTP."""
    exchange.send(bytes(range(256)) * 20)


def _for_ever(exchange: Exchange, piece: bytes, pause_s: float = 0.02) -> None:
    """Until the client goes or the test ends; the pause is the fault, no test depends on its length."""
    while not exchange.server.stopping.wait(pause_s):
        exchange.send(piece)
