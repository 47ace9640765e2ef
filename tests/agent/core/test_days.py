"""Days, spans and graces: when an entry holds, when it only warns, and from when on it will block."""

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aipolicy.core.decide import Explanation, explain
from aipolicy.core.model import Action, Confidence, Context, Verdict
from aipolicy.core.policy import Policy, parse
from aipolicy.core.timetable import Timetable
from policy_samples import CONTEXT, KNOWN, finding

OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


def policy(text: str) -> Policy:
    return parse(text, "policy.yaml", KNOWN)


def at(text: str, now: datetime, *, tool: str = "cursor", seen: datetime | None = None) -> Explanation:
    """seen: when the tool was first seen under each entry that has a grace."""
    held = policy(text)
    first_seen = {entry.id: seen for entry in held.entries if entry.grace and seen}
    context = msgspec.structs.replace(CONTEXT, now=now, first_seen=first_seen)
    return explain(finding(tool), held, context, "cat1")


def said(verdict: Verdict) -> tuple[str, str, datetime | None]:
    return verdict.ruling, verdict.action, verdict.blocks_from


# --- days ------------------------------------------------------------------------------------------------

FROM = "mode: block\nbanned: [{tool: cursor, from: 2026-10-01}]"
UNTIL = "mode: block\nbanned: [{tool: cursor, until: 2026-09-30}]"
APPROVED = "mode: block\nbanned: ['*']\napproved: [{tool: cursor, from: 2026-09-02, until: 2026-09-30}]"


@pytest.mark.parametrize(
    ("text", "now", "expected"),
    [
        (FROM, OCTOBER - SECOND, ("banned", "warn", OCTOBER)),
        (FROM, OCTOBER, ("banned", "block", None)),
        (UNTIL, OCTOBER - SECOND, ("banned", "block", None)),
        (UNTIL, OCTOBER, ("unlisted", "report", None)),
        (APPROVED, datetime(2026, 9, 1, 23, 59, tzinfo=UTC), ("banned", "block", None)),
        (APPROVED, datetime(2026, 9, 2, tzinfo=UTC), ("approved", "allow", OCTOBER)),
        (APPROVED, OCTOBER - SECOND, ("approved", "allow", OCTOBER)),
        (APPROVED, OCTOBER, ("banned", "block", None)),
        # what it says never exceeds mode and doubt, so nothing is announced that will not come
        (FROM.replace("block", "warn"), OCTOBER - SECOND, ("banned", "warn", None)),
        (FROM.replace("}]", ", action: warn}]"), OCTOBER - SECOND, ("banned", "warn", None)),
        (FROM.replace("}]", ", action: report}]"), OCTOBER - SECOND, ("banned", "report", None)),
        (FROM.replace("block", "report"), OCTOBER - SECOND, ("banned", "report", None)),
        # a ban that waits is more exact than one without a day, and than a vendor's
        (
            "mode: block\nbanned: ['*', {tool: cursor, from: 2026-10-01}]",
            OCTOBER - DAY,
            ("banned", "warn", OCTOBER),
        ),
        (
            "mode: block\nbanned: [{tool: cursor, action: warn}, {tool: cursor, from: 2026-10-01}]",
            OCTOBER,
            ("banned", "block", None),
        ),
        # an approval with an end wins over the ban that always holds, as long as it lasts
        (
            "mode: block\nbanned: [cursor]\napproved: [{tool: cursor, until: 2026-09-30}]",
            OCTOBER - DAY,
            ("approved", "allow", OCTOBER),
        ),
        (
            "mode: block\nbanned: [cursor]\napproved: [{tool: cursor, until: 2026-09-30}]",
            OCTOBER,
            ("banned", "block", None),
        ),
        # the first of several days on which it will be blocked
        (
            "mode: block\nbanned:\n- {tool: cursor, from: 2026-11-01}\n"
            "- {tool: vendor:anysphere, from: 2026-10-01}",
            OCTOBER - DAY,
            ("banned", "warn", datetime(2026, 11, 1, tzinfo=UTC)),
        ),
        (
            "mode: block\nunlisted: block\napproved: [{tool: cursor, until: 2026-09-30}]",
            OCTOBER - DAY,
            ("approved", "allow", OCTOBER),
        ),
    ],
)
def test_on_a_day(text: str, now: datetime, expected: tuple[str, str, datetime | None]) -> None:
    assert said(at(text, now).verdict) == expected


def test_what_is_only_likely_is_never_announced_as_blocked() -> None:
    context = msgspec.structs.replace(CONTEXT, now=OCTOBER - DAY)
    verdict = explain(finding("cursor", Confidence.LIKELY), policy(FROM), context, "cat1").verdict
    assert said(verdict) == ("banned", "warn", None)


