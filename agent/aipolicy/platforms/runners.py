"""Programs that run a script which their own arguments name: `python -m pdb x.py`, `ts-node x.ts`.

Facts about other people's programs, each found by its name alone: what they are told to run is then judged as
any other script is. Those that start a process of their own for it need no word here.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from aipolicy.platforms.told import MODULE, Told


class _Runner(NamedTuple):
    """valued: its options that have a value. word: what has to come first. code: with these no file runs."""

    valued: frozenset[bytes] = frozenset()
    word: bytes = b""
    code: frozenset[bytes] = frozenset()


def _words(text: str) -> frozenset[bytes]:
    return frozenset(text.encode().split())


# From `python -m NAME --help` of 3.11, coverage 7.6, debugpy 1.8, IPython 8 (which takes --name=value only),
# and ts-node 10.9, src/bin.ts.
_PROFILE: Final = _Runner(valued=_words("-o --outfile -s --sort"))
_RUNNERS: Final = {
    "pdb": _Runner(valued=_words("-c --command")),
    "cProfile": _PROFILE,
    "profile": _PROFILE,
    "trace": _Runner(valued=_words("-f --file -C --coverdir --ignore-module --ignore-dir")),
    "runpy": _Runner(),
    "coverage": _Runner(
        valued=_words("--concurrency --context --data-file --include --omit --rcfile --source --debug -L"),
        word=b"run",
    ),
    "debugpy": _Runner(
        valued=_words("--listen --connect --log-to --adapter-access-token --configure"),
    ),
    "IPython": _Runner(code=_words("-c")),
    "ts-node": _Runner(
        valued=_words(
            "-r --require -C --compiler -I --ignore -P --project -D --ignoreDiagnostics -O --compilerOptions"
            " --cwd-mode --dir --scopeDir --moduleTypes"
        ),
        code=_words("-e --eval -p --print -pe -i --interactive"),
    ),
}
_SCRIPTS: Final = re.compile(
    rb"(?:.*/)?(?:(coverage|debugpy)[-.\d]*|(ipython)[-.\d]*|(ts-node)[-\w]*|ts-script)"
    rb"|.*/node_modules/(ts-node)/dist/bin[-\w]*\.js"
)
"""What starts them: a command, or the script behind it."""
_MODULE_OPTIONS: Final = frozenset({b"-m", b"--module"})


def read_runner(told: Told) -> Told:
    """What the runner was told to run; what is none, or was told nothing of the kind, stays as it is."""
    name, waiting = _named(told)
    runner = _RUNNERS.get(name)
    if runner is None or (runner.word and waiting[:1] != [runner.word]):
        return told
    del waiting[: bool(runner.word)]
    while waiting:
        argument = waiting.pop(0)
        if argument in runner.code:
            return told
        if name == "runpy" or argument in _MODULE_OPTIONS:
            module = (argument if name == "runpy" else b"".join(waiting[:1])).decode("utf-8", "replace")
            return Told(module=module, loads=told.loads) if MODULE.fullmatch(module) else told
        if argument != b"--" and not argument.startswith(b"-"):
            return Told(rest=(argument,), loads=told.loads)
        del waiting[: argument in runner.valued]
    return told


def _named(told: Told) -> tuple[str, list[bytes]]:
    if told.module is not None:
        return told.module, list(told.behind)
    return _by_script(told.rest), list(told.rest[1:])


def _by_script(rest: Sequence[bytes]) -> str:
    found = _SCRIPTS.fullmatch(rest[0]) if rest else None
    if found is None:
        return ""
    name = next((one for one in found.groups() if one), b"ts-node").decode()
    return "IPython" if name == "ipython" else name
