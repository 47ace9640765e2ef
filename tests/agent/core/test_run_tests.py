"""The tests that a policy carries say what the policy would say, and never what it says on one day only."""

from pathlib import Path

import pytest

from aipolicy.core.policy import parse
from aipolicy.core.run_tests import TestResult, run_tests
from aipolicy.tools import load

CATALOG = load()
PAGE = Path(__file__).parents[3] / "docs" / "policy.md"


def results(text: str) -> tuple[TestResult, ...]:
    return run_tests(parse(text, "policy.yaml", CATALOG.known), CATALOG)


def one(text: str, test: str) -> TestResult:
    (result,) = results(f"{text}\ntests: [{test}]\n")
    return result


EXAMPLES = {
    "an allow-list": """
mode: block
approved: [qoder, github-copilot]
banned: ["*"]
message: "{tool} is not approved at Acme. Use Qoder. Questions: {contact}"
contact: https://it.acme.example/ai
tests:
  - {tool: qoder@1.2.0, expect: allow}
  - {tool: cursor, expect: block}
""",
    "versions, a grace, a day": """
mode: block
approved:
  - {tool: cursor, versions: ">=1.7"}
banned:
  - {tool: cursor, versions: "<1.7", reason: known vulnerability, grace: 7d}
  - {tool: claude-code, from: 2026-10-01}
  - {tool: category:local-model, action: warn}
tests:
  - {tool: cursor@1.10.2, expect: allow}
  - {tool: cursor@1.6.9, expect: warn}
  - {tool: cursor@1.6.9, first_seen: 2026-08-20, at: 2026-09-01, expect: block}
  - {tool: claude-code, at: 2026-09-30, expect: warn}
  - {tool: claude-code, at: 2026-10-01, expect: block}
  - {tool: ollama, expect: warn}
""",
    "scopes": """
name: acme
mode: warn
approved: [qoder]
banned: [vendor:anthropic]
scopes:
  - {name: research, tags: [research], approved: [claude-code], mode: report}
  - {name: finance,  hosts: ["fin-*"], banned: ["*"], mode: block}
  - {name: build servers, os: [linux], tags: [ci], unlisted: block, mode: block}
tests:
  - {tool: claude-code, tags: [research], expect: allow}
  - {tool: qoder, host: fin-07, expect: block}
  - {tool: qoder, tags: [ci], expect: allow}
  - {tool: cursor, tags: [ci], expect: block}
  - {tool: cursor, tags: [ci], os: macos, expect: report}
  - {tool: claude-code, expect: warn}
""",
    "exemptions": """
mode: block
banned: [claude-code, codex]
exemptions:
  - {tool: claude-code, users: [alice, bob], until: 2026-12-31, ticket: SEC-1423, reason: evaluation}
tests:
  - {tool: claude-code, user: alice, at: 2026-12-31, expect: allow}
  - {tool: claude-code, user: alice, at: 2027-01-01, expect: block}
  - {tool: claude-code, user: carol, expect: block}
  - {tool: codex, user: alice, expect: block}
  - {tool: claude-code, groups: [staff], expect: block}
""",
    "a staged roll-out": """
name: q4-rollout
mode: report
banned: [claude-code]
approved: [qoder]
scopes:
  - {name: it department, tags: [it], mode: block}
  - {name: canary, percent: 5, mode: block}
  - {name: next wave, percent: 30, mode: warn}
tests:
  - {tool: claude-code, rollout: 3, expect: block}
  - {tool: claude-code, rollout: 20, expect: warn}
  - {tool: claude-code, rollout: 99, tags: [it], expect: block}
  - {tool: claude-code, rollout: 99, expect: report}
  - {tool: claude-code, expect: report}
  - {tool: qoder, rollout: 3, expect: allow}
""",
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_worked_examples_pass(name: str) -> None:
    found = results(EXAMPLES[name])
    assert found
    assert [result for result in found if not result.ok] == []


def test_the_pages_own_tests_pass() -> None:
    text = PAGE.read_text().partition("## Tests\n\n```yaml\n")[2].partition("```")[0]
    assert [result.ok for result in results(text)] == [True] * 4


def test_a_failure_says_what_decided_and_why() -> None:
    result = one(
        "mode: block\nbanned: [{tool: cursor, versions: '<1.7'}]",
        "{tool: cursor@1.8, user: bob, expect: block}",
    )
    assert (result.rule, result.about, result.got) == ("policy.yaml:3", "cursor@1.8; of bob", "report")
    assert result.why == "by policy.yaml: not listed (unlisted unlisted)"
    doubt = one("mode: block\nbanned: [{tool: cursor, versions: '<1.7'}]", "{tool: cursor, expect: block}")
    assert doubt.why == (
        "by policy.yaml:2 (banned cursor); versions <1.7: the version is not known; "
        "it is not known whether every rule counts: see its conditions"
    )


@pytest.mark.parametrize(
    ("text", "test", "why"),
    [
        (
            "mode: block\nbanned: [{tool: cursor, from: 2026-10-01}]",
            "{tool: cursor, expect: warn}",
            "it depends on the day: warn before 2026-10-01, block from then on; state `at`",
        ),
        (
            "mode: block\nbanned: [cursor]\nexemptions: [{tool: cursor, until: 2026-12-31, ticket: A-1}]",
            "{tool: cursor, expect: allow}",
            "it depends on the day: allow before 2027-01-01, block from then on; state `at`",
        ),
        (
            "mode: block\nbanned: [{tool: cursor, grace: 7d}]",
            "{tool: cursor, first_seen: 2026-08-20, expect: warn}",
            "it depends on the day: warn before 2026-08-27, block from then on; state `at`",
        ),
    ],
)
def test_one_that_depends_on_the_day_must_say_which(text: str, test: str, why: str) -> None:
    result = one(text, test)
    assert (result.ok, result.got, result.why) == (False, None, why)


@pytest.mark.parametrize(
    ("text", "test"),
    [
        ("mode: block\nbanned: [{tool: cursor, from: 2026-10-01}]", "{tool: qoder, expect: report}"),
        ("banned: [{tool: cursor, from: 2026-10-01}]", "{tool: cursor, expect: report}"),
        ("mode: block\nbanned: [{tool: cursor, grace: 7d}]", "{tool: cursor, expect: warn}"),
    ],
)
def test_one_that_does_not_need_no_day(text: str, test: str) -> None:
    assert one(text, test).ok


def test_a_machine_without_a_name_is_in_no_roll_out() -> None:
    text = "mode: report\nbanned: [cursor]\nscopes: [{name: all, percent: 100, mode: block}]"
    assert one(text, "{tool: cursor, expect: report}").ok
    assert one(text, "{tool: cursor, host: fin-07, expect: block}").ok