# --- graces ----------------------------------------------------------------------------------------------

GRACE = "mode: block\nbanned: [{tool: cursor, grace: 7d}]"
SEEN = datetime(2026, 8, 20, 14, 30, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "seen", "expected"),
    [
        (OCTOBER, None, ("banned", "warn", OCTOBER + 7 * DAY)),
        (SEEN, SEEN, ("banned", "warn", SEEN + 7 * DAY)),
        (SEEN + 7 * DAY - SECOND, SEEN, ("banned", "warn", SEEN + 7 * DAY)),
        (SEEN + 7 * DAY, SEEN, ("banned", "block", None)),
        # the clock was ahead when it was noted: then it is as if seen now, and nobody waits for years
        (SEEN, SEEN + 900 * DAY, ("banned", "warn", SEEN + 7 * DAY)),
    ],
)
def test_a_grace(now: datetime, seen: datetime | None, expected: tuple[str, str, datetime | None]) -> None:
    assert said(at(GRACE, now, seen=seen).verdict) == expected


@pytest.mark.parametrize(("text", "days"), [("48h", 2), ("2w", 14), ("1d", 1), ("366d", 366)])
def test_the_units_of_a_grace(text: str, days: int) -> None:
    assert at(GRACE.replace("7d", text), OCTOBER).verdict.blocks_from == OCTOBER + days * DAY


def test_with_a_day_and_a_grace_the_later_counts() -> None:
    both = "mode: block\nbanned: [{tool: cursor, grace: 7d, from: 2026-10-01}]"
    assert said(at(both, SEEN + 8 * DAY, seen=SEEN).verdict) == ("banned", "warn", OCTOBER)
    late = OCTOBER - DAY
    assert said(at(both, OCTOBER, seen=late).verdict) == ("banned", "warn", late + 7 * DAY)


def test_another_entrys_sight_does_not_count() -> None:
    context = msgspec.structs.replace(CONTEXT, now=OCTOBER, first_seen={"0123456789abcdef": SEEN})
    verdict = explain(finding("cursor"), policy(GRACE), context, "cat1").verdict
    assert said(verdict) == ("banned", "warn", OCTOBER + 7 * DAY)


@pytest.mark.parametrize(
    ("mode", "confidence", "begins"),
    [
        ("block", "certain", True),
        ("warn", "likely", True),
        ("report", "certain", False),
        ("block", "possible", False),
    ],
)
def test_a_grace_begins_with_a_warning(mode: str, confidence: str, begins: bool) -> None:
    """With `mode: report` nobody is told, and the first they would hear of it is that it was ended."""
    held = policy(GRACE.replace("mode: block", f"mode: {mode}"))
    explained = explain(finding("cursor", Confidence(confidence)), held, CONTEXT, "cat1")
    assert explained.grace == (held.banned[0].id if begins else "")


def test_the_explanation_says_what_each_condition_made_of_it() -> None:
    text = (
        "mode: block\nbanned:\n- {tool: cursor, from: 2026-10-01, grace: 7d}\n"
        "- {tool: vendor:anysphere, until: 2026-08-31}"
    )
    explained = at(text, SEEN + 20 * DAY, seen=SEEN)
    assert explained.rules[0].conditions == (
        "from 2026-10-01: it warns until then",
        "grace 7d, first seen 2026-08-20 14:30 UTC: it is over",
    )
    assert [(rule.selector, rule.conditions) for rule in explained.passed_over] == [
        ("vendor:anysphere", ("until 2026-08-31: it is over",))
    ]
    assert explained.lowered_by == ()


# --- the identity of an entry ----------------------------------------------------------------------------

SAME = [
    "banned: [{tool: qoder, grace: 7d}]",
    "mode: warn\napproved: [cursor]\nbanned:\n  - cursor\n  - tool: 'qodercli'\n    grace: \"7d\"\n",
    "banned: [{grace: 1w, tool: qoder}]",
    "banned: [{tool: qoder, grace: 168h, action: block}]",
    "banned: [{tool: qoder, grace: 7d, reason: we looked again, message: sorry}]",
    '{"banned": [{"tool": "qoder", "grace": "7d"}]}',
]
OTHER = [
    "banned: [{tool: cursor, grace: 7d}]",
    "banned: [{tool: qoder, grace: 8d}]",
    "banned: [{tool: qoder, grace: 7d, action: warn}]",
    "banned: [{tool: qoder, grace: 7d, versions: '<2'}]",
    "banned: [{tool: qoder, grace: 7d, from: 2026-10-01}]",
    "banned: [{tool: qoder, grace: 7d, until: 2026-10-01}]",
    "banned: [{tool: vendor:alibaba, grace: 7d}]",
]


def identity(text: str) -> str:
    return next(entry.id for entry in policy(text).banned if entry.grace)


