"""Why a request failed, in words for people: libraries wrap the cause several times and name it in code."""

import socket
import ssl
from collections.abc import Iterator

import requests

from aipolicy.core.wire import printable

_LONGEST = 200


def reason_for(error: BaseException) -> str:
    """The reason in one line. It names no header and no proxy address: a password may stand there."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _line(f"the server's certificate is not trusted: {cause.verify_message}")
        if isinstance(cause, socket.gaierror):
            return "the server's name is not known"
    if any(isinstance(c, requests.exceptions.ProxyError) for c in causes):
        return "the proxy refused or did not answer"
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            return _line(f"no TLS connection: {cause.reason or 'it broke off'}")
        if isinstance(cause, TimeoutError) and not isinstance(cause, requests.RequestException):
            return "it did not answer in time"
        if isinstance(cause, OSError) and cause.strerror and cause.errno:
            return _line(cause.strerror.lower())
    return _line(f"no answer that HTTP knows ({type(causes[-1]).__name__})")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that caused it, the outermost first."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        current = waiting.pop(0)
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        waiting += [
            a for a in (*current.args, getattr(current, "reason", None)) if isinstance(a, BaseException)
        ]
        waiting += [current.__cause__, current.__context__]


def _line(text: str) -> str:
    return printable(text)[:_LONGEST]
