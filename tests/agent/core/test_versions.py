"""Versions as vendors write them, ranges as people do, and what an unknown version may never lead to."""

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aipolicy.core.decide import Explanation, explain
from aipolicy.core.model import Action, Evidence
from aipolicy.core.policy import parse
from aipolicy.core.problem import Problems
from aipolicy.core.version_range import VersionRange, read_versions
from aipolicy.core.versions import Scheme, compare, scheme_of
from aipolicy.core.yamlfile import Scalar
from policy_samples import CONTEXT, KNOWN, finding

PLAIN, PYPI, DEB, RPM = Scheme.PLAIN, Scheme.PYPI, Scheme.DEB, Scheme.RPM


@pytest.mark.parametrize(
    ("scheme", "earlier", "later"),
    [
        (PLAIN, "1.9", "1.10"),
        (PLAIN, "0.9.9", "1"),
        (PLAIN, "1.2.3.4", "1.2.3.5"),  # a fourth part, which semver's libraries drop
        (PLAIN, "242.1234.5", "242.1234.50"),
        (PLAIN, "1.7.0-nightly.20251001.3", "1.7.0"),
        (PLAIN, "1.7.0-nightly.9", "1.7.0-nightly.10"),
        (PLAIN, "1.85.1-insider", "1.85.1"),
        (PLAIN, "0.2.14-canary", "0.2.14"),
        (PLAIN, "1.0.0-alpha", "1.0.0-alpha.1"),  # semver.org, 11
        (PLAIN, "1.0.0-alpha.1", "1.0.0-alpha.beta"),
        (PLAIN, "1.0.0-alpha.beta", "1.0.0-beta"),
        (PLAIN, "1.0.0-beta.2", "1.0.0-beta.11"),
        (PLAIN, "1.0.0-beta.11", "1.0.0-rc.1"),
        (PLAIN, "1.0b2", "1.0"),
        (PLAIN, "1.0", "1.0-post1"),
        (PLAIN, "1.0", "1.0-hotfix"),
        (PLAIN, "2025.01.30", "2025.2.1"),
        (PLAIN, "2025-01-30", "2025-02-01"),
        (PLAIN, "2025.09.17-ffffff0", "2025.09.18-0000001"),
        (PLAIN, "0.0.1758000000-gffff00", "0.0.1758999999-g1234ab"),
        (PYPI, "0.45.0rc1", "0.45.0"),
        (PYPI, "0.45.0.dev3+gabc", "0.45.0"),
        (PYPI, "0.86.1", "0.86.2.dev12+g123"),
        (PYPI, "1.0", "1.0.post1"),
        (PYPI, "2026.1", "1!0.1"),
        (DEB, "2.0~rc1-1", "2.0"),
        (DEB, "1.9-1", "1.10-1"),
        (DEB, "1.7-1", "1.7-2"),
        (RPM, "2.0~rc1-1.fc40", "2.0"),
        (RPM, "1.9-1.el9", "1.10-1"),
    ],
)
def test_the_order(scheme: Scheme, earlier: str, later: str) -> None:
    assert compare(earlier, later, scheme) == -1
    assert compare(later, earlier, scheme) == 1


@pytest.mark.parametrize(
    ("scheme", "version", "bound"),
    [
        (PLAIN, "1.7", "1.7.0"),
        (PLAIN, "v1.7.0", "1.7"),
        (PLAIN, "1.7.0+build.5", "1.7"),
        (PLAIN, "1.7.0 (build 4711)", "1.7"),
        (PLAIN, "0.169.0-linux-x64", "0.169"),  # codex's platform package is no pre-release
        (PLAIN, "1.0.0-win32-x64", "1"),
        (PLAIN, "2025.09.18-7ae6800", "2025.09.18"),  # cursor-agent's commit
        (PLAIN, "2025.09.18-1234567", "2025.09.18"),  # the one in 27 that is all digits
        (PLAIN, "0.0.1758000000-g1234ab", "0.0.1758000000"),
        (PLAIN, "2025-01-30", "2025.1.30"),
        (PYPI, "1.0+local", "1.0"),
        (DEB, "1:1.7.0-1ubuntu2", "1.7"),
        (PLAIN, "1:1.7.0-1ubuntu2", "1.7"),  # asked for by itself, as `explain TOOL@VERSION` is
        (DEB, "1.7", "1.7.0"),
        (RPM, "1.7.0-3.fc40", "1.7"),
        (DEB, "1.0.0-nightly.3", "1.0.0-nightly.3"),
    ],
)
def test_the_same(scheme: Scheme, version: str, bound: str) -> None:
    assert compare(version, bound, scheme) == 0


