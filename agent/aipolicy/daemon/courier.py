"""Brings events to the server and checks in, in a thread of its own: the network never holds up the rest."""

import logging
import random
import threading
import time
from collections.abc import Callable
from datetime import datetime

from aipolicy.central.backoff import Backoff
from aipolicy.central.check_in import CheckInCaller, Enforced
from aipolicy.central.enrol import Enroller, secret_of
from aipolicy.central.first_sights import SightsExchange
from aipolicy.central.http import Client
from aipolicy.central.published_policy import PolicyFetcher
from aipolicy.central.result import Result
from aipolicy.central.upload import Uploader
from aipolicy.core.wire import HostInfo
from aipolicy.daemon.health import Conditions
from aipolicy.daemon.orders import Orders
from aipolicy.settings import Settings
from aipolicy.state.sights import Sights
from aipolicy.state.store import Store

logger = logging.getLogger(__name__)

_STUMBLED_S = 60.0


class Courier:
    """Runs until closed. `wake` says that there is something new to send."""

    def __init__(
        self,
        *,
        settings: Settings,
        server: str,
        store: Store,
        host: Callable[[], HostInfo],
        enforced: Callable[[], Enforced],
        conditions: Conditions,
        now: Callable[[], datetime],
        orders: Orders,
        sights: Sights,
        installation: Callable[[], str],
    ) -> None:
        client = Client(server, proxy=settings.proxy, ca=settings.ca)
        fetcher = PolicyFetcher(client, orders.published)
        enroller = Enroller(
            store,
            client,
            lambda: secret_of(settings.enrolment_secret_file, settings.enrolment_secret),
            host,
            now,
            _backoff(),
        )
        self._uploader = Uploader(store, client, enroller, now, _backoff())
        self._check_in = CheckInCaller(
            store,
            client,
            enroller,
            host,
            enforced,
            now,
            _backoff(),
            lambda reply, token: orders.obey(reply, lambda told: fetcher.follow(told, token)),
            SightsExchange(client, sights, installation, now),
        )
        self._conditions = conditions
        self._now = now
        self._woken = threading.Event()
        self._closed = False
        self._check_in_due = 0.0
        self.last_ok: datetime | None = None
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There is something new to send."""
        self._woken.set()

    def check_in_soon(self) -> None:
        """What this device enforces has changed: say so now."""
        self._check_in_due = 0.0
        self._woken.set()

    def close(self) -> None:
        """Let it finish what takes no time; an exchange that is out is repeated after the next start."""
        self._closed = True
        self._woken.set()
        self._thread.join(timeout=0.5)

    def _run(self) -> None:
        send_at = 0.0
        while not self._closed:
            try:
                send_at = self._turn(send_at)
            except Exception:  # a fault of ours must not end the reporting for good
                logger.exception("the courier stumbled")
                send_at = time.monotonic() + _STUMBLED_S
                self._woken.wait(_STUMBLED_S)

    def _turn(self, send_at: float) -> float:
        """Do what is due, then wait; returns when to send next (monotonic seconds)."""
        self._woken.clear()
        if time.monotonic() >= send_at:
            result = self._noted(self._uploader.run_once())
            send_at = time.monotonic() + result.wait_s if result.wait_s is not None else float("inf")
        if time.monotonic() >= self._check_in_due:
            result = self._noted(self._check_in.run_once())
            self._check_in_due = time.monotonic() + (result.wait_s or 1.0)
        if self._woken.is_set() and send_at == float("inf"):
            return 0.0
        left = min(send_at, self._check_in_due) - time.monotonic()
        news = left > 0 and self._woken.wait(left)
        return 0.0 if news and send_at == float("inf") else send_at

    def _noted(self, result: Result) -> Result:
        if result.condition == "ok":
            self.last_ok = self._now()
            self._conditions.well("server", "reached")
        else:
            self._conditions.wrong("server", result.condition, result.detail, self._now())
        return result


def _backoff() -> Backoff:
    return Backoff(random.random)
