"""Given a file and a policy, then whether the gate refuses it: only what certainly is a banned tool."""

import itertools
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aipolicy.core import policy as policies
from aipolicy.core.model import Action
from aipolicy.daemon.guard.classifier import PASSES, Classifier, Ruling
from aipolicy.daemon.judge import Judge, Surroundings
from aipolicy.enforce.guard.book import file_of
from aipolicy.examine import examiner_for
from aipolicy.tools import load
from host import FakeMachine
from machine_needs import NEEDS_LINUX

pytestmark = NEEDS_LINUX

CATALOG = load()
EXAMINER = examiner_for(CATALOG)
BLOCK = "mode: block\nbanned: [claude-code]\n"
CLAUDE = [mark.literal for tool in CATALOG.tools if tool.id == "claude-code" for mark in tool.marks][:3]
ALL_BANNED = 'mode: block\nbanned: ["*"]\n'


class Bench:
    """A machine with a classifier for one policy."""

    def __init__(self, folder: Path) -> None:
        self.machine = FakeMachine(folder)
        self._numbers = itertools.count()

    def classifier(self, policy: str) -> Classifier:
        judge = Judge(
            catalog=CATALOG,
            policy=policies.parse(policy, "policy.yaml", CATALOG.known),
            surroundings=Surroundings(device="d", hostname="h", os="linux"),
        )
        packages = CATALOG.wanted.deb | CATALOG.wanted.rpm
        return Classifier(
            self.machine, EXAMINER, lambda: judge, packages, lambda: datetime(2026, 1, 1, tzinfo=UTC)
        )

    def ruling(self, path: str, policy: str = BLOCK) -> Ruling:
        fd = os.open(path, os.O_RDONLY)
        try:
            return self.classifier(policy).start(fd, path, 1000, file_of(os.fstat(fd)))
        finally:
            os.close(fd)

    def program(self, place: str, marks: list[str], size: int = 1_200_000) -> str:
        body = b"\x7fELF" + b"\0" * 60 + b"\0".join(mark.encode() for mark in marks)
        return self.machine.file(place, body + b"\0" * (size - len(body)))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_the_banned_tool_is_refused_wherever_it_lies(bench: Bench) -> None:
    ruling = bench.ruling(bench.program("home/a/notes", CLAUDE))
    assert ruling.verdict is not None
    assert (ruling.verdict.finding.tool, ruling.verdict.action) == ("claude-code", Action.BLOCK)
    assert (ruling.anywhere, ruling.everybody) == (True, False)


def test_another_tool_and_any_other_program_pass(bench: Bench) -> None:
    assert bench.ruling(bench.program("home/a/app", [])) == PASSES
    assert bench.ruling(bench.machine.file("home/a/run.sh", b"#!/bin/sh\nexit\n")) == PASSES
    assert bench.ruling(bench.machine.file("home/a/claude", b"\x7fELF" + b"\0" * 90)).verdict is None
    codex = [mark.literal for tool in CATALOG.tools if tool.id == "codex" for mark in tool.marks][:3]
    assert bench.ruling(bench.program("home/a/codex", codex)).verdict is None


@pytest.mark.parametrize("mode", ["report", "warn"])
def test_nothing_is_refused_where_the_policy_does_not_block(bench: Bench, mode: str) -> None:
    program = bench.program("home/a/notes", CLAUDE)
    assert bench.ruling(program, f"mode: {mode}\nbanned: [claude-code]\n").verdict is None


def test_a_script_of_the_tools_package_is_refused_in_that_place_only(bench: Bench) -> None:
    folder = "home/a/lib/node_modules/@google/gemini-cli"
    bench.machine.file(
        f"{folder}/package.json",
        b'{"name": "@google/gemini-cli", "version": "1.0.0", "bin": {"gemini": "cli.js"}}',
    )
    script = bench.machine.file(f"{folder}/cli.js", b"#!/usr/bin/env node\nrun()\n")
    ruling = bench.ruling(script, "mode: block\nbanned: [gemini-cli]\n")
    assert ruling.verdict is not None
    assert not ruling.anywhere


def test_a_script_that_is_a_tool_by_what_it_loads_is_refused_in_that_place_only(bench: Bench) -> None:
    """pnpm links one small entry script into many packages, and what lies beside it differs."""
    body = b"// " + "\n// ".join(CLAUDE).encode() + b"\n" + b"//" * 600_000
    bench.machine.file("home/a/notes/chunk.mjs", body)
    script = bench.machine.file("home/a/notes/cli.mjs", b"#!/usr/bin/env node\nimport './chunk.mjs'\n")
    ruling = bench.ruling(script)
    assert ruling.verdict is not None
    assert not ruling.anywhere


