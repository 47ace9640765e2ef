"""What is told: each case is a ledger, a look, and the events that must come of it."""

from itertools import permutations

import pytest

from aipolicy.core.model import Action, Confidence, Done, Gone, Health, Outcome, Owner, Ruling, State, Unseen
from aipolicy.core.wire import finding_key
from aipolicy.state.changes import MAX_UNSEEN, everything_again, full_look, one_less, one_more
from aipolicy.state.records import (
    Changes,
    Known,
    Ledger,
    Look,
    Sighting,
    UnseenPlace,
    process_place,
    unseen_place,
)
from sightings import HOMES, outcome, running, seen

NOTHING = Ledger(known={}, unseen={})
INSTALLED = frozenset({State.INSTALLED})
RUNNING = frozenset({State.RUNNING})


def after(ledger: Ledger, changes: Changes) -> Ledger:
    """The ledger once `changes` are kept."""
    known = {k: v for k, v in ledger.known.items() if k not in changes.forget} | dict(changes.remember)
    unseen = {k: v for k, v in ledger.unseen.items() if k not in changes.forget_unseen}
    return Ledger(known=known, unseen=unseen | dict(changes.remember_unseen))


def known(*sightings: Sighting, unseen: tuple[UnseenPlace, ...] = ()) -> Ledger:
    return after(NOTHING, full_look(NOTHING, sightings, Look(unseen=unseen)))


def closed(place: str, reason: str = "permission denied") -> UnseenPlace:
    return unseen_place(Unseen(place=place, reason=reason), HOMES)


def key_of(sighting: Sighting) -> str:
    return finding_key(sighting.outcome.verdict.finding)


def test_a_new_finding_is_told_once():
    first = full_look(NOTHING, [seen()], Look())
    assert [type(t.about) for t in first.tell] == [Outcome]
    assert first.tell[0].uid == 1000
    assert not full_look(after(NOTHING, first), [seen()], Look())


@pytest.mark.parametrize(
    "change",
    [
        {"version": "1.0.101"},
        {"version": None},
        {"ruling": Ruling.APPROVED},
        {"action": Action.WARN},
        {"done": Done.WARNED},
        {"confidence": Confidence.LIKELY},
    ],
)
def test_what_changed_in_the_world_is_told(change):
    ledger = known(seen())
    told = full_look(ledger, [seen(**change)], Look())
    assert [t.about for t in told.tell] == [seen(**change).outcome]
    assert not full_look(after(ledger, told), [seen(**change)], Look())


@pytest.mark.parametrize("change", [{"reason": "policy.yaml:9"}, {"policy": "ffffffffffff"}])
def test_a_policy_that_was_only_reformatted_tells_nothing(change):
    assert not full_look(known(seen()), [seen(**change)], Look())


def test_another_pid_alone_is_no_change_but_is_remembered():
    ledger = known(running(10))
    changes = full_look(ledger, [running(11)], Look())
    assert changes.tell == ()
    (entry,) = changes.remember.values()
    assert entry.places == (process_place(11),)


def test_what_vanished_is_gone():
    ledger = known(seen(), seen("codex", path="/usr/bin/codex"))
    changes = full_look(ledger, [seen()], Look())
    assert [t.about for t in changes.tell] == [
        Gone(tool="codex", state=State.INSTALLED, owner=Owner(uid=1000, name="bob"), path="/usr/bin/codex")
    ]
    assert not full_look(after(ledger, changes), [seen()], Look())


@pytest.mark.parametrize(
    "place",
    [
        "/home/bob",
        "/home",
        "/",
        "/home/bob/.npm/bin/claude",
        "/home/bob/.npm/bin/claude/package.json",
        "/home/bob/.npm",
    ],
)
def test_what_may_be_in_a_closed_place_is_not_gone(place):
    ledger = known(seen())
    changes = full_look(ledger, [], Look(unseen=(closed(place),)))
    assert [type(t.about) for t in changes.tell] == [Unseen]
    ledger = after(ledger, changes)
    assert len(ledger.known) == 1
    opened = full_look(ledger, [], Look())
    assert {type(t.about) for t in opened.tell} == {Gone, Health}, "once it could be looked at, it is gone"


