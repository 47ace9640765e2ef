"""The options of python, ruby, perl and shells, whose letters may be joined ("-Im mod", "-ec code")."""

import re
from collections.abc import Callable
from typing import Final

from aipolicy.core.model import Record
from aipolicy.platforms.told import INPUT_SIGN, MODULE, NOTHING, Reader, Told
from aipolicy.platforms.typed_python import started_by


class _Letters(Record, frozen=True, kw_only=True):
    """What option letters take.

    valued: the rest of the argument, or the next one. attached: the rest only. digits: digits that follow.
    later: the next argument even where letters follow ("-eou pipefail"). code: what runs is no file, or the
    file is only checked. started_by: what that code starts. from_input: what runs is read from the input,
    whatever follows. dash_ends: a lone "-" ends the options, instead of meaning the input.
    """

    valued: bytes = b""
    attached: bytes = b""
    digits: bytes = b""
    later: bytes = b""
    code: bytes = b""
    from_input: bytes = b""
    module: bytes = b""
    long_valued: frozenset[bytes] = frozenset()
    long_code: frozenset[bytes] = frozenset()
    signs: bytes = b"-"
    dash_ends: bool = False
    started_by: Callable[[bytes], tuple[bytes, ...]] | None = None


_PYTHON = _Letters(
    valued=b"WX",
    code=b"c",
    module=b"m",
    long_valued=frozenset({b"--check-hash-based-pycs"}),
    started_by=started_by,
)
_RUBY = _Letters(
    valued=b"IrCE",
    attached=b"FKix",
    digits=b"0TW",
    code=b"ec",
    long_valued=frozenset(b"--encoding --external-encoding --internal-encoding --enable --disable".split()),
)
_PERL = _Letters(valued=b"I", attached=b"CDFVMimx", digits=b"0l", code=b"eEc")
_SHELL = _Letters(
    later=b"oO",
    code=b"c",
    from_input=b"s",
    long_valued=frozenset({b"--rcfile", b"--init-file"}),
    signs=b"-+",
    dash_ends=True,
)
_FISH = _Letters(
    valued=b"CdDofp",
    code=b"c",
    long_valued=frozenset(b"--init-command --debug --debug-output --profile --features".split()),
    long_code=frozenset({b"--command"}),
)
_DIGITS = re.compile(rb"x[0-9a-fA-F]+|[0-9]*")


def _reader(letters: _Letters) -> Reader:
    def read(arguments: list[bytes]) -> Told:
        waiting = list(arguments)
        while waiting:
            argument = waiting[0]
            ends = argument == b"--" or (argument == b"-" and letters.dash_ends)
            if ends or argument == INPUT_SIGN or argument[:1] not in (letters.signs[:1], letters.signs[-1:]):
                rest = tuple(waiting[1:] if ends else waiting)
                return Told(rest=rest, from_input=rest[:1] in ((), (INPUT_SIGN,)))
            del waiting[0]
            if argument.startswith(b"--"):
                if argument.split(b"=", 1)[0] in letters.long_code:
                    return NOTHING
                del waiting[: argument in letters.long_valued]
            elif (told := _cluster(letters, argument[1:], waiting)) is not None:
                return told
        return Told(from_input=True)

    return read


def _cluster(letters: _Letters, cluster: bytes, waiting: list[bytes]) -> Told | None:
    """Reads joined letters and takes values off `waiting`; what they lead to when they end the options."""
    while cluster:
        letter, cluster = cluster[:1], cluster[1:]
        if letter in letters.code:
            code = cluster or b"".join(waiting[:1])
            return NOTHING if letters.started_by is None else Told(loads=letters.started_by(code))
        if letter in letters.from_input:
            return Told(from_input=True)
        if letter in letters.module:
            name = (cluster or b"".join(waiting[:1])).decode("utf-8", "replace")
            behind = tuple(waiting if cluster else waiting[1:])
            return Told(module=name, behind=behind) if MODULE.fullmatch(name) else NOTHING
        if letter in letters.attached:
            return None
        if letter in letters.valued:
            del waiting[: not cluster]
            return None
        if letter in letters.later:
            del waiting[:1]
        if letter in letters.digits and (digits := _DIGITS.match(cluster)):
            cluster = cluster[digits.end() :]
    return None


LETTERS: Final[dict[str, Reader]] = {
    "python": _reader(_PYTHON),
    "ruby": _reader(_RUBY),
    "perl": _reader(_PERL),
    "shell": _reader(_SHELL),
    "fish": _reader(_FISH),
}