@pytest.mark.parametrize("scheme", list(Scheme))
@pytest.mark.parametrize(
    "version", ["", "latest", "nightly", "abc123", "unknown", "1" * 200, "\u0661.\u0662", "1.0 final"]
)
def test_what_is_no_version_cannot_be_compared(scheme: Scheme, version: str) -> None:
    assert compare(version, "1.0", scheme) is None


def test_an_epoch_in_a_bound_is_about_packages_alone() -> None:
    assert compare("1:1.6", "1:1.7") == -1
    assert compare("1.9", "1:1.7") is None
    assert compare("1.9", "1:1.7", DEB) == -1


def test_a_program_says_its_own_version_also_in_a_package() -> None:
    assert compare("1.0.0-nightly.1", "1.0.0", PYPI) == -1
    assert scheme_of((Evidence(kind="content", value="x"), Evidence(kind="deb", value="y"))) is DEB
    assert scheme_of((Evidence(kind="npm", value="x"),)) is PLAIN


@given(st.text(max_size=40), st.text(max_size=40), st.sampled_from(Scheme))
def test_any_two_texts_are_compared_or_not(one: str, other: str, scheme: Scheme) -> None:
    assert compare(one, other, scheme) in (-1, 0, 1, None)


VERSIONS = st.from_regex(
    r"v?[0-9]{1,4}(\.[0-9]{1,2}){0,3}(-(alpha|nightly|rc)(\.[0-9]{1,2})?|-g?[0-9a-f]{7})?", fullmatch=True
)


@given(st.lists(VERSIONS, min_size=3, max_size=3))
def test_the_plain_order_is_an_order(versions: list[str]) -> None:
    for one, two, three in itertools.permutations(versions):
        first, second = compare(one, two), compare(two, three)
        assert first is not None
        assert compare(two, one) == -first
        if first == second:
            assert compare(one, three) == first


# --- ranges ----------------------------------------------------------------------------------------------


def versions(text: str) -> VersionRange:
    problems = Problems("policy.yaml", text)
    read = read_versions(text, Scalar(text=text, line=1, column=1), problems)
    assert read is not None, problems.all()
    return read


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        (">=1.7, <2", "1.7 1.7.0 1.10.2 1.99 2.0.0-beta.1", "1.6.9 1.7.0-rc.1 2 2.0.0 2.1"),
        ("<1.7", "1.6.9 0.1 1.7.0-nightly", "1.7 1.7.1 2"),
        ("<=1.7", "1.7 1.7.0 1.6", "1.7.1"),
        (">1.7", "1.7.1 2", "1.7 1.7.0 1.6"),
        ("=1.7", "1.7 1.7.0 v1.7 1.7+x", "1.7.1 1.6 1.7.0-rc.1"),
        ("==1.7.2", "1.7.2", "1.7.1 1.7.3"),
        (" < 2 ,  > 1 ", "1.0.1", "1 2"),
        (">=1.10", "1.10 1.11", "1.9 1.1"),
    ],
)
def test_a_range(text: str, inside: str, outside: str) -> None:
    read = versions(text)
    assert [v for v in inside.split() if read.has(v) is not True] == []
    assert [v for v in outside.split() if read.has(v) is not False] == []
    assert versions(str(read)) == read


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("<1.7", ">=1.7", False),
        ("<=1.7", ">=1.7", True),
        ("<1.7", ">1.7", False),
        ("<1.7", ">=1.6", True),
        ("=1.7", "=1.7.0", True),
        ("=1.7", "<1.7", False),
        (">=1, <2", ">=2, <3", False),
        (">=1, <2", ">=1.9", True),
        ("<1", "<2", True),
    ],
)
def test_whether_two_ranges_meet(one: str, other: str, meet: bool) -> None:
    assert versions(one).meets(versions(other)) is meet
    assert versions(other).meets(versions(one)) is meet


@pytest.mark.parametrize(
    ("one", "other"), [(">=1.7, <2", "<2.0,>= 1.7.0"), ("=1.7", "==1.7"), (">=1", ">= v1")]
)
def test_two_ways_to_write_one_range(one: str, other: str) -> None:
    assert versions(one).identity == versions(other).identity


# --- verdicts --------------------------------------------------------------------------------------------


def at(text: str, version: str | None, kind: str = "npm") -> Explanation:
    found = msgspec.structs.replace(
        finding("cursor"), version=version, because=(Evidence(kind=kind, value="x"),)
    )
    return explain(found, parse(text, "policy.yaml", KNOWN), CONTEXT, "cat1")


APPROVED = 'approved: [{tool: cursor, versions: ">=1.7"}]'
BANNED = 'banned: [{tool: cursor, versions: "<1.7"}]'
BOTH = f"mode: block\n{APPROVED}\n{BANNED}"


