"""What is asked of a service that may hang for minutes, each time in a thread of its own: who asks waits as
long as they like, and what came too late is known to the next.

A directory service (LDAP, SSSD, Active Directory behind nsswitch) is such a one.
"""

import logging
import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

logger = logging.getLogger(__name__)

_MOST_AT_ONCE: Final = 4

K = TypeVar("K")
V = TypeVar("V")


class SlowAnswers(Generic[K, V]):
    """what: it answers. ask: may take long; an OSError or LookupError of it is no answer.

    keep: told of each key what it was, None where there was none, with `lock` held and before anybody goes
    on who waits.
    """

    def __init__(
        self,
        what: str,
        ask: Callable[[K], V | None],
        keep: Callable[[K, V | None], None],
        lock: threading.Lock,
    ) -> None:
        self._what = what
        self._ask = ask
        self._keep = keep
        self._lock = lock
        self._underway: dict[K, threading.Event] = {}

    def begin(self, key: K) -> threading.Event | None:
        """The look-up that is underway, or a new one; None where too many hang. With the lock held."""
        told = self._underway.get(key)
        if told is None and len(self._underway) < _MOST_AT_ONCE:
            told = self._underway[key] = threading.Event()
            threading.Thread(target=self._look_up, args=(key,), name=self._what, daemon=True).start()
        return told

    def _look_up(self, key: K) -> None:
        answer = None
        try:
            answer = self._ask(key)
        except (OSError, LookupError) as error:
            logger.info("%s not known of=%s error=%s", self._what, key, error)
        finally:
            with self._lock:
                self._keep(key, answer)
                self._underway.pop(key).set()