@pytest.mark.parametrize(
    "place",
    ["/home/ann", "/home/bob/.npm/bin/claude-2", "/home/bo", "/proc", "process 12", "filesystem events"],
)
def test_another_closed_place_hides_nothing(place):
    changes = full_look(known(seen()), [], Look(unseen=(closed(place),)))
    assert Gone in {type(t.about) for t in changes.tell}


def test_what_was_in_a_container_is_gone_with_it_but_not_with_a_look_that_failed():
    there = seen(path="3f2a8c11d0e4:/opt/x/claude")
    ledger = known(there, seen(path="/opt/x/claude"))
    failed = full_look(ledger, [seen(path="/opt/x/claude")], Look(unseen=(closed("3f2a8c11d0e4:/"),)))
    assert failed.forget == ()
    ended = full_look(ledger, [seen(path="/opt/x/claude")], Look(unseen=(closed("ns-4026532177:/"),)))
    assert ended.forget == (key_of(there),)
    assert [t.about.path for t in ended.tell if isinstance(t.about, Gone)] == ["3f2a8c11d0e4:/opt/x/claude"]


def test_an_unreadable_proc_hides_running_tools_only():
    changes = full_look(known(seen(), running(5)), [], Look(unseen=(closed("/proc"),)))
    (gone,) = [t.about for t in changes.tell if isinstance(t.about, Gone)]
    assert gone.state is State.INSTALLED


@pytest.mark.parametrize(
    ("failed", "left"),
    [
        ("homes", State.INSTALLED),
        ("observer npm", State.INSTALLED),
        ("observer processes", State.RUNNING),
    ],
)
def test_a_part_of_the_look_that_failed_makes_nothing_of_it_gone(failed, left):
    changes = full_look(known(seen(), running(5)), [], Look(unseen=(closed(failed, "it failed"),)))
    (gone,) = [t.about for t in changes.tell if isinstance(t.about, Gone)]
    assert gone.state is not left


def test_a_running_program_that_cannot_be_read_is_not_gone():
    ledger = known(running(5))
    hidden = full_look(ledger, [], Look(unseen=(closed("/home/bob/.npm/bin/claude"),)))
    assert not [t for t in hidden.tell if isinstance(t.about, Gone)]
    elsewhere = full_look(ledger, [], Look(unseen=(closed("/home/bob"),)))
    assert [t for t in elsewhere.tell if isinstance(t.about, Gone)], "a closed home does not hide processes"


def test_an_unreadable_package_database_makes_no_package_gone():
    ledger = known(seen(path="/usr/bin/claude", form="dpkg"), seen("codex", path="/usr/bin/codex"))
    changes = full_look(ledger, [], Look(unseen=(closed("/var/lib/dpkg/status", "larger than 64 MiB"),)))
    assert [t.about.tool for t in changes.tell if isinstance(t.about, Gone)] == ["codex"]


def test_numbers_that_change_in_an_unseen_place_are_no_news():
    def look(count: int) -> Look:
        place = f"/proc: program of {count} processes (a, b{count})"
        return Look(
            unseen=(closed(place), closed("/srv", f"{count},000 more places could not be looked into"))
        )

    first = full_look(NOTHING, [], look(3))
    assert len(first.tell) == 2
    assert not full_look(after(NOTHING, first), [], look(4))


def test_a_look_at_processes_says_nothing_about_installations():
    ledger = known(seen(), running(5))
    changes = full_look(ledger, [], Look(states=RUNNING))
    assert [t.about.state for t in changes.tell if isinstance(t.about, Gone)] == [State.RUNNING]
    changes = full_look(ledger, [], Look(states=INSTALLED))
    assert [t.about.state for t in changes.tell if isinstance(t.about, Gone)] == [State.INSTALLED]


def test_a_look_into_one_folder_says_nothing_about_others():
    ledger = known(seen(), seen("codex", path="/usr/bin/codex"))
    changes = full_look(ledger, [], Look(states=INSTALLED, within=("/usr/bin",)))
    assert [t.about.tool for t in changes.tell if isinstance(t.about, Gone)] == ["codex"]


def test_a_process_event_adds_one_and_misses_none():
    ledger = known(seen(), running(5))
    changes = one_more(ledger, running(6, tool="codex", path="/usr/bin/codex"))
    assert [t.about.verdict.finding.tool for t in changes.tell if isinstance(t.about, Outcome)] == ["codex"]
    assert len(after(ledger, changes).known) == 3


