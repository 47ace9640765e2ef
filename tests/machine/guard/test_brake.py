"""Given a guard and a brake in its state folder, nothing is refused, and what was refused is free."""

from datetime import UTC, datetime

from aipolicy.core.published import Brake
from aipolicy.platforms.boot import boot_now
from aipolicy.state.brake import LocalBrake, Pulled, ServerBrake
from machine.guard.lab import GuardLab, refused
from machine_needs import NEEDS_LINUX, NEEDS_ROOT, until

pytestmark = [NEEDS_LINUX, NEEDS_ROOT]
NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)


def test_the_servers_brake_frees_what_was_refused_and_its_end_refuses_it_again(lab: GuardLab) -> None:
    program = lab.put(lab.banned, "notes")
    assert refused(program)
    ServerBrake(lab.state).order(Brake(by="it", since=NOON, reason="a wrong ban"))
    until(lambda: not refused(program) or None)
    assert not refused(lab.put(lab.banned, "never-seen-before"))
    ServerBrake(lab.state).order(None)
    until(lambda: refused(program) or None)


def test_a_guard_that_starts_under_a_brake_refuses_nothing(lab: GuardLab) -> None:
    program = lab.put(lab.banned, "notes")
    assert refused(program)
    ServerBrake(lab.state).order(Brake(by="it", since=NOON, reason=""))
    until(lambda: not refused(program) or None)
    lab.stop()
    lab.start()
    assert not refused(program)


def test_a_brake_for_a_time_ends_by_itself(lab: GuardLab) -> None:
    program = lab.put(lab.banned, "notes")
    assert refused(program)
    boot = boot_now()
    assert boot is not None
    pulled = Pulled(boot=boot.id, until_s=boot.seconds + 10, by="root", reason="", since=NOON, ends=NOON)
    brake = LocalBrake(lab.state, boot_now)
    brake.pull(pulled)
    until(lambda: not refused(program) or None)
    until(lambda: brake.held() is None or None)
    until(lambda: refused(program) or None)