@pytest.mark.parametrize(
    ("text", "version", "ruling", "action", "reason"),
    [
        ("NEW\nOLD", "1.10.2", "approved", "allow", "policy.yaml:2"),
        ("NEW\nOLD", "1.6.9", "banned", "block", "policy.yaml:3"),
        ("NEW\nOLD", None, "banned", "warn", "policy.yaml:3"),
        ("NEW\nOLD", "latest", "banned", "warn", "policy.yaml:3"),
        # an approval with versions counts although the tool is banned: it was useless once
        ("banned: [cursor]\nNEW", "1.7", "approved", "allow", "policy.yaml:3"),
        ("banned: [cursor]\nNEW", "1.6", "banned", "block", "policy.yaml:2"),
        # of an unknown version: it may be the approved one, so it is not blocked
        ("banned: [cursor]\nNEW", None, "banned", "warn", "policy.yaml:2"),
        ('banned: ["*"]\nNEW', None, "banned", "warn", "policy.yaml:2"),
        ("unlisted: block\nNEW", None, "unlisted", "warn", "policy.yaml:2"),
        # it never slips a ban
        ("OLD", None, "banned", "warn", "policy.yaml:2"),
        ("unlisted: allow\nOLD", None, "banned", "warn", "policy.yaml:3"),
        ("approved: [cursor]\nOLD", None, "banned", "warn", "policy.yaml:3"),
        (
            'banned: [{tool: cursor, versions: "<1.7", action: report}]',
            None,
            "banned",
            "report",
            "policy.yaml:2",
        ),
        # a more exact approval holds whatever the version
        (
            'approved: [cursor]\nbanned: [{tool: "*", versions: "<1.7"}]',
            None,
            "approved",
            "allow",
            "policy.yaml:2",
        ),
        # whatever its version, it is banned
        ('banned: [cursor, {tool: cursor, versions: "<1.7"}]', None, "banned", "block", "policy.yaml:2"),
        ('banned: [{tool: vendor:anysphere, versions: "<9"}, "*"]', None, "banned", "block", "policy.yaml:2"),
        # an approval alone changes nothing for others
        ("NEW", None, "unlisted", "report", "policy.yaml: not listed"),
        ("NEW", "1.6", "unlisted", "report", "policy.yaml: not listed"),
    ],
)
def test_by_version(text: str, version: str | None, ruling: str, action: str, reason: str) -> None:
    """NEW and OLD stand for an approval and a ban by version."""
    written = text.replace("NEW", APPROVED).replace("OLD", BANNED)
    said = at(f"mode: block\n{written}", version).verdict
    assert (said.ruling, said.action, said.reason) == (ruling, action, reason)


def test_mode_is_a_ceiling_of_doubt_as_well() -> None:
    assert at(f"mode: report\n{BANNED}", None).verdict.action is Action.REPORT


def test_by_the_rules_of_the_package_that_says_it() -> None:
    ban = 'mode: block\nbanned: [{tool: cursor, versions: "<1.7"}]'
    assert at(ban, "1.7.0-1", "deb").verdict.action is Action.REPORT  # a packager's revision
    assert at(ban, "1.7.0-1", "npm").verdict.action is Action.BLOCK  # a pre-release
    assert at(ban, "1:0.1-1", "deb").verdict.action is Action.BLOCK
    assert at(ban, "1.7.0rc1", "pypi").verdict.action is Action.BLOCK


def test_the_explanation_says_what_became_of_the_version() -> None:
    assert at(BOTH, "1.6").rules[0].conditions == ("versions <1.7: 1.6 is one of them",)
    assert at(BOTH, "1.6").passed_over[0].conditions == ("versions >=1.7: 1.6 is none of them",)
    unknown = at(BOTH, None)
    assert unknown.rules[0].conditions == ("versions <1.7: the version is not known",)
    assert unknown.lowered_by == ("it is not known whether every rule counts: see its conditions",)
    assert at(BOTH, "latest").rules[0].conditions == ("versions <1.7: latest cannot be compared",)


ENTRIES = st.lists(st.tuples(st.booleans(), st.sampled_from(["<1.7", ">=1.7"])), max_size=3, unique=True)


@given(ENTRIES, st.sampled_from(["block", "report", "allow"]))
def test_an_unknown_version_is_blocked_only_where_every_one_is_and_warned_of_where_one_is(
    entries: list[tuple[bool, str]], unlisted: str
) -> None:
    written = {
        "mode": "block",
        "unlisted": unlisted,
        "banned": [{"tool": "cursor", "versions": v} for ban, v in entries if ban],
        "approved": [{"tool": "cursor", "versions": v} for ban, v in entries if not ban],
    }
    text = msgspec.json.encode(written).decode()
    unknown = at(text, None).verdict.action
    known = {at(text, version).verdict.action for version in ("1", "1.7", "3")}
    assert (unknown is Action.BLOCK) <= (known == {Action.BLOCK})
    assert (Action.BLOCK in known) <= (unknown in (Action.WARN, Action.BLOCK))
