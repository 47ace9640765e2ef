"""Given starts that went wrong, which is number 28 of the faults, then the fourth is in safe mode.

A `World` is a machine whose clocks the test sets; each `Life` in it is one start of the agent.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from aipolicy.central.policy_source import ACCEPTED, NotedVersion
from aipolicy.core.ceiling import Boot
from aipolicy.daemon.safe_mode import CATALOG, LASTS_S, POLICY, RUNNING, SCAN, WITHIN_S, Life
from aipolicy.state.safe_mode_file import SAFE_MODE, in_safe_mode
from aipolicy.state.starts import Moment, StartsFolder, With

POLICY_A, POLICY_B = "a" * 64, "b" * 64


class World:
    """boot, up_s, wall: what its clocks say."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.boot = "first"
        self.up_s = 1000.0
        self.wall = datetime(2026, 9, 1, tzinfo=UTC)
        self.tried = With(version="1", policy=POLICY_A, tools="")
        self.allowed = True

    def passes(self, seconds: float) -> None:
        self.up_s += seconds
        self.wall += timedelta(seconds=seconds)

    def reboots(self, seconds: float) -> None:
        self.passes(seconds)
        self.boot, self.up_s = f"after {self.boot}", 5.0

    def now(self) -> Moment:
        return Moment(boot=Boot(id=self.boot, seconds=self.up_s), at=self.wall)

    def start(self) -> Life:
        accepted = NotedVersion(self.folder, ACCEPTED)
        return Life(
            StartsFolder(self.folder),
            self.tried,
            self.now,
            lambda: (accepted.version(), accepted.stamp()),
            allowed=self.allowed,
        )

    def crashes(self, times: int = 3, phase: str = POLICY, every_s: float = 20.0) -> None:
        for _ in range(times):
            self.start().phase(phase)
            self.passes(every_s)

    def runs_well(self) -> None:
        life = self.start()
        life.phase(RUNNING)
        life.well(self.tried.policy)
        life.ended()

    @property
    def safe(self) -> bool:
        return self.start().safe is not None


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_28_the_fourth_start_after_three_that_went_wrong_is_in_safe_mode(world: World) -> None:
    world.crashes(2)
    assert not world.safe
    assert not in_safe_mode(str(world.folder))
    assert world.safe, "that look was the third one that was not ended"
    assert in_safe_mode(str(world.folder))


@pytest.mark.parametrize(
    "good",
    [lambda life: life.ended(), lambda life: life.well(POLICY_A)],
    ids=["ended in order", "killed after it was proven"],
)
def test_28_a_start_that_went_well_is_none_that_went_wrong(
    world: World, good: Callable[[Life], None]
) -> None:
    world.crashes(2)
    for _ in range(5):
        life = world.start()
        life.phase(RUNNING)
        good(life)
    life = world.start()
    assert life.safe is None


def test_28_what_is_proven_begins_anew_but_an_orderly_end_does_not(world: World) -> None:
    world.crashes(2)
    world.start().ended()
    world.crashes(1)
    assert world.safe
    other = World(world.folder / "other")
    other.folder.mkdir()
    other.crashes(2)
    other.start().well(POLICY_A)
    other.crashes(1)
    assert not other.safe


def test_28_three_within_ten_minutes_and_not_more_slowly(world: World) -> None:
    world.crashes(3, every_s=WITHIN_S / 3 + 1)
    assert not world.safe


def test_28_the_wall_clock_decides_nothing_within_a_boot(world: World) -> None:
    for days in (400, -800, 400):
        world.start().phase(POLICY)
        world.wall += timedelta(days=days)
        world.up_s += 5
    assert world.safe


def test_28_power_losses_soon_after_a_start_count_and_those_later_do_not(world: World) -> None:
    for _ in range(3):
        world.start().phase(SCAN)
        world.reboots(60)
    assert world.safe, "an agent that hangs the whole machine looks like that"
    other = World(world.folder / "other")
    other.folder.mkdir()
    for _ in range(5):
        other.start().well(POLICY_A)
        other.reboots(60)
    assert not other.safe


@pytest.mark.parametrize(
    "what", [{"policy": POLICY_B}, {"tools": "t"}, {"version": "2"}], ids=["policy", "tools", "version"]
)
def test_28_each_policy_catalog_and_version_has_three_starts_of_its_own(
    world: World, what: dict[str, str]
) -> None:
    world.crashes(2)
    world.tried = replace(world.tried, **what)
    world.crashes(2)
    assert not world.safe


def test_28_a_policy_that_comes_while_it_runs_is_noted_before_it_is_read(world: World) -> None:
    life = world.start()
    life.well(POLICY_A)
    life.trying(POLICY_B)  # and it is gone
    world.tried = replace(world.tried, policy=POLICY_B)
    world.crashes(2)
    life = world.start()
    assert life.safe is not None
    assert (life.safe.phase, life.safe.policy, life.safe.tried.policy) == (POLICY, True, POLICY_B)


# --- what is set aside -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phase", "proven", "policy", "tools"),
    [
        (POLICY, {}, True, False),
        (CATALOG, {}, False, True),
        (SCAN, {}, False, False),
        (RUNNING, {"policy": POLICY_B}, True, False),
        (SCAN, {"tools": "other"}, False, True),
        (SCAN, {"policy": POLICY_B, "tools": ""}, True, True),
    ],
)
def test_28_to_blame_is_whose_phase_it_was_or_what_is_new(
    world: World, phase: str, proven: dict[str, str], policy: bool, tools: bool
) -> None:
    tried = replace(world.tried, tools="own")
    world.tried = replace(tried, **proven)
    world.runs_well()
    world.tried = tried
    world.crashes(3, phase)
    safe = world.start().safe
    assert safe is not None
    assert (safe.policy, safe.tools) == (policy, tools)