def test_two_processes_of_one_tool_are_one_finding_until_both_ended():
    ledger = known(running(5))
    ledger = after(ledger, one_more(ledger, running(6)))
    key = key_of(running(5))
    first = one_less(ledger, key, process_place(5))
    assert first.tell == ()
    ledger = after(ledger, first)
    second = one_less(ledger, key, process_place(6))
    assert [type(t.about) for t in second.tell] == [Gone]
    assert not after(ledger, second).known


def test_the_end_of_something_unknown_tells_nothing():
    assert not one_less(NOTHING, "x", process_place(1))
    assert not one_less(known(running(5)), key_of(running(5)), process_place(6))


def test_every_ended_process_is_told_though_it_looks_like_the_last_one():
    ended = {"action": Action.BLOCK, "done": Done.ENDED}
    ledger = known(running(5, **ended))
    again = one_more(ledger, running(6, **ended))
    assert [t.about.done for t in again.tell if isinstance(t.about, Outcome)] == [Done.ENDED]
    assert not one_more(after(ledger, again), running(6, **ended)).tell, "and each only once"


def test_all_processes_ended_in_one_look_are_told():
    ended = {"action": Action.BLOCK, "done": Done.ENDED}
    changes = full_look(NOTHING, [running(5, **ended), running(6, **ended)], Look())
    assert len(changes.tell) == 2


@pytest.mark.parametrize("order", list(permutations(["1.0", "1.1"])))
def test_two_versions_running_side_by_side_do_not_take_turns(order):
    ledger = known(running(5, version="1.0"))
    sightings = [running(10 + i, version=v) for i, v in enumerate(order)]
    for _ in range(3):
        changes = full_look(ledger, sightings, Look())
        assert changes.tell == ()
        ledger = after(ledger, changes)


def test_an_unseen_place_is_told_once_and_again_when_its_reason_changes():
    ledger = known(unseen=(closed("/home/bob"),))
    assert not full_look(ledger, [], Look(unseen=(closed("/home/bob"),)))
    changes = full_look(ledger, [], Look(unseen=(closed("/home/bob", "did not answer"),)))
    assert [t.about for t in changes.tell] == [Unseen(place="~", reason="did not answer")]
    assert changes.tell[0].uid == 1000, "a place in bob's home is about bob"


def test_the_same_place_in_two_homes_is_two_places():
    changes = full_look(NOTHING, [], Look(unseen=(closed("/home/bob/x"), closed("/home/ann/x"))))
    assert [(t.about, t.uid) for t in changes.tell] == [
        (Unseen(place="~/x", reason="permission denied"), 1000),
        (Unseen(place="~/x", reason="permission denied"), 1001),
    ]


def test_a_place_that_opens_is_told():
    changes = full_look(known(unseen=(closed("/srv"),)), [], Look())
    assert [t.about for t in changes.tell] == [Health(part="place", condition="seen again", detail="/srv")]


def test_a_partial_look_does_not_call_other_places_seen():
    ledger = known(unseen=(closed("/srv"),))
    assert not full_look(ledger, [], Look(states=RUNNING))


def test_a_million_closed_folders_are_not_a_million_events():
    many = tuple(closed(f"/srv/{n}") for n in range(MAX_UNSEEN * 3))
    changes = full_look(NOTHING, [], Look(unseen=many))
    assert len(changes.tell) == MAX_UNSEEN + 1
    ledger = after(NOTHING, changes)
    assert not full_look(ledger, [], Look(unseen=tuple(reversed(many))))


def test_everything_again_tells_what_is_known_and_changes_nothing():
    ledger = known(seen(), running(5))
    changes = everything_again(ledger)
    assert [type(t.about) for t in changes.tell] == [Health, Outcome, Outcome]
    assert not changes.remember
    assert not changes.forget


def test_paths_leave_the_machine_home_relative_and_stay_whole_here():
    sighting = seen()
    assert sighting.outcome.verdict.finding.path == "~/.npm/bin/claude"
    assert sighting.place == "/home/bob/.npm/bin/claude"


def test_a_name_that_is_no_utf8_becomes_storable():
    sighting = seen(path="/opt/\udcff/claude")
    assert sighting.outcome.verdict.finding.path == r"/opt/\xff/claude"
    Known(outcome=sighting.outcome, places=(sighting.place,))
    sighting.place.encode()
    assert outcome(path="/opt/\udcff").verdict.finding.path == "/opt/\udcff", "the test gave it a raw name"
