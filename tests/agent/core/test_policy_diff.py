"""`policy diff`: what one policy decides otherwise than another, and never silence where they do."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from aipolicy.core.decide import decide
from aipolicy.core.model import Context, Finding, Owner
from aipolicy.core.policy import Policy, parse
from aipolicy.core.policy_diff import Difference, difference
from aipolicy.core.policy_diff_words import lines
from aipolicy.core.tool import Tool
from policy_samples import CATEGORIES, KNOWN, NAMES, VENDORS, finding

TOOLS = {
    name: Tool(
        id=name, name=NAMES.get(name, name), vendor=VENDORS[name], category=CATEGORIES[name], evidence=()
    )
    for name in VENDORS
}
NOW = datetime(2026, 9, 1, tzinfo=UTC)


def policy(text: str) -> Policy:
    return parse(text, "policy.yaml", KNOWN)


def found(before: str, after: str) -> Difference:
    return difference(policy(before), policy(after), TOOLS.values(), NOW)


def said(before: str, after: str) -> list[str]:
    difference = found(before, after)
    return [*map(str, lines(difference, TOOLS)), *difference.others]


BASE = "mode: block\nbanned: [claude-code]\n"
FINANCE = "scopes: [{name: finance, hosts: ['fin-*', 'acc-*'], banned: [cursor]}]\n"


FIN = "{name: finance, hosts: ['fin-*'], banned: [cursor]}"
BOB = "{name: pilot, users: [bob], banned: [{tool: cursor, action: warn}]}"


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (BASE, BASE + "# other words\n", []),
        (BASE, "banned: ['claude']\nmode: 'block'\n", []),
        (BASE, "banned: [claude-code]\n", ["claude-code becomes reported (was blocked)"]),
        (
            BASE,
            BASE + "approved: [qoder]\n",
            [
                "qoder becomes allowed (was reported)",
                'people are told of claude-code: "{tool} is not allowed here. Use Qoder instead." '
                '(was "{tool} is not allowed here.")',
            ],
        ),
        (
            BASE,
            "mode: block\nbanned: ['*']\n",
            ["every tool but claude-code becomes blocked (was reported)"],
        ),
        (
            BASE,
            "mode: block\nbanned: [claude-code, 'vendor:anthropic']\n",
            ["claude-desktop becomes blocked (was reported)"],
        ),
        ("mode: block\nbanned: []", BASE, ["claude-code becomes blocked (was reported)"]),
        (
            "banned: []",
            "banned: ['category:cli']",
            ["every tool of category cli becomes banned, reported (was unlisted, reported)"],
        ),
        # versions
        (
            BASE,
            BASE + "scopes: [{name: finance, tags: [fin], banned: [{tool: cursor, versions: '<1.7'}]}]\n",
            [
                "cursor below 1.7 becomes blocked in finance (was reported)",
                "cursor of a version that is not known becomes warned of in finance (was reported)",
            ],
        ),
        (
            "mode: block\nbanned: [{tool: cursor, versions: '<1.7'}]",
            "mode: block\nbanned: [{tool: cursor, versions: '<=1.8'}]",
            ["cursor from 1.7 and up to 1.8 becomes blocked (was reported)"],
        ),
        (
            "mode: block\nbanned: [{tool: cursor, versions: '=1.7'}]",
            "mode: block\nbanned: ["
            "{tool: cursor, versions: '=1.7.0'}, {tool: cursor, versions: '>1.7, <1.9'}]",
            ["cursor above 1.7 and below 1.9 becomes blocked (was reported)"],
        ),
        # days and graces
        (
            BASE,
            "mode: block\nbanned: [{tool: claude-code, from: 2026-10-01}]",
            ["claude-code becomes warned of, from 2026-10-01 blocked (was blocked)"],
        ),
        (
            BASE,
            "mode: block\nbanned: [{tool: claude-code, until: 2026-12-31}]",
            ["claude-code becomes blocked, from 2027-01-01 reported (was blocked)"],
        ),
        (
            BASE,
            "mode: block\nbanned: [{tool: claude-code, grace: 7d}]",
            ["claude-code becomes blocked after a grace of 7d (was blocked)"],
        ),
        # machines and people
        (BASE, BASE + FINANCE, ["cursor becomes blocked in finance (was reported)"]),
        (
            BASE + FINANCE,
            BASE + FINANCE.replace(", 'acc-*'", ""),
            ["cursor becomes reported in finance (hosts acc-*) (was blocked)"],
        ),
        (
            BASE + FINANCE,
            BASE + FINANCE + "exemptions: [{tool: cursor, users: [bob], until: 2026-12-31, ticket: X}]\n",
            [
                "cursor becomes allowed, from 2027-01-01 reported for users bob (was reported)",
                "cursor becomes allowed, from 2027-01-01 blocked in finance for users bob (was blocked)",
            ],
        ),
        (
            BASE + "scopes: [{name: canary, percent: 5, mode: warn}]",
            BASE + "scopes: [{name: canary, percent: 30, mode: warn}]",
            ["claude-code becomes warned of in canary (the first 30 % of machines) (was blocked)"],
        ),
        (
            f"mode: block\nbanned: []\nscopes: [{FIN}, {BOB}]",
            f"mode: block\nbanned: []\nscopes: [{BOB}, {FIN}]",
            ["cursor becomes warned of in finance and in pilot (was blocked)"],
        ),
        # words
        (
            BASE + "message: no {tool}",
            BASE + "message: stop {tool}",
            ['people are told of claude-code: "stop {tool}" (was "no {tool}")'],
        ),
        ("name: a\nbanned: []", "name: b\nbanned: []", ["the name: a becomes b"]),
        (
            "banned: []\ncontact: a@example.com",
            "banned: []\ncontact: b@example.com",
            ["the contact: a@example.com becomes b@example.com"],
        ),
        (
            BASE,
            BASE + "privacy: {usernames: hash}",
            ["what leaves the machine: usernames plain becomes hash"],
        ),
        (
            BASE,
            BASE + "privacy: {retention: 90d}",
            [
                "events are kept for 90 days at most (was for as long as the server's own setting says); "
                "older ones are removed for good"
            ],
        ),
        (
            BASE + "privacy: {retention: 090d}",
            BASE + "privacy: {retention: 1d}",
            ["events are kept for 1 day at most (was for 90 days at most); older ones are removed for good"],
        ),
        (
            BASE + "privacy: {retention: 30d}",
            BASE + "privacy: {retention: 3650d}",
            ["events are kept for 3,650 days at most (was for 30 days at most)"],
        ),
        (
            BASE + "privacy: {retention: 30d}",
            BASE,
            ["events are kept for as long as the server's own setting says (was for 30 days at most)"],
        ),
        (BASE + "privacy: {retention: 30d}", BASE + "privacy:\n  retention: '030d'", []),
        (
            BASE + "tests: [{tool: claude-code, expect: block}]",
            BASE + "tests: [{tool: claude-code, expect: block}, {tool: qoder, expect: report}]",
            ["the tests: 1 before, 2 now, not the same"],
        ),
        (
            BASE + "tests: [{tool: qoder, expect: report}]",
            BASE + "\ntests: [{tool: qodercli, expect: report}]",
            [],
        ),
        (
            "mode: block\nbanned: ['*', cursor]",
            "mode: block\nbanned: ['*']",
            ["rules that make no difference to any tool of this catalog"],
        ),
    ],
)
def test_in_words(before: str, after: str, words: list[str]) -> None:
    assert said(before, after) == words


# --- nothing is missed -----------------------------------------------------------------------------------

SELECTORS = st.sampled_from(("claude-code", "cursor", "vendor:anthropic", "category:cli", "'*'"))
VERSIONS = st.sampled_from(("'<1.7'", "'>=1.7'", "'=2.0'", "'>1.7, <2.0'", "'<2.0-beta'"))
USERS, HOSTS = ("alice", "bob"), ("fin-1", "fin-2", "acc-1")


@st.composite
def entries(draw: st.DrawFn) -> str:
    """Each names another tool or versions, so that no two meet."""
    made = []
    for selector in draw(st.lists(SELECTORS, max_size=2, unique=True)):
        more = draw(
            st.lists(
                st.sampled_from(
                    (f"versions: {draw(VERSIONS)}", "from: 2026-10-01", "until: 2026-12-31", "grace: 7d")
                ),
                max_size=2,
                unique_by=lambda each: each.partition(":")[0],
            )
        )
        made.append("{" + ", ".join((f"tool: {selector}", *more)) + "}")
    return f"[{', '.join(made)}]"


@st.composite
def policies(draw: st.DrawFn) -> str:
    text = f"name: p\nmode: {draw(st.sampled_from(('warn', 'block')))}\nbanned: {draw(entries())}\n"
    text += f"approved: {draw(entries()).replace(', grace: 7d', '')}\n"
    people = st.sampled_from(
        ("hosts: ['fin-*']", "hosts: [fin-1, acc-1]", "users: [alice]", "users: [alice, bob]", "os: [macos]")
    )
    audience = people | st.sampled_from(("tags: [ci]", "percent: 5", "percent: 30"))
    scopes = [
        f"{{name: s{number}, {draw(audience)}, banned: {draw(entries())}}}"
        for number in range(draw(st.integers(0, 2)))
    ]
    if scopes:
        text += f"scopes: [{', '.join(scopes)}]\n"
    if draw(st.booleans()):
        text += f"exemptions: [{{tool: cursor, until: 2026-11-30, ticket: X, {draw(people)}}}]\n"
    return text


@st.composite
def cases(draw: st.DrawFn) -> tuple[Finding, Context]:
    version = draw(st.sampled_from((None, "1.6", "1.7", "1.8", "2.0-beta.1", "2.0", "3")))
    thing = replace(
        finding(draw(st.sampled_from(sorted(TOOLS)))), version=version, owner=Owner(uid=1, name="x")
    )
    context = Context(
        now=draw(st.sampled_from((NOW, datetime(2026, 10, 2, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)))),
        device="d",
        hostname=draw(st.sampled_from((*HOSTS, "web-1"))),
        os=draw(st.sampled_from(("linux", "macos"))),
        owner=draw(st.sampled_from((*USERS, "carol"))),
        tags=draw(st.sampled_from((frozenset(), frozenset({"ci"})))),
        rollout=draw(st.sampled_from((0.0, 10.0, 50.0))),
    )
    return thing, context


@settings(max_examples=200)
@given(policies(), policies(), st.lists(cases(), max_size=5))
def test_whoever_is_decided_otherwise_is_named(
    before: str, after: str, each: list[tuple[Finding, Context]]
) -> None:
    old, new = policy(before.replace(", grace: 7d", "")), policy(after.replace(", grace: 7d", ""))
    named = {tool for change in difference(old, new, TOOLS.values(), NOW).changes for tool in change.tools}
    for thing, context in each:
        was, becomes = decide(thing, old, context, ""), decide(thing, new, context, "")
        if (was.ruling, was.action) != (becomes.ruling, becomes.action):
            assert thing.tool in named


@settings(max_examples=50)
@given(policies())
def test_the_same_is_the_same(text: str) -> None:
    assert said(text, text) == []
