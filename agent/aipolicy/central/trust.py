"""Whom the agent believes: the operating system's trust store, or IT's private authority instead of it."""

import ssl
from pathlib import Path

import truststore


class TrustError(Exception):
    """The private authority's file cannot be used; the text says why and what to do."""


def trust(ca: str | None) -> ssl.SSLContext:
    """A TLS context that checks certificate and name. `ca`: a PEM file. Raises TrustError."""
    # The system's store and not certifi's list: a company's own authority for TLS inspection lies there.
    context: ssl.SSLContext
    if ca is None:
        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        _load(context, ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _load(context: ssl.SSLContext, ca: str) -> None:
    try:
        context.load_verify_locations(cadata=Path(ca).read_text("ascii"))
    except OSError as error:
        reason = (
            error.strerror if not isinstance(error, ssl.SSLError) else "it holds no certificate in PEM form"
        )
        raise TrustError(
            f"{ca}: {reason}: set `ca` to a PEM file with the authority's certificate"
        ) from error
    except ValueError as error:
        raise TrustError(f"{ca}: it is no PEM file: convert it, like `openssl x509 -inform der`") from error
