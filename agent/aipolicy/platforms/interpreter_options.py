"""How each family of interpreters reads its options, as far as needed to find the script behind them.

Facts about other people's programs: a new option with a value of its own is a word added here.
"""

import re
from collections.abc import Callable
from typing import Final

from aipolicy.core.model import Record


class Told(Record, frozen=True, kw_only=True):
    """What the options lead to: rest starts with the script, or a module is named, or neither.

    loads: what was to be loaded before, or is named by typed-in code. behind: the arguments of the module.
    from_input: the script is what the program reads from its input.
    """

    rest: tuple[bytes, ...] = ()
    module: str | None = None
    loads: tuple[bytes, ...] = ()
    behind: tuple[bytes, ...] = ()
    from_input: bool = False


Reader = Callable[[list[bytes]], Told]
_NOTHING: Final = Told()
_INPUT: Final = b"-"

# --- the JavaScript runtimes -----------------------------------------------------------------------------
# Values of V8 options (--max-old-space-size) come with "=" only; of node's own also as the next argument.
# The list is getCLIOptionsInfo() of node 20 and 24: every option of type string, number, host or list.

_NODE_VALUED = frozenset(
    b"""-r --require --import --loader --experimental-loader -C --conditions --input-type --title --env-file
    --env-file-if-exists --inspect-port --debug-port --icu-data-dir --openssl-config --disable-proto
    --disable-warning --dns-result-order --diagnostic-dir --max-http-header-size --redirect-warnings
    --report-dir --report-directory --report-filename --report-signal --secure-heap --secure-heap-min
    --security-revert --snapshot-blob --tls-cipher-list --tls-keylog --trace-event-categories
    --trace-event-file-pattern --trace-require-module --unhandled-rejections --use-largepages --v8-pool-size
    --watch-path --watch-kill-signal --cpu-prof-dir --cpu-prof-interval --cpu-prof-name --heap-prof-dir
    --heap-prof-interval --heap-prof-name --heapsnapshot-near-heap-limit --heapsnapshot-signal
    --experimental-default-type --experimental-policy --policy-integrity --inspect-publish-uid
    --network-family-autoselection-attempt-timeout --allow-fs-read --allow-fs-write --localstorage-file
    --experimental-config-file --test-concurrency --test-name-pattern --test-skip-pattern --test-reporter
    --test-reporter-destination --test-shard --test-timeout --test-isolation --test-global-setup
    --test-coverage-include --test-coverage-exclude --test-coverage-branches --test-coverage-functions
    --test-coverage-lines --build-snapshot-config""".split()
)
_NODE_LOADS = frozenset(b"-r --require --import --loader --experimental-loader".split())
_BUN_LOADS = _NODE_LOADS | {b"--preload"}
_MOST_LOADS: Final = 8
_NODE_TYPED = frozenset(b"-e --eval -p --print -pe".split())
_NODE_CODE = frozenset(
    b"-e --eval -p --print -pe -i --interactive --run --test --experimental-sea-config --build-sea".split()
)
_NODE_CHECKS = frozenset({b"-c", b"--check"})
_NODE_NOT_RUN = _NODE_CODE | _NODE_CHECKS
"""With these no script runs: code is typed in, or a script is only checked for its syntax."""
_BUN_VALUED = _NODE_VALUED | frozenset(
    b"""--preload --cwd -c --config -d --define -l --port --origin -F --filter --shell --extension-order
    --tsconfig-override --main-fields --jsx-factory --jsx-fragment --jsx-import-source --jsx-runtime
    --elide-lines --install --drop --user-agent""".split()
)
_BUN_OTHER = frozenset(
    b"""x exec test repl install i add a remove rm update outdated link unlink publish patch patch-commit pm
    build init create c upgrade info audit why completions getcompletes discord feedback""".split()
)
_DENO_VALUED = frozenset(
    b"""-c --config --import-map --cert --location --seed --ext --log-level -L --env-file --preload --import
    --conditions --minimum-dependency-age --unsafely-ignore-certificate-errors --port --host""".split()
)
_DENO_LOADS = frozenset({b"--preload", b"--import"})
_DENO_RUNS = frozenset({b"run", b"serve", b"watch"})
_DENO_OTHER = frozenset(
    b"""add approve-scripts audit bench bundle cache check clean compile completions coverage create deploy
    doc eval fmt help info init install i jupyter lint lsp outdated publish remove repl sandbox task test
    types uninstall update upgrade vendor x""".split()
)


def read_node(arguments: list[bytes]) -> Told:
    rest = _positionals(arguments, _NODE_VALUED, _NODE_NOT_RUN)
    loads = _loads(arguments, _NODE_VALUED, _NODE_LOADS, _NODE_CHECKS)
    if rest is None:
        return Told(loads=loads)
    rest = rest[1:] if rest[:1] in ([b"inspect"], [b"debug"]) else rest
    return Told(rest=tuple(rest), loads=loads, from_input=rest[:1] in ([], [_INPUT]))


def read_bun(arguments: list[bytes]) -> Told:
    rest = _positionals(arguments, _BUN_VALUED, _NODE_CODE) or []
    loads = _loads(arguments, _BUN_VALUED, _BUN_LOADS)
    if rest[:1] == [b"run"]:
        arguments = rest[1:]
        rest = _positionals(arguments, _BUN_VALUED, _NODE_CODE) or []
        loads += _loads(arguments, _BUN_VALUED, _BUN_LOADS)
    rest = [] if rest[:1] and rest[0] in _BUN_OTHER else rest
    return Told(rest=tuple(rest), loads=loads, from_input=rest[:1] == [_INPUT])


