"""The brakes on disk: when they hold, what no clock can do to them, and what a damaged file means."""

import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from aipolicy.core.ceiling import Boot
from aipolicy.core.model import Action
from aipolicy.core.published import Brake
from aipolicy.platforms.boot import boot_now
from aipolicy.state.brake import LONGEST_S, LocalBrake, Pulled, ServerBrake

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
ORDER = Brake(by="it", since=NOON, reason="a wrong ban")


class Machine:
    """Which boot it is, and how long ago that was."""

    def __init__(self) -> None:
        self.boot: Boot | None = Boot(id="first", seconds=1000.0)

    def __call__(self) -> Boot | None:
        return self.boot


def pulled(until_s: float, boot: str = "first") -> Pulled:
    return Pulled(boot=boot, until_s=until_s, by="alice", reason="an audit", since=NOON, ends=NOON)


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def brake(tmp_path: Path, machine: Machine) -> LocalBrake:
    return LocalBrake(tmp_path, machine)


def test_it_holds_for_its_time_of_running_and_sleeping(brake: LocalBrake, machine: Machine) -> None:
    assert brake.ceiling() is None
    brake.pull(pulled(1600.0))
    for seconds, holds in ((1000.0, True), (1599.9, True), (1600.0, False), (9000.0, False)):
        machine.boot = Boot(id="first", seconds=seconds)
        assert (brake.ceiling() is not None) == holds


def test_it_says_who_why_and_until_when(brake: LocalBrake) -> None:
    brake.pull(pulled(1600.0))
    ceiling = brake.ceiling()
    assert ceiling is not None
    assert (ceiling.part, ceiling.mode) == ("local brake", Action.REPORT)
    assert ceiling.reason == (
        "pulled by alice, ends by itself about 2026-09-01 12:00 UTC or when this machine restarts: an audit"
    )


def test_a_restart_ends_it_whatever_the_new_clock_says(brake: LocalBrake, machine: Machine) -> None:
    brake.pull(pulled(1600.0))
    machine.boot = Boot(id="second", seconds=1.0)
    assert brake.ceiling() is None


def test_where_the_system_names_no_boot_none_holds(brake: LocalBrake, machine: Machine) -> None:
    brake.pull(pulled(1600.0))
    machine.boot = None
    assert brake.ceiling() is None


def test_none_is_longer_than_the_bound(brake: LocalBrake) -> None:
    brake.pull(pulled(1000.0 + LONGEST_S))
    assert brake.held()
    brake.pull(pulled(1001.0 + LONGEST_S))
    assert brake.held() is None


def test_it_is_lifted_and_says_whether_one_held(brake: LocalBrake) -> None:
    brake.pull(pulled(1600.0))
    assert brake.lift()
    assert brake.ceiling() is None
    assert not brake.lift()


def test_another_reader_sees_each_change(brake: LocalBrake, tmp_path: Path, machine: Machine) -> None:
    reader = LocalBrake(tmp_path, machine)
    assert reader.held() is None
    brake.pull(pulled(1600.0))
    assert reader.held() == pulled(1600.0)
    brake.pull(pulled(1700.0))
    assert reader.held() == pulled(1700.0)
    brake.lift()
    assert reader.held() is None


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff", b'{"boot": 3}', b"[" * 9000, b"x" * 20_000])
def test_a_damaged_brake_for_a_time_is_none(damage: bytes, brake: LocalBrake, tmp_path: Path) -> None:
    (tmp_path / "brake.json").write_bytes(damage)
    assert brake.ceiling() is None
    assert not brake.lift()


def test_the_servers_holds_over_restarts_until_it_is_lifted(tmp_path: Path) -> None:
    assert ServerBrake(tmp_path).ceiling() is None
    assert ServerBrake(tmp_path).order(ORDER)
    ceiling = ServerBrake(tmp_path).ceiling()
    assert ceiling is not None
    assert (ceiling.part, ceiling.mode) == ("server brake", Action.REPORT)
    assert ceiling.reason == "pulled for every machine by it at 2026-09-01 12:00 UTC: a wrong ban"
    assert (tmp_path / "brake.server.json").stat().st_mode & 0o777 == 0o600
    assert ServerBrake(tmp_path).order(None)
    assert ServerBrake(tmp_path).ceiling() is None


def test_an_order_said_again_is_not_written_again(tmp_path: Path) -> None:
    brake = ServerBrake(tmp_path)
    brake.order(ORDER)
    before = os.lstat(tmp_path / "brake.server.json").st_ino
    brake.order(ORDER)
    assert os.lstat(tmp_path / "brake.server.json").st_ino == before
    brake.order(msgspec.structs.replace(ORDER, reason="two wrong bans"))
    assert "two wrong bans" in str(ServerBrake(tmp_path).ceiling())


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff", b"x" * 20_000])
def test_a_damaged_order_holds_until_the_server_says_what_is_so(damage: bytes, tmp_path: Path) -> None:
    """Rather a day without a block than one program too many ended."""
    (tmp_path / "brake.server.json").write_bytes(damage)
    brake = ServerBrake(tmp_path)
    assert brake.ceiling()
    brake.order(ORDER)
    assert "a wrong ban" in str(brake.ceiling())


def test_an_order_that_the_disk_does_not_take_is_obeyed_all_the_same(tmp_path: Path) -> None:
    brake = ServerBrake(tmp_path / "missing")
    assert not brake.order(ORDER)
    assert "a wrong ban" in str(brake.ceiling())
    (tmp_path / "missing").mkdir()
    assert brake.order(ORDER)
    assert ServerBrake(tmp_path / "missing").ceiling()


def test_this_machine_counts_the_time_since_its_start() -> None:
    before, after = boot_now(), boot_now()
    if before is None or after is None:
        pytest.skip("no boot clock here")
    assert before.id == after.id
    assert 0 < before.seconds <= after.seconds
