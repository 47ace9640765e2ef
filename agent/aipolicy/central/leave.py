"""Taking leave of the server: it is told, and this device's token is worth nothing from there on."""

import http
from typing import Final

import msgspec

from aipolicy.central.auth import Bearer
from aipolicy.central.http import Client, Failure
from aipolicy.core.wire import UNENROL_PATH, Unenrolled

_GONE: Final = frozenset({"unenrolled", "revoked", "bad-token"})
"""Refusals that say that the server has let go of this device already."""


class NotTold(Exception):
    """The server did not hear of it; the text says why."""


def take_leave(client: Client, token: str) -> bool:
    """Tells the server. False: it had let go of this device before. Raises NotTold."""
    answer = client.post(UNENROL_PATH, b"", Bearer(token).headers("POST", UNENROL_PATH, b""))
    if isinstance(answer, Failure):
        raise NotTold(answer.reason)
    problem = answer.problem()
    if problem is not None and problem.code in _GONE:
        return False
    try:
        reply = msgspec.json.decode(answer.body, type=Unenrolled)
    except msgspec.MsgspecError as error:
        raise NotTold(answer.said()) from error
    if answer.status != http.HTTPStatus.OK or reply.schema != "aipolicy.unenrolled/1":
        raise NotTold(answer.said())
    return True