def test_a_file_with_many_links_is_asked_about_at_each_place(bench: Bench) -> None:
    program = bench.machine.file("home/a/store/cli.js", b"#!/usr/bin/env node\nrun()\n")
    os.link(program, bench.machine.at("home/a/cli.js"))
    ruling = bench.ruling(program)
    assert ruling.verdict is None
    assert not ruling.anywhere


def test_a_file_that_was_touched_meanwhile_is_judged_for_this_start_alone(bench: Bench) -> None:
    for marks, blocked in ((CLAUDE, True), ([], False)):
        program = bench.program("home/a/notes", marks)
        fd = os.open(program, os.O_RDONLY)
        before = file_of(os.fstat(fd))
        os.utime(program, ns=(5, 5))
        ruling = bench.classifier(BLOCK).start(fd, program, 1000, before)
        assert (ruling.verdict is not None, ruling.changing) == (blocked, blocked)
        assert (ruling.anywhere, ruling.everybody) == (False, False)
        os.close(fd)


def test_a_file_at_another_place_than_the_kernel_says_is_judged_by_its_bytes(bench: Bench) -> None:
    """As the kernel names a file in another mount namespace: ours at that place says nothing of it."""
    innocent = bench.machine.file("home/a/here", b"\x7fELF")
    program = bench.program("home/a/notes", CLAUDE)
    fd = os.open(program, os.O_RDONLY)
    assert bench.classifier(BLOCK).start(fd, innocent, 1000, file_of(os.fstat(fd))).verdict is not None
    os.close(fd)


def test_what_may_hang_at_that_place_here_is_not_touched(bench: Bench) -> None:
    """People may mount something else there, in a namespace of their own, and start it: a script of theirs
    says nothing of what lies beside the one that hangs.
    """
    folder = "home/a/lib/node_modules/@google/gemini-cli"
    named = b'{"name": "@google/gemini-cli", "version": "1.0.0", "bin": {"gemini": "cli.js"}}'
    bench.machine.file(f"{folder}/package.json", named)
    script = bench.machine.file(f"{folder}/cli.js", b"#!/usr/bin/env node\nrun()\n")
    policy = "mode: block\nbanned: [gemini-cli]\n"
    assert bench.ruling(script, policy).verdict is not None
    bench.machine.far[script] = "on nfs, which may hang"
    assert bench.ruling(script, policy).verdict is None


def banned_somehow() -> st.SearchStrategy[str]:
    selectors = st.sampled_from(
        ["'*'", *(t.id for t in CATALOG.tools), *(f"vendor:{t.vendor}" for t in CATALOG.tools)]
    )
    return st.lists(selectors, min_size=1, unique=True).map(
        lambda chosen: f"mode: block\nbanned: [{', '.join(chosen)}]\nunlisted: block\n"
    )


@pytest.fixture
def system(tmp_path: Path) -> tuple[Bench, list[str]]:
    """Files of packages of the operating system that hold every mark and bear the tools' names."""
    bench = Bench(tmp_path)
    files = []
    for tool in CATALOG.tools[::5]:
        marks = [mark.literal for mark in tool.marks]
        for place in (f"usr/bin/{tool.id}", f"opt/acme/{tool.id}/bin/{tool.id}"):
            file = bench.program(place, marks)
            bench.machine.packages[file] = "openssh-server"
            files.append(file)
    return bench, files


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(policy=banned_somehow())
def test_no_policy_refuses_a_file_of_the_operating_system(
    system: tuple[Bench, list[str]], policy: str
) -> None:
    bench, files = system
    assert [file for file in files if bench.ruling(file, policy).verdict is not None] == []


def test_a_package_that_is_itself_a_tool_is_refused(bench: Bench) -> None:
    packages = sorted(CATALOG.wanted.deb)
    program = bench.program("usr/bin/notes", CLAUDE)
    bench.machine.packages[program] = packages[0]
    assert bench.ruling(program).verdict is not None
    bench.machine.packages[program] = "coreutils"
    assert bench.ruling(program).verdict is None


def test_an_interpreter_is_never_refused_whatever_is_banned(bench: Bench) -> None:
    node = Path("/usr/bin/node")
    if not node.is_file():
        pytest.skip("needs node")
    bench.machine.file("home/a/.local/share/claude/versions/1.0.0", node.read_bytes())
    copy = bench.machine.at("home/a/.local/share/claude/versions/1.0.0")
    assert bench.ruling(copy, ALL_BANNED) == PASSES