def read_deno(arguments: list[bytes]) -> Told:
    rest = _positionals(arguments, _DENO_VALUED, frozenset()) or []
    loads = _loads(arguments, _DENO_VALUED, _DENO_LOADS)
    if rest and rest[0] in _DENO_RUNS:
        arguments = rest[1:]
        rest = _positionals(arguments, _DENO_VALUED, frozenset()) or []
        loads += _loads(arguments, _DENO_VALUED, _DENO_LOADS)
    if not rest or rest[0] in _DENO_OTHER:
        return _NOTHING
    return Told(rest=tuple(rest), loads=loads, from_input=rest[0] == _INPUT)


def _positionals(
    arguments: list[bytes], valued: frozenset[bytes], code: frozenset[bytes]
) -> list[bytes] | None:
    """What is left from the first argument that is no option and no option's value on. None: code runs."""
    index = 0
    while index < len(arguments):
        argument = arguments[index]
        if argument == b"--":
            return arguments[index + 1 :]
        if argument == b"-" or not argument.startswith(b"-"):
            return arguments[index:]
        if argument.split(b"=", 1)[0] in code:
            return None
        index += 2 if argument in valued else 1
    return []


def _loads(
    arguments: list[bytes],
    valued: frozenset[bytes],
    loading: frozenset[bytes],
    checks: frozenset[bytes] = frozenset(),
) -> tuple[bytes, ...]:
    """What the options load, a few at most; nothing where the program only checks a script.

    Of typed-in code (`-e`) it is what that names as a module to import, in so many words. Options behind it
    are read as well.
    """
    found: list[bytes] = []
    waiting = list(arguments)
    while waiting and len(found) < _MOST_LOADS:
        option, equals, value = waiting.pop(0).partition(b"=")
        if option in checks:
            return ()
        if not option.startswith(b"-") or option in (b"-", b"--"):
            break
        if not equals and waiting and (option in valued or option in _NODE_TYPED):
            value = waiting.pop(0)
        if option in _NODE_TYPED:
            found += _IMPORTED.findall(value)
        elif option in loading and value:
            found.append(value)
    return tuple(found[:_MOST_LOADS])


_IMPORTED: Final = re.compile(
    rb"""\b(?:import|require|Worker)\)?\s{0,9}\(\s{0,9}["'`]([^"'`\n]{1,4096})["'`]"""
)


# --- programs that run another program file --------------------------------------------------------------
# ld.so(8) of glibc and musl; qemu's user mode, which binfmt_misc puts before programs of other processors.

_LOADER_VALUED = frozenset(
    b"""--library-path --preload --audit --argv0 --inhibit-rpath --glibc-hwcaps-prepend --glibc-hwcaps-mask
    -L -E -U -0 -r -B -R -g -s -cpu -d -dfilter -D -p -seed -trace -plugin""".split()
)
_LOADER_OTHER = frozenset(b"--help --version --list-tunables --list-diagnostics".split())


def read_loader(arguments: list[bytes]) -> Told:
    return Told(rest=tuple(_positionals(arguments, _LOADER_VALUED, _LOADER_OTHER) or ()))


# --- python, ruby, perl, shells: letters may be joined ("-Im mod", "-ec code") ---------------------------


class _Letters(Record, frozen=True, kw_only=True):
    """What option letters take.

    valued: the rest of the argument, or the next one. attached: the rest only. digits: digits that follow.
    later: the next argument even where letters follow ("-eou pipefail"). code: what runs is no file, or the
    file is only checked. from_input: what runs is read from the input, whatever follows.
    dash_ends: a lone "-" ends the options, instead of meaning the input.
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


_PYTHON = _Letters(valued=b"WX", code=b"c", module=b"m", long_valued=frozenset({b"--check-hash-based-pycs"}))
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
MODULE: Final = re.compile(r"\w+(\.\w+)*")


def _reader(letters: _Letters) -> Reader:
    def read(arguments: list[bytes]) -> Told:
        waiting = list(arguments)
        while waiting:
            argument = waiting[0]
            ends = argument == b"--" or (argument == b"-" and letters.dash_ends)
            if ends or argument == _INPUT or argument[:1] not in (letters.signs[:1], letters.signs[-1:]):
                rest = tuple(waiting[1:] if ends else waiting)
                return Told(rest=rest, from_input=rest[:1] in ((), (_INPUT,)))
            del waiting[0]
            if argument.startswith(b"--"):
                if argument.split(b"=", 1)[0] in letters.long_code:
                    return _NOTHING
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
            return _NOTHING
        if letter in letters.from_input:
            return Told(from_input=True)
        if letter in letters.module:
            name = (cluster or b"".join(waiting[:1])).decode("utf-8", "replace")
            behind = tuple(waiting if cluster else waiting[1:])
            return Told(module=name, behind=behind) if MODULE.fullmatch(name) else _NOTHING
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


READERS: Final[dict[str, Reader]] = {
    "node": read_node,
    "bun": read_bun,
    "deno": read_deno,
    "python": _reader(_PYTHON),
    "ruby": _reader(_RUBY),
    "perl": _reader(_PERL),
    "shell": _reader(_SHELL),
    "fish": _reader(_FISH),
    "loader": read_loader,
}
