"""What a decision is told of person and machine, and what holds for everybody on it."""

from datetime import UTC, datetime

import pytest
from msgspec import structs

from aipolicy.core.model import Action, Finding, Owner
from aipolicy.core.policy import parse
from aipolicy.daemon.judge import Judge, Surroundings
from aipolicy.tools import load
from policy_samples import KNOWN, finding

NOW = datetime(2026, 9, 1, tzinfo=UTC)
GROUPS = {"bob": frozenset({"staff"}), "alice": frozenset({"research"})}
BANNED = "mode: block\nbanned: [claude-code]\n"
RESEARCH = BANNED + "scopes: [{name: r, groups: [research], mode: report}]\n"


def judge(text: str) -> Judge:
    here = Surroundings(device="d", hostname="fin-07", os="linux", groups=GROUPS.get)
    return Judge(catalog=load(), policy=parse(text, "policy.yaml", KNOWN), surroundings=here)


def of(owner: str, uid: int = 1000) -> Finding:
    return structs.replace(finding(), owner=Owner(uid=uid, name=owner))


@pytest.mark.parametrize(
    ("text", "owner", "action"),
    [
        (BANNED, "bob", Action.BLOCK),
        (RESEARCH, "bob", Action.BLOCK),
        (RESEARCH, "alice", Action.REPORT),
        (RESEARCH, "eve", Action.WARN),  # her groups are not known
        (RESEARCH, "1000", Action.WARN),  # an id that no account has, or the directory is away
        (BANNED, "1000", Action.BLOCK),  # where nothing depends on whose it is
        (RESEARCH.replace("groups: [research]", "users: [alice]"), "1000", Action.WARN),
        (RESEARCH.replace("groups: [research]", "users: [alice]"), "eve", Action.BLOCK),
    ],
)
def test_a_person(text: str, owner: str, action: Action) -> None:
    assert judge(text).verdict(of(owner), NOW).action is action


@pytest.mark.parametrize(
    ("text", "action"),
    [
        (BANNED, Action.BLOCK),
        (RESEARCH, Action.WARN),
        (BANNED + "exemptions: [{tool: '*', users: [alice], until: 2026-09-30, ticket: A-1}]\n", Action.WARN),
        (BANNED + "exemptions: [{tool: '*', hosts: [hr], until: 2026-09-30, ticket: A-1}]\n", Action.BLOCK),
        (BANNED + "scopes: [{name: f, hosts: ['fin-*'], mode: warn}]\n", Action.WARN),
        (BANNED + "scopes: [{name: f, users: [alice], message: hello}]\n", Action.BLOCK),
    ],
)
def test_a_setting_that_holds_for_everybody_blocks_only_what_is_blocked_for_everybody(
    text: str, action: Action
) -> None:
    assert judge(text).verdict_for_everybody(of("root", 0), NOW).action is action


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("banned: []\n", "report"),
        (BANNED, "block"),
        ("banned: []\nscopes: [{name: f, hosts: ['fin-*'], mode: block}]\n", "block"),
        ("banned: []\nscopes: [{name: f, hosts: ['hr-*'], mode: block}]\n", "report"),
        ("banned: []\nscopes: [{name: f, users: [alice], mode: warn}]\n", "warn"),
        (BANNED + "scopes: [{name: f, hosts: ['fin-*'], mode: report}]\n", "report"),
    ],
)
def test_the_most_that_may_be_done_here(text: str, most: str) -> None:
    assert judge(text).most_here() == most
