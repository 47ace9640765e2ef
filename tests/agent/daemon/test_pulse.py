"""systemd is told that all is well for as long as the process watch makes progress."""

from aipolicy.daemon.pulse import STUCK_S, Pulse
from aipolicy.platforms.service import Service


class Told(Service):
    def __init__(self) -> None:
        super().__init__({}, 0)
        self.times = 0

    def alive(self) -> None:
        self.times += 1


def test_a_stuck_process_watch_is_no_longer_told_as_well() -> None:
    told, beats, now = Told(), 7, 1000.0
    pulse = Pulse(told, lambda: beats, lambda: now)
    pulse.tell()
    now += STUCK_S
    pulse.tell()
    assert told.times == 1
    beats += 1
    pulse.tell()
    assert told.times == 2
