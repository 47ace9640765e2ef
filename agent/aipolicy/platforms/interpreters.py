"""What an interpreter was told to run: the one script or module among its arguments, nothing else of them.

Pure, and with the readers of options and runners the only place that takes arguments apart. Reading the
arguments and finding the file are the platform's part.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from msgspec.structs import replace

from aipolicy.core.model import Record
from aipolicy.platforms.interpreter_options import READERS
from aipolicy.platforms.runners import read_runner

INPUT: Final = b"/proc/self/fd/0"


class Ran(Record, frozen=True, kw_only=True):
    """What runs. At most one of script and module is set; both None: code typed in, or nothing.

    loads: what runs before that, or beside it. script: as it was given, perhaps relative; INPUT where it is
    read from the input. module: what `python -m` names.
    instead: the script where that is no file.
    family: node, bun, deno, python, ruby, perl, shell, fish, loader or shebang: how the file is looked for.
    interpreter: the interpreter as it was called (argv[0]); it leads to a virtual environment.
    """

    family: str
    script: bytes | None = None
    instead: bytes | None = None
    module: str | None = None
    loads: tuple[bytes, ...] = ()
    interpreter: bytes = b""

    @property
    def nothing(self) -> bool:
        """Whether no file is known to run."""
        return self.script is None and self.module is None and not self.loads


_VERSION = rb"[-.\d]*"
_MULTICALL = "multicall"
_NAMES: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("node", re.compile(rb"node(js)?" + _VERSION)),
    ("bun", re.compile(rb"bunx?(-profile|-debug|-baseline)?")),
    ("deno", re.compile(rb"deno")),
    (
        "python",
        re.compile(rb"(python|pypy|pythonw|graalpy)" + _VERSION + rb"([dtmu]+|-[\w.-]+)?", re.IGNORECASE),
    ),
    ("ruby", re.compile(rb"(j|truffle)?ruby" + _VERSION)),
    ("perl", re.compile(rb"perl" + _VERSION)),
    ("fish", re.compile(rb"fish")),
    ("shell", re.compile(rb"(ba|da|z|k|mk|lk|pdk|a|ya|c|tc)?sh" + _VERSION + rb"(-static|\.distrib)?|ksh93")),
    (
        "loader",
        re.compile(rb"ld(64|-(linux|musl)[-\w]*|-[\d.]+)?\.so[.\d]*|ld-[\d.]+\.so|qemu-\w+(-static)?"),
    ),
    (_MULTICALL, re.compile(rb"busybox[\w.-]*|toybox[\w.-]*")),
)


def family_of(program: bytes) -> str | None:
    """The family of interpreters a program file belongs to, by its base name."""
    return _family(_base(program))


@lru_cache(maxsize=4096)
def _family(name: bytes) -> str | None:
    return next((family for family, pattern in _NAMES if pattern.fullmatch(name)), None)


def may_run_a_script(program: bytes, comm: bytes) -> bool:
    """Whether the arguments need to be looked at at all: those of a native program are not even read."""
    return family_of(program) is not None or comm != _base(program)[:15]


def what_runs(
    program: bytes, arguments: Sequence[bytes], comm: bytes = b"", family: str | None = None
) -> Ran | None:
    """None: the program is no interpreter, it runs itself. comm: the kernel's short name of the process.

    family: what the program is where its name does not say so.
    """
    family = family_of(program) or family
    if family is None:
        return _by_shebang(program, arguments, comm)
    if family == _MULTICALL:
        return _multicall(arguments)
    if family == "bun" and arguments and _base(arguments[0]) == b"bunx":
        return Ran(family=family)  # what it names is a package, and it runs that in a child
    ran = _read(family, arguments, program, comm)
    return _behind_loader(ran, ran.script, arguments) if family == "loader" and ran.script else ran


def _read(family: str, arguments: Sequence[bytes], program: bytes, comm: bytes) -> Ran:
    told = read_runner(READERS[family](list(arguments[1:])))
    script = told.rest[0] if told.rest and told.rest[0] not in (b"", b"-") else None
    interpreter = arguments[0] if arguments else b""
    if told.from_input and _is_untitled(interpreter, program, comm):
        script = INPUT
    return Ran(
        family=family,
        script=script,
        instead=told.instead,
        module=told.module,
        loads=told.loads,
        interpreter=interpreter,
    )


def _is_untitled(called: bytes, program: bytes, comm: bytes) -> bool:
    """Whether the arguments are what it was told: a title over them looks like a call without arguments."""
    name = _base(program)
    return family_of(called) is not None or _base(called) == name or comm == name[:15]


def _behind_loader(ran: Ran, program: bytes, arguments: Sequence[bytes]) -> Ran:
    """`ld.so ./tool`: the script is the tool. `ld.so node cli.js`: it is cli.js, if that is node."""
    if family_of(program) in (None, "loader"):
        return ran
    behind = what_runs(program, arguments[list(arguments).index(program, 1) :])
    if behind is None or behind.nothing:
        return ran
    return replace(behind, loads=(program, *behind.loads))


def _multicall(arguments: Sequence[bytes]) -> Ran:
    """busybox: the applet is argv[0], or the first argument."""
    if arguments and family_of(arguments[0]) == _MULTICALL:
        arguments = arguments[1:]
    if arguments and family_of(arguments[0]) == "shell":
        return _read("shell", arguments, arguments[0], b"")
    return Ran(family="shell")


def _by_shebang(program: bytes, arguments: Sequence[bytes], comm: bytes) -> Ran | None:
    """Any other interpreter that a `#!` line called: the kernel then names the process after the script.

    So awk, lua, or a renamed node are seen without a list of them, and no argument is mistaken for a script.
    """
    if not comm or comm == _base(program)[:15] or b"/" not in b"".join(arguments[:1]):
        return None  # a `#!` line has the interpreter's whole path
    for argument in arguments[1:3]:
        if b"/" in argument and not argument.startswith(b"-") and _last(argument)[:15] == comm:
            return Ran(family="shebang", script=argument, interpreter=arguments[0])
    return None


def _base(path: bytes) -> bytes:
    name = _last(path).removesuffix(b" (deleted)")
    return name.removesuffix(b".exe")  # npm's bun is bin/bun.exe on every OS


def _last(path: bytes) -> bytes:
    return path.rsplit(b"/", 1)[-1]
