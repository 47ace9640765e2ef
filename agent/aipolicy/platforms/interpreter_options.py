"""How each family of interpreters reads its options, as far as needed to find the script behind them.

Facts about other people's programs: a new option with a value of its own is a word added here.
"""

import re
from typing import Final

from aipolicy.platforms.option_letters import LETTERS
from aipolicy.platforms.told import INPUT_SIGN, NOTHING, Reader, Told

# --- the JavaScript runtimes -----------------------------------------------------------------------------
# Values of V8 options (--max-old-space-size) come with "=" only; of node's own also as the next argument.
# The list is getCLIOptionsInfo() of node 20, 24 and 26: every option of type string, number, host or list.

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
    --test-coverage-lines --test-random-seed --test-rerun-failures --experimental-test-tag-filter
    --build-snapshot-config --experimental-package-map --config-file --vfs-load --process-timeout
    --stack-trace-limit --max-old-space-size-percentage --bench-reporter --bench-reporter-destination
    --bench-samples --bench-warmup --bench-isolation --bench-name-pattern""".split()
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
    instead = read_node(rest[1:]).rest[:1] if _may_be_a_value(arguments, rest) else ()
    return Told(
        rest=tuple(rest),
        loads=loads,
        from_input=rest[:1] in ([], [INPUT_SIGN]),
        instead=instead[0] if instead else None,
    )


def read_bun(arguments: list[bytes]) -> Told:
    rest = _positionals(arguments, _BUN_VALUED, _NODE_CODE) or []
    loads = _loads(arguments, _BUN_VALUED, _BUN_LOADS)
    if rest[:1] == [b"run"]:
        arguments = rest[1:]
        rest = _positionals(arguments, _BUN_VALUED, _NODE_CODE) or []
        loads += _loads(arguments, _BUN_VALUED, _BUN_LOADS)
    rest = [] if rest[:1] and rest[0] in _BUN_OTHER else rest
    return Told(rest=tuple(rest), loads=loads, from_input=rest[:1] == [INPUT_SIGN])


def read_deno(arguments: list[bytes]) -> Told:
    rest = _positionals(arguments, _DENO_VALUED, frozenset()) or []
    loads = _loads(arguments, _DENO_VALUED, _DENO_LOADS)
    if rest and rest[0] in _DENO_RUNS:
        arguments = rest[1:]
        rest = _positionals(arguments, _DENO_VALUED, frozenset()) or []
        loads += _loads(arguments, _DENO_VALUED, _DENO_LOADS)
    if rest[:1] == [b"eval"]:
        typed = _positionals(rest[1:], _DENO_VALUED, frozenset()) or [b""]
        return Told(loads=_imported(typed[0])[:_MOST_LOADS])
    if not rest or rest[0] in _DENO_OTHER:
        return NOTHING
    return Told(rest=tuple(rest), loads=loads, from_input=rest[0] == INPUT_SIGN)


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


def _may_be_a_value(arguments: list[bytes], rest: list[bytes]) -> bool:
    """Of an option that we do not know. What looks like a script is one, though it be gone by now."""
    before = arguments[: len(arguments) - len(rest)][-1:]
    looks = bool(rest) and not (b"/" in rest[0] or b"." in rest[0])
    return (
        looks
        and before != []
        and before[0].startswith(b"--")
        and before[0] != b"--"
        and b"=" not in before[0]
    )


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
            found += _imported(value)
        elif option in loading and value:
            found.append(value)
    return tuple(found[:_MOST_LOADS])


def _imported(code: bytes) -> tuple[bytes, ...]:
    return tuple(filter(None, _IMPORTED.findall(code)))


_IMPORTED: Final = re.compile(
    rb"""\b(?:import|require|Worker)\)?\s{0,9}\(\s{0,9}(?:new\s{1,9}URL\s{0,9}\(\s{0,9})?"""
    rb"""["'`]([^"'`\n]{1,4096})["'`]"""
    rb"""|"(?:[^"\\\n]|\\.)*+"?|'(?:[^'\\\n]|\\.)*+'?|`[^`$\\]*`|//[^\n]*|/\*[^*]*\*/"""
)
"""What code imports. Texts and comments are passed over: code that quotes such a call imports nothing. A text
that does not end is one all the same, see core.python_text."""


# --- programs that run another program file --------------------------------------------------------------
# ld.so(8) of glibc and musl; qemu's user mode, which binfmt_misc puts before programs of other processors.

_LOADER_VALUED = frozenset(
    b"""--library-path --preload --audit --argv0 --inhibit-rpath --glibc-hwcaps-prepend --glibc-hwcaps-mask
    -L -E -U -0 -r -B -R -g -s -cpu -d -dfilter -D -p -seed -trace -plugin""".split()
)
_LOADER_OTHER = frozenset(b"--help --version --list-tunables --list-diagnostics".split())


def read_loader(arguments: list[bytes]) -> Told:
    return Told(rest=tuple(_positionals(arguments, _LOADER_VALUED, _LOADER_OTHER) or ()))


READERS: Final[dict[str, Reader]] = {
    "node": read_node,
    "bun": read_bun,
    "deno": read_deno,
    "loader": read_loader,
    **LETTERS,
}
