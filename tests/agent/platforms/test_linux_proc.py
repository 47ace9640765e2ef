"""Given bytes of /proc, then values, whatever a process calls itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aipolicy.platforms.linux_proc import parse_stat, parse_status, split_arguments, terminal_numbers

LINE = b"42 (%s) S 7 42 42 34817 -1 4194304 1 2 3 4 5 6 7 8 20 0 3 0 99887 1 2 3 4 5 140722 6 7"


@given(st.binary(min_size=1, max_size=15))
def test_a_hostile_name_moves_no_field(comm: bytes) -> None:
    found = parse_stat(LINE % comm)
    assert found.comm == comm
    assert (found.state, found.parent, found.terminal, found.threads) == ("S", 7, 34817, 3)
    assert (found.started, found.stack) == (99887, 140722)


def test_the_name_that_looks_like_the_rest_of_the_line() -> None:
    assert parse_stat(LINE % b"x) R 1 (\n\x1b[2J").parent == 7


@pytest.mark.parametrize(
    "data", [b"", b"42", b"42 (x) S 1 2", b"42 (x)", b"\xff" * 50, b"42 (x) S " + b"z " * 40]
)
def test_what_is_no_stat_line_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a stat line|invalid literal"):
        parse_stat(data)


def test_kernel_threads_and_zombies_are_told() -> None:
    assert parse_stat(LINE.replace(b"4194304", b"2129984") % b"kthreadd").kernel_thread
    assert not parse_stat(LINE % b"x").kernel_thread
    assert parse_stat(LINE.replace(b" S ", b" Z ") % b"x").zombie


def test_the_effective_user_and_the_pid_in_each_namespace() -> None:
    found = parse_status(b"Name:\tx\\nUid:\t0\nUid:\t1000\t1001\t1002\t1003\nNSpid:\t4711\t17\t1\n")
    assert found.uid == 1001
    assert found.pids == (4711, 17, 1)
    with pytest.raises(ValueError, match="Uid"):
        parse_status(b"Name:\tx\n")


@pytest.mark.parametrize(
    ("data", "arguments"),
    [
        (b"node\0x.js\0--\0", [b"node", b"x.js", b"--"]),
        (b"claude\0\0\0\0", [b"claude"]),  # a title over the arguments
        (b"hermes: something /home/a/private", []),  # a title longer than they were
        (b"node\0x.js\0cut-of", [b"node", b"x.js"]),
        (b"node\0\0x.js\0", [b"node", b"", b"x.js"]),
        (b"", []),
    ],
)
def test_arguments_are_split_and_a_title_is_none(data: bytes, arguments: list[bytes]) -> None:
    assert split_arguments(data) == arguments


def test_terminal_numbers_of_the_stat_field() -> None:
    assert terminal_numbers(34817) == (136, 1)
    assert terminal_numbers((136 << 8) | 0x2C | (0x1 << 20)) == (136, 300)
    assert terminal_numbers(0) == (0, 0)
