"""Policies are published, refused when wrong or when somebody was quicker, and never lost or renumbered."""

import json
import threading
from pathlib import Path

import msgspec
import pytest

from aipolicy.core.publishing import BadPolicy, BrakeRequest, History, PublishedText, RollbackRequest
from aipolicy_server.settings import Settings
from server_lab import Lab, problem
from tool_files import ACME

FIRST = "mode: block\nbanned: [claude-code]\n"
SECOND = "mode: block\nbanned: [claude-code, goose]\n"


def history(lab: Lab, **params: str) -> History:
    return msgspec.convert(lab.get("/policies", **params), History)


def text(lab: Lab, number: int) -> PublishedText:
    return msgspec.convert(lab.get(f"/policies/{number}"), PublishedText)


def test_a_policy_is_published_with_all_that_ci_says(lab: Lab) -> None:
    done = lab.publish(FIRST, commit="9f3c2a", author="alice@example.com", approver="bob@example.com")
    assert (done.number, done.mode, done.name, done.copy_of) == (1, "block", "policy.yaml", None)
    assert (done.commit, done.author, done.approver) == ("9f3c2a", "alice@example.com", "bob@example.com")
    assert done.by.endswith(lab.settings.data)
    assert done.at == lab.clock.now
    assert done.sha256.startswith(done.version)
    assert history(lab).rows == (done,)
    assert text(lab, 1).content == FIRST
    assert text(lab, 1).before is None


def test_each_version_keeps_its_text_and_what_it_changed(lab: Lab) -> None:
    lab.publish(FIRST)
    lab.publish(SECOND, expected=1)
    assert [row.number for row in history(lab).rows] == [2, 1]
    shown = text(lab, 2)
    assert shown.before == 1
    assert shown.diff is not None
    lines = shown.diff.split("\n")
    assert "-banned: [claude-code]" in lines
    assert "+banned: [claude-code, goose]" in lines
    assert text(lab, 1).content == FIRST
    by_version = lab.get(f"/policies/versions/{shown.policy.version}")
    assert by_version["policy"]["number"] == 2


@pytest.mark.parametrize("expected", [0, 2, 999])
def test_who_does_not_know_what_is_in_force_overwrites_nothing(lab: Lab, expected: int) -> None:
    lab.publish(FIRST, author="alice")
    reply = lab.ask_to_publish(SECOND, expected)
    assert problem(reply) == (412, "published-meanwhile")
    assert f"number {expected} was expected, and number 1 was published by alice" in reply.json()["title"]
    assert history(lab).current == 1


def test_without_a_precondition_nothing_is_published(lab: Lab) -> None:
    assert problem(lab.ask_to_publish(FIRST, None)) == (428, "no-precondition")
    for wrong in ("*", "x", '"1.0"', "1.0", '"-1"', "9" * 17):
        reply = lab.post("/policies", BrakeRequest(pulled=True), if_match=wrong)
        assert reply.status_code in (400, 422), wrong
    assert history(lab).current == 0


