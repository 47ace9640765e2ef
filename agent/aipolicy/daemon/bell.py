"""What wakes the daemon's loop, and tells it to end; to be rung from any thread, and by a signal handler."""

import queue


class Bell:
    """A ring between two waits is not lost; several count as one.

    No Event: a signal handler would wait for itself where it interrupts the thread in the Event's own lock,
    as a second signal does that interrupts the handler of the first.
    """

    def __init__(self) -> None:
        self._rings: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.ended = False
        """Whether the loop is to end."""

    def ring(self) -> None:
        """There may be something to do."""
        self._rings.put(None)

    def end(self) -> None:
        """There is nothing to do any more."""
        self.ended = True
        self.ring()

    def rung(self, within_s: float) -> bool:
        """Whether there may be something to do; waits so long for it."""
        try:
            self._rings.get(timeout=within_s)
        except queue.Empty:
            return False
        while not self._rings.empty():
            self._rings.get()
        return not self.ended