def test_28_where_safe_mode_crashes_too_all_is_set_aside(world: World) -> None:
    world.tried = replace(world.tried, tools="own")
    world.runs_well()
    world.crashes(3, SCAN)
    life = world.start()
    assert life.safe is not None
    assert (life.safe.policy, life.safe.tools) == (False, False)
    world.crashes(2, SCAN)
    life = world.start()
    assert life.safe is not None
    assert (life.safe.policy, life.safe.tools) == (True, True)


# --- how it ends -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", [{"tools": "t"}, {"version": "2"}], ids=["tools", "version"])
def test_28_other_tools_and_another_version_end_it(world: World, what: dict[str, str]) -> None:
    world.crashes()
    assert world.safe
    world.tried = replace(world.tried, **what)
    life = world.start()
    assert life.safe is None
    assert not in_safe_mode(str(world.folder))


def test_28_another_policy_ends_it_once_it_is_read(world: World) -> None:
    world.crashes()
    assert world.safe
    world.tried = replace(world.tried, policy=POLICY_B)  # a wrong one, for all that is known
    life = world.start()
    assert life.safe is not None
    assert life.over("") is None
    assert life.over(world.tried.policy) is not None
    life.leave("for a test")
    assert life.safe is None
    assert not in_safe_mode(str(world.folder))


def test_28_it_ends_after_24_hours_of_this_machine_whatever_the_wall_clock_says(world: World) -> None:
    world.crashes()
    life = world.start()
    world.wall += timedelta(days=30)
    assert life.over(world.tried.policy) is None
    world.up_s += LASTS_S - 1
    assert life.over(world.tried.policy) is None
    world.up_s += 1
    assert life.over(world.tried.policy) == "24 hours are over"
    assert world.start().safe is None


def test_28_an_administrator_ends_it_and_not_by_a_word_of_before(world: World) -> None:
    NotedVersion(world.folder, ACCEPTED).note(POLICY_A[:12])
    world.crashes()
    life = world.start()
    ceiling = life.ceiling()
    assert ceiling
    assert f"aipolicy policy accept {life.accepts}" in ceiling.reason
    assert life.over(world.tried.policy) is None
    NotedVersion(world.folder, ACCEPTED).note(POLICY_B[:12])
    assert life.over(world.tried.policy) is None
    NotedVersion(world.folder, ACCEPTED).note(life.accepts)
    assert life.over(world.tried.policy) is not None
    assert world.start().safe is None


def test_28_after_it_there_are_three_more_starts(world: World) -> None:
    world.crashes()
    world.start()
    world.tried = replace(world.tried, version="2")
    world.crashes(2)
    assert not world.safe
    assert world.safe


def test_28_without_a_policy_it_can_be_ended_too(world: World) -> None:
    world.tried = replace(world.tried, policy="")
    world.crashes()
    life = world.start()
    assert len(life.accepts) == 12
    NotedVersion(world.folder, ACCEPTED).note(life.accepts)
    assert life.over(world.tried.policy) is not None


def test_28_where_it_is_switched_off_there_is_none(world: World) -> None:
    world.crashes()
    assert world.safe
    world.allowed = False
    assert not world.safe
    world.crashes(5)
    assert not world.safe


# --- a marker that is broken -----------------------------------------------------------------------------

BROKEN = [b"", b"{", b"\xff\xfe", b"[]", b"{}", b'{"tried": {}}', b"x" * 100_000, b"null"]


@pytest.mark.parametrize("content", BROKEN)
@pytest.mark.parametrize("name", ["starts.json", SAFE_MODE])
def test_28_a_broken_file_counts_as_none_and_is_mended(world: World, name: str, content: bytes) -> None:
    world.crashes(2)
    (world.folder / name).write_bytes(content)
    life = world.start()
    assert life.safe is None
    assert not in_safe_mode(str(world.folder)), "nor does it hold back the guard"
    life.well(POLICY_A)
    world.crashes(3)
    assert world.safe


def _folder(path: Path) -> None:
    path.mkdir()
    (path / "something").touch()


def _link(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("put", [_folder, _link, _loop, _pipe])
@pytest.mark.parametrize("name", ["starts.json", ".starts.json.new", SAFE_MODE, f".{SAFE_MODE}.new"])
def test_28_something_else_in_a_files_place_stops_nobody(
    world: World, name: str, put: Callable[[Path], None]
) -> None:
    put(world.folder / name)
    world.crashes(5)
    life = world.start()
    life.trying(POLICY_B)
    life.well(POLICY_B)
    life.leave("for a test")
    life.ended()
    if put is _folder and SAFE_MODE in name and not name.startswith("."):
        assert not in_safe_mode(str(world.folder)), "nor does it hold back the guard"


def test_28_a_folder_that_is_gone_stops_nobody(world: World) -> None:
    world.folder = world.folder / "gone"
    world.crashes(5)
    assert not world.safe


def test_28_a_moment_without_a_time_zone_counts_as_broken(world: World) -> None:
    world.crashes()
    place = world.folder / "starts.json"
    place.write_text(place.read_text().replace("Z", ""))
    assert not world.safe
