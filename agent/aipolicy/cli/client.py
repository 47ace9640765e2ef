"""The server that a verb speaks to, or why it can't be spoken to."""

from aipolicy.central.http import Client
from aipolicy.central.trust import TrustError
from aipolicy.cli.errors import Failure


def client_of(server: str, proxy: str | None, ca: str | None) -> Client:
    """Raises Failure: the address, the proxy or the authority's file is wrong."""
    try:
        return Client(server, proxy=proxy, ca=ca)
    except (ValueError, TrustError) as error:
        raise Failure(str(error)) from error
