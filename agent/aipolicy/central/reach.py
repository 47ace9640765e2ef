"""Whether the server can be reached from here and is ours, before anything depends on it."""

from typing import Final

from aipolicy.central.http import MOST_REPLY_BYTES, Client, Failure
from aipolicy.central.trust import TrustError
from aipolicy.core.wire import POLICY_PATH

WITHIN_S: Final = 3.0


def unreachable(server: str, proxy: str | None, ca: str | None, within_s: float = WITHIN_S) -> str | None:
    """Why it cannot be reached, None where it can: asked without a token, our server says whom it wants."""
    try:
        client = Client(server, proxy=proxy, ca=ca)
    except (ValueError, TrustError) as error:
        return str(error)
    answer = client.get(POLICY_PATH, {}, most_bytes=MOST_REPLY_BYTES, deadline_s=within_s)
    if isinstance(answer, Failure):
        return answer.reason
    return None if answer.problem() is not None else answer.said()
