"""How much may be under way at once. What is too much is answered at once with 503 and when to come back."""

import contextlib
import random
from collections.abc import Callable, Iterator
from http import HTTPStatus

from aipolicy_server.refusals import Refusal

Spread = Callable[[int, int], int]


class Admission:
    """Counts requests between their arrival and their answer."""

    def __init__(self, most: int, spread: Spread = random.randint) -> None:
        self._most = most
        self._spread = spread
        self._under_way = 0

    @contextlib.contextmanager
    def enter(self) -> Iterator[None]:
        """Holds a place. Raises Refusal."""
        if self._under_way >= self._most:
            raise self.busy("too many requests are under way")
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    def busy(self, title: str) -> Refusal:
        """The refusal; the time to come back is spread, so that they do not all come back together."""
        after_s = self._spread(2, 10)
        return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "busy", f"{title}: try again later", after_s)