def test_of_many_who_publish_at_once_one_does(lab: Lab) -> None:
    lab.publish(FIRST)
    texts = [f"banned: [claude-code]\nname: number {n}\n" for n in range(8)]
    codes: list[int] = []
    threads = [
        threading.Thread(target=lambda t=t: codes.append(lab.ask_to_publish(t, 1).status_code)) for t in texts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [200] + [412] * 7
    assert history(lab).current == 2


def test_the_same_text_again_is_no_second_entry(lab: Lab) -> None:
    first = lab.publish(FIRST, commit="9f3c2a")
    assert lab.publish(FIRST, expected=1, commit="a job that was repeated") == first
    assert len(history(lab).rows) == 1


def test_a_wrong_policy_is_refused_with_all_that_is_wrong(lab: Lab) -> None:
    lab.publish(FIRST)
    reply = lab.ask_to_publish("banned: [claud-code]\naproved: []\n", 1, name="prod/policy.yaml")
    assert problem(reply) == (422, "bad-policy")
    said = msgspec.json.decode(reply.content, type=BadPolicy)
    assert [str(one) for one in said.problems] == [
        "policy.yaml:1:10: unknown tool 'claud-code', did you mean 'claude-code'?",
        "policy.yaml:2:1: unknown key 'aproved', did you mean 'approved'?",
    ]
    assert history(lab).current == 1


def test_one_of_which_a_test_fails_is_refused(lab: Lab) -> None:
    text = "mode: block\nbanned: [claude-code]\ntests: [{tool: claude-code, expect: %s}]\n"
    reply = lab.ask_to_publish(text % "warn", 0)
    assert problem(reply) == (422, "failed-tests")
    assert "1 of its 1 tests failed: policy.yaml:3: claude-code: expected warn" in reply.json()["title"]
    assert lab.ask_to_publish(text % "block", 0).status_code == 200


@pytest.mark.parametrize(
    "wrong", ["", "banned: [\0]", "banned: {", "[" * 50_000, "banned: [" + "x, " * 90_000]
)
def test_a_hostile_text_is_refused_in_few_words(sqlite_lab: Lab, wrong: str) -> None:
    reply = sqlite_lab.ask_to_publish(wrong, 0)
    assert reply.status_code == 422
    assert len(reply.content) < 200_000


def test_a_text_of_many_wrong_things_in_one_long_line_does_not_blow_up(sqlite_lab: Lab) -> None:
    reply = sqlite_lab.ask_to_publish("banned: [" + ", ".join(f"no-{n}" for n in range(100_000)) + "]", 0)
    assert problem(reply) == (422, "bad-policy")
    assert len(reply.content) < 200_000


def test_a_body_that_is_no_request_is_refused(sqlite_lab: Lab) -> None:
    lab = sqlite_lab
    headers = {"authorization": f"Bearer {lab.admin_token}", "if-match": '"0"'}
    for body, code in (
        (b"", 400),
        (b"{}", 422),
        (b"[]", 422),
        (b'{"name": "p", "content": 3}', 422),
        (json.dumps({"name": "p", "content": FIRST, "commit": "x" * 201}).encode(), 422),
        (json.dumps({"name": "", "content": FIRST}).encode(), 422),
        (json.dumps({"name": "a\0b", "content": FIRST}).encode(), 422),
        (b"x" * 12_000_001, 413),
    ):
        reply = lab.http.post("/api/v1/policies", content=body, headers=headers)
        assert reply.status_code == code, body[:50]
        problem(reply)


def test_words_of_strangers_cannot_drive_a_terminal(sqlite_lab: Lab) -> None:
    done = sqlite_lab.publish(FIRST, commit="\x1b[2J", author="a\u202eb")
    assert (done.commit, done.author) == ("\\x1b[2J", "a\\u202eb")


def test_an_earlier_text_comes_back_under_a_new_number(lab: Lab) -> None:
    first = lab.publish(FIRST, commit="9f3c2a", author="alice")
    lab.publish(SECOND, expected=1)
    reply = lab.post("/policies/1/rollback", RollbackRequest(author="bob"), if_match='"2"')
    assert reply.status_code == 200, reply.text
    (third, _, _) = history(lab).rows
    assert (third.number, third.copy_of, third.version) == (3, 1, first.version)
    assert (third.commit, third.author) == ("9f3c2a", "bob")
    assert text(lab, 3).content == FIRST
    again = lab.get(f"/policies/versions/{first.version}")
    assert again["policy"]["number"] == 3


def test_a_rollback_is_held_to_the_same_rules(lab: Lab) -> None:
    lab.publish(FIRST)
    assert problem(lab.post("/policies/1/rollback", RollbackRequest())) == (428, "no-precondition")
    assert problem(lab.post("/policies/1/rollback", RollbackRequest(), if_match='"0"'))[0] == 412
    assert problem(lab.post("/policies/7/rollback", RollbackRequest(), if_match='"1"')) == (404, "not-found")


@pytest.mark.parametrize(
    "path", ["/policies/9", "/policies/0", "/policies/x", "/policies/versions/abcdefabcdef"]
)
def test_what_was_never_published_is_not_found(lab: Lab, path: str) -> None:
    reply = lab.http.get(f"/api/v1{path}", headers={"authorization": f"Bearer {lab.admin_token}"})
    assert reply.status_code in (404, 422)


def test_the_history_is_paged(lab: Lab) -> None:
    for number in range(55):
        lab.publish(f"banned: [claude-code]\nname: number {number}\n", expected=number)
    first = history(lab)
    assert first.next
    second = history(lab, after=first.next)
    assert [row.number for row in (*first.rows, *second.rows)] == list(range(55, 0, -1))
    assert second.next is None


def test_a_policy_may_name_its_own_tools(data: Path, tmp_path: Path) -> None:
    own = tmp_path / "tools"
    own.mkdir()
    (own / "acme.yaml").write_text(ACME)
    with Lab.open(data, tools=str(own)) as lab:
        assert lab.publish("banned: [acme]\n").number == 1
        (own / "acme.yaml").write_text("id: [")
        assert problem(lab.ask_to_publish(FIRST, 1)) == (503, "bad-tools")
    with Lab.open(data) as lab:
        assert problem(lab.ask_to_publish("banned: [acme]\nname: x\n", 1)) == (422, "bad-policy")


def test_a_database_that_was_set_back_goes_on_above_what_devices_have(lab: Lab) -> None:
    """Agents never go back to a lower number: one that they would refuse helps nobody."""
    device = lab.enrol()
    lab.publish(FIRST)
    device.check_in(published=57)
    lab.flush()
    assert lab.publish(FIRST, expected=1).number == 58, "the same text, but agents have to take it"
    assert lab.publish(SECOND, expected=58).number == 59


def test_a_device_that_lies_does_not_use_up_the_numbers(lab: Lab) -> None:
    device = lab.enrol()
    device.check_in(published=2**53 - 1)
    lab.flush()
    assert lab.publish(FIRST).number == 1


def test_the_brake_is_pulled_and_lifted_with_a_reason(lab: Lab) -> None:
    assert lab.get("/brake")["brake"] is None
    assert lab.post("/brake", BrakeRequest(pulled=True)).status_code == 422
    pulled = lab.post("/brake", BrakeRequest(pulled=True, reason="a wrong ban")).json()
    assert (pulled["schema"], pulled["brake"]["reason"]) == ("aipolicy.brake/1", "a wrong ban")
    assert pulled["brake"]["since"] == "2026-03-01T12:00:00Z"
    assert lab.post("/brake", BrakeRequest(pulled=False, reason="mended")).json()["brake"] is None
    assert lab.get("/brake")["brake"] is None
    assert lab.count("brakes") == 2, "who did it and when stays"


@pytest.mark.parametrize(("until", "code"), [("2026-08-27", 200), ("2026-08-29", 422), ("2031-01-01", 422)])
def test_no_exemption_is_published_for_more_than_half_a_year(sqlite_lab: Lab, until: str, code: int) -> None:
    """It is the 1st of March 2026 here."""
    text = f"banned: [claude-code]\nexemptions:\n  - {{tool: claude-code, until: {until}, ticket: SEC-1}}\n"
    reply = sqlite_lab.ask_to_publish(text, 0)
    assert reply.status_code == code
    if code == 422:
        assert "policy.yaml:3: the exemption of SEC-1 ends " in reply.json()["title"]


def test_the_mode_of_the_strictest_scope_is_told(sqlite_lab: Lab) -> None:
    text = "banned: [claude-code]\nscopes:\n  - {name: it, os: [linux], mode: block}\n"
    assert sqlite_lab.publish(text).mode == "block"


def test_settings_name_no_tools_by_default() -> None:
    assert Settings(data="x").tools is None
