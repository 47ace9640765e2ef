"""A ceiling only ever lowers, whatever the policy and however many there are."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from aipolicy.core.ceiling import Ceiling, lowered
from aipolicy.core.model import Action
from aipolicy.core.policy import parse
from aipolicy.tools import load

MODES = (Action.REPORT, Action.WARN, Action.BLOCK)
KNOWN = load().known


def ceiling(mode: Action) -> Ceiling:
    return Ceiling(part="local brake", mode=mode, reason="a test")


@given(st.sampled_from(MODES), st.lists(st.sampled_from(MODES), max_size=3))
def test_the_mode_is_the_lowest_of_all_and_nothing_else_changes(mode: Action, ceilings: list[Action]) -> None:
    written = parse(f"mode: {mode}\nbanned: [claude-code]\n", "policy.yaml", KNOWN)
    now = lowered(written, [ceiling(one) for one in ceilings])
    assert MODES.index(now.mode) == min(MODES.index(one) for one in (mode, *ceilings))
    assert msgspec.structs.replace(now, mode=mode) == written


def test_a_brake_reaches_into_every_scope() -> None:
    held = parse(
        "banned: [cursor]\nscopes: [{name: a, os: [linux], mode: block}, {name: b, os: [macos]}]",
        "policy.yaml",
        KNOWN,
    )
    for most, modes in ((Action.BLOCK, ["report", "block"]), (Action.REPORT, ["report", "report"])):
        braked = lowered(held, [Ceiling(part="brake", mode=most, reason="")])
        assert list(braked.modes) == modes
        assert braked.version == held.version
