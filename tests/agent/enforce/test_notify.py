"""Given a tool that was stopped, then its user is told in words, once, and nobody waits for a terminal."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from aipolicy.core.model import (
    Action,
    Confidence,
    Done,
    Evidence,
    Finding,
    Owner,
    Ruling,
    State,
    Verdict,
)
from aipolicy.enforce.notify import QUIET_S, RateLimit, notice_text, tell
from aipolicy.platforms.machine import Terminal
from ptys import Pty

pytestmark = pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs pseudo terminals")


def verdict(message: str = "Claude Code is not allowed here. Use qoder instead.", why: str = "") -> Verdict:
    finding = Finding(
        tool="claude-code",
        name="Claude Code",
        vendor="anthropic",
        category="cli",
        version="2.1.3",
        state=State.RUNNING,
        confidence=Confidence.CERTAIN,
        because=(Evidence(kind="npm", value="@anthropic-ai/claude-code"),),
        owner=Owner(uid=1000, name="alice"),
        path="/home/alice/bin/claude",
        form="process",
    )
    return Verdict(
        finding=finding,
        ruling=Ruling.BANNED,
        action=Action.BLOCK,
        reason="policy.yaml:3",
        why=why,
        message=message,
        policy="p",
        catalog="c",
    )


NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def told(judged: Verdict, contact: str = "", **how: Any) -> str:
    return notice_text(judged, contact, **{"now": NOON, **how})


def test_what_why_what_instead_and_whom_to_ask() -> None:
    text = told(verdict(message="", why="no contract"), "it@corp.test", instead=("Qoder", "Cline"))
    assert text.splitlines() == [
        "aipolicy: Claude Code 2.1.3 was ended by your organisation's AI policy (rule policy.yaml:3)",
        "Reason: no contract",
        "Use instead: Qoder, Cline",
        "Questions: it@corp.test",
    ]


def test_what_the_policy_says_itself_is_not_said_twice() -> None:
    said = "No contract. Use Qoder. Ask it@corp.test."
    text = told(verdict(said, why="No contract"), "it@corp.test", instead=("Qoder",))
    assert text.splitlines()[1:] == [said]


@pytest.mark.parametrize(("done", "words"), [(Done.DENIED, "was not started"), (Done.WARNED, "is against")])
def test_what_was_done_is_named(done: Done, words: str) -> None:
    assert words in told(verdict(), done=done)


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(days=6, hours=12), "It will be blocked from 2026-12-06 (in 6 days)."),
        (timedelta(hours=3, minutes=1), "It will be blocked from 2026-11-29 15:01 UTC (in 3 hours)."),
        (timedelta(minutes=20), "It will be blocked from 2026-11-29 12:20 UTC (in 20 minutes)."),
        (timedelta(seconds=-1), "It will be blocked from 2026-11-29 11:59 UTC (now)."),
    ],
)
def test_a_grace_counts_down(left: timedelta, words: str) -> None:
    judged = structs.replace(verdict(), blocks_from=NOON + left)
    assert told(judged, done=Done.WARNED).splitlines()[1] == words
    assert "will be blocked" not in told(judged, done=Done.ENDED)


def test_nothing_in_a_policy_commands_the_terminal() -> None:
    text = told(verdict("\x1b[2J\x07red\u202eder", why="\x9b1m"), "\x1b]0;x\x07")
    assert all(char.isprintable() or char == "\n" for char in text)


HOSTILE = (
    "\x1b[2J\x1b]0;x\x07",
    "a\r\nb",
    "\u202eder",
    "a\u200b\ufeffb",
    "\u2028\x85\x0c",
    "\udcff",
    "x" * 10_000,
)


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_no_name_or_word_of_anybodys_breaks_a_line_or_hides_the_others(hostile: str) -> None:
    judged = verdict(message=f"{hostile}\nno", why=f"because {hostile}")
    judged = structs.replace(judged, finding=structs.replace(judged.finding, version=hostile))
    for name in (f"Claude{hostile}", "Claude"):
        judged = structs.replace(judged, finding=structs.replace(judged.finding, name=name))
        text = told(judged, f"it@corp.test {hostile}", instead=(f"Qoder {hostile}",))
        lines = text.splitlines()
        assert all(line.isprintable() for line in lines)
        assert text == "\n".join(lines)
        assert len(text) < 3_000
        assert lines[0].startswith("aipolicy: Claude")
        assert "was ended by your organisation's AI policy (rule policy.yaml:3)" in lines[0]
        assert [line.partition(":")[0] for line in lines[-3:]] == ["Reason", "Use instead", "Questions"]


def test_a_message_of_a_thousand_lines_leaves_the_screen() -> None:
    lines = told(verdict("line\n" * 1_000 + "Ask it@corp.test."), "it@corp.test").splitlines()
    assert len(lines) < 20
    assert lines[-1] == "Questions: it@corp.test"


def test_once_per_tool_and_person_in_an_hour() -> None:
    limit = RateLimit()
    assert limit.may_tell(("a", 1), 100.0)
    assert not limit.may_tell(("a", 1), 100.0 + QUIET_S - 1)
    assert limit.may_tell(("a", 2), 101.0)
    assert limit.may_tell(("b", 1), 101.0)
    assert limit.may_tell(("a", 1), 100.0 + QUIET_S)


def test_who_had_no_terminal_the_first_time_was_told_nothing_for_an_hour() -> None:
    limit = RateLimit()
    assert limit.may_tell(("a", 1), 100.0)
    limit.forget(("a", 1))
    assert limit.may_tell(("a", 1), 101.0)
    assert not limit.may_tell(("a", 1), 102.0)


def test_remembering_is_bounded() -> None:
    limit = RateLimit()
    assert all(limit.may_tell((f"tool{number}", 1), number / 1e6) for number in range(10_500))
    assert not limit.may_tell(("tool10499", 1), 2.0)
    assert limit.may_tell(("tool0", 1), 2.0)  # forgotten: better told twice than remembered without bound


@pytest.fixture
def pty() -> Iterator[Pty]:
    with Pty() as made:
        yield made


def test_it_appears_on_the_terminal(pty: Pty) -> None:
    assert tell(pty.terminal, "one\ntwo\x1b[2J")
    assert pty.read().replace("\r\r\n", "\r\n") == "\r\none\r\ntwo\\x1b[2J\r\n"


def test_a_terminal_that_nobody_reads_is_not_waited_for(pty: Pty) -> None:
    answers = [tell(pty.terminal, "x" * 1000) for _ in range(200)]
    assert answers[0]
    assert not answers[-1]


def test_somebody_elses_terminal_is_left_alone(pty: Pty) -> None:
    terminal = pty.terminal
    for wrong in (
        Terminal(path=terminal.path, device=terminal.device + 1, uid=terminal.uid),
        Terminal(path=terminal.path, device=terminal.device, uid=terminal.uid + 1),
    ):
        assert not tell(wrong, "x")
    assert pty.read() == ""


def test_what_is_no_terminal_is_not_written_to(tmp_path: Path, pty: Pty) -> None:
    terminal = pty.terminal
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(terminal.path)
    for name in ("fifo", "file", "link", "missing"):
        place = Terminal(path=str(tmp_path / name), device=terminal.device, uid=terminal.uid)
        assert not tell(place, "x")
    assert (tmp_path / "file").read_bytes() == b""
