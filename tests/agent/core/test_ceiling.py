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