@pytest.mark.parametrize("text", SAME)
def test_formatting_and_words_never_restart_a_grace(text: str) -> None:
    assert identity(text) == identity(SAME[0])


@pytest.mark.parametrize("text", OTHER)
def test_another_ban_has_a_grace_of_its_own(text: str) -> None:
    assert identity(text) != identity(SAME[0])


# --- the timetable ---------------------------------------------------------------------------------------

DAYS = st.dates(date(2026, 8, 1), date(2026, 12, 1)).map(str)


@st.composite
def timed(draw: st.DrawFn) -> str:
    """A policy of entries with days and graces."""

    def entry(ban: bool) -> dict[str, str]:
        written = {
            "tool": draw(st.sampled_from(["cursor", "qoder", "vendor:anysphere", "category:editor", "*"]))
        }
        first, last = sorted(draw(st.tuples(DAYS, DAYS)))
        if draw(st.booleans()):
            written["from"] = first
        if draw(st.booleans()):
            written["until"] = last
        if ban and draw(st.booleans()):
            written["grace"] = draw(st.sampled_from(["1h", "7d", "3w"]))
        return written

    def some(ban: bool) -> list[dict[str, str]]:
        entries = [entry(ban) for _ in range(draw(st.integers(0, 3)))]
        return list({one["tool"]: one for one in entries}.values())

    written = {"mode": "block", "banned": some(True), "approved": some(False)}
    return msgspec.json.encode(written).decode()


MOMENTS = st.integers(-60 * 24 * 3600 * 10, 90 * 24 * 3600 * 10).map(
    lambda tenths: OCTOBER + timedelta(seconds=tenths / 10)
)
SEEN_OR_NOT = st.none() | MOMENTS.map(lambda at: at.replace(microsecond=0))


def context_of(held: Policy, now: datetime, seen: datetime | None) -> Context:
    first_seen = {entry.id: seen for entry in held.entries if entry.grace and seen}
    return msgspec.structs.replace(CONTEXT, now=now, first_seen=first_seen)


@settings(max_examples=300)
@given(timed(), MOMENTS, MOMENTS, MOMENTS.map(lambda at: at.replace(microsecond=0)))
def test_between_two_moments_of_the_timetable_no_verdict_changes(
    text: str, one: datetime, other: datetime, seen: datetime
) -> None:
    held = policy(text)
    one, other = max(one, seen), max(other, seen)  # a sight of the future is not noted
    table = Timetable(held, {"cursor": context_of(held, one, seen).first_seen})
    if table.passed(one) == table.passed(other):
        verdicts = [
            explain(finding("cursor"), held, context_of(held, now, seen), "c").verdict for now in (one, other)
        ]
        assert verdicts[0] == verdicts[1]


@settings(max_examples=300)
@given(timed(), MOMENTS, SEEN_OR_NOT)
def test_what_is_announced_comes_true_and_not_before(text: str, now: datetime, seen: datetime | None) -> None:
    held, found = policy(text), finding("cursor")
    if seen is None:
        seen = now.replace(microsecond=0)  # as it is noted
    told = explain(found, held, context_of(held, now, None if seen > now else seen), "c").verdict
    noted = min(seen, now.replace(microsecond=0))
    if told.blocks_from is None:
        later = [
            at
            for at in Timetable(held, {"cursor": context_of(held, now, noted).first_seen}).passed(
                datetime(2030, 1, 1, tzinfo=UTC)
            )
            if at > now
        ]
        actions = [explain(found, held, context_of(held, at, noted), "c").verdict.action for at in later]
        assert told.action is Action.BLOCK or Action.BLOCK not in actions
        return
    assert told.action is not Action.BLOCK
    assert told.blocks_from > now
    then = explain(found, held, context_of(held, told.blocks_from, noted), "c").verdict
    before = explain(found, held, context_of(held, told.blocks_from - SECOND, noted), "c").verdict
    assert then.action is Action.BLOCK
    assert told.blocks_from - SECOND < now or before.action is not Action.BLOCK


def test_the_timetable() -> None:
    held = policy(
        "banned:\n- {tool: cursor, from: 2026-10-01, until: 2026-10-31}\n- {tool: qoder, grace: 7d}\n"
    )
    table = Timetable(held, {"qoder": {held.banned[1].id: SEEN, "0" * 16: SEEN}})
    november = datetime(2026, 11, 1, tzinfo=UTC)
    assert table.passed(november) == (SEEN + 7 * DAY, OCTOBER, november)
    assert table.passed(SEEN) == ()
    assert [table.next(now) for now in (SEEN, SEEN + 7 * DAY, OCTOBER, november)] == [
        SEEN + 7 * DAY,
        OCTOBER,
        november,
        None,
    ]
