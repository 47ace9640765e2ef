"""What the server orders at each check-in: which policy is to be in force, and whether it brakes."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from aipolicy.central.published_policy import PublishedPolicy, Refused, Unfetched
from aipolicy.core.published import PolicyAnswer, PolicyTag
from aipolicy.core.wire import CheckInReply
from aipolicy.daemon.health import Conditions
from aipolicy.state.brake import ServerBrake

logger = logging.getLogger(__name__)

_PART: Final = "published policy"
STALE_AFTER: Final = timedelta(days=14)
"""Without the server's word for so long it is said that the policy may be an old one. It stays in force."""

Follow = Callable[[PolicyTag | None], PolicyAnswer | Refused | Unfetched | None]


class Orders:
    """The courier's thread calls `obey`, the loop `look`. changed: called with each new policy to take."""

    def __init__(
        self,
        *,
        published: PublishedPolicy,
        brake: ServerBrake,
        takes_policy: bool,
        conditions: Conditions,
        now: Callable[[], datetime],
        changed: Callable[[], None],
    ) -> None:
        """takes_policy: false where the policy is to come from the file alone."""
        self.published = published
        self._brake = brake
        self._takes_policy = takes_policy
        self._conditions = conditions
        self._now = now
        self._changed = changed
        self.refused: Refused | None = None
        """What the server named and is not followed."""

    def obey(self, reply: CheckInReply, follow: Follow) -> str:
        """Do what the reply says; why the policy could not be had now, or empty."""
        if not self._brake.order(reply.brake):
            logger.warning("the server's brake could not be kept: the disk takes nothing")
        if not self._takes_policy:
            return ""
        found = follow(reply.policy)
        if isinstance(found, Unfetched):
            return found.why
        if isinstance(found, Refused):
            self.refused = found
            self._conditions.wrong(_PART, "refused", f"{found.why}; the policy before stays", self._now())
            return ""
        self.refused = None
        self._conditions.well(_PART, "followed")
        if isinstance(found, PolicyAnswer):
            logger.info("policy published number=%d sha256=%s", found.number, found.sha256[:12])
            self.published.take(found)
            self._changed()
        elif reply.policy is not None:
            self.published.confirm(self._now())
        return ""

    def look(self) -> None:
        """Say when the server has not confirmed the policy for long: somebody may hold its word back."""
        confirmed = self.published.confirmed()
        if not self._takes_policy or self.refused is not None or confirmed is None:
            return
        if self._now() - confirmed > STALE_AFTER:
            said = f"The server has last named it at {confirmed:%Y-%m-%d %H:%M} UTC; it stays in force."
            self._conditions.wrong(_PART, "stale", said, self._now())
