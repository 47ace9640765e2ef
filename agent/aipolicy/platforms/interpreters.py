"""What an interpreter was told to run: the one script or module among its arguments, nothing else of them.

Pure, and the only place that takes arguments apart. Knows the option syntax of each family of interpreters;
reading the arguments and finding the file are the platform's part.
"""

import re
from collections.abc import Callable, Sequence

from aipolicy.core.model import Record


class Ran(Record, frozen=True, kw_only=True):
    """What runs. At most one of script and module is set; both None: code typed in, or nothing.

    script: as it was given, perhaps relative. module: what `python -m` names.
    family: node, bun, deno, python, ruby, perl, shell, loader or shebang: how a file is found from the name.
    interpreter: the interpreter as it was called (argv[0]); it leads to a virtual environment.
    """

    family: str
    script: bytes | None = None
    module: str | None = None
    interpreter: bytes = b""


def family_of(program: bytes) -> str | None:
    """The family of interpreters a program file belongs to, by its base name."""
    name = _base(program)
    for family, pattern in _NAMES:
        if pattern.fullmatch(name):
            return family
    return None


def what_runs(program: bytes, arguments: Sequence[bytes], comm: bytes = b"") -> Ran | None:
    """None: the program is no interpreter, it runs itself. comm: the kernel's short name of the process."""
    family = family_of(program)
    if family is None:
        return _by_shebang(program, arguments, comm)
    ran = _multicall(list(arguments)) if family == "multicall" else _READERS[family](list(arguments[1:]))
    if ran.family == "loader" and ran.script is not None:
        return _behind_loader(ran, ran.script, arguments)
    interpreter = arguments[0] if arguments else b""
    return Ran(family=ran.family, script=ran.script, module=ran.module, interpreter=interpreter)


# --- families --------------------------------------------------------------------------------------------

_VERSION = rb"[-.\d]*"
_NAMES: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("node", re.compile(rb"node(js)?" + _VERSION)),
    ("bun", re.compile(rb"bunx?(-profile|-debug|-baseline)?")),
    ("deno", re.compile(rb"deno")),
    (
        "python",
        re.compile(rb"(i?python|pypy|pythonw|graalpy)" + _VERSION + rb"([dtmu]+|-[\w.-]+)?", re.IGNORECASE),
    ),
    ("ruby", re.compile(rb"(j|truffle)?ruby" + _VERSION)),
    ("perl", re.compile(rb"perl" + _VERSION)),
    (
        "shell",
        re.compile(rb"(ba|da|z|k|mk|lk|pdk|a|ya|rba|rz)?sh" + _VERSION + rb"(-static|\.distrib)?|ksh93|fish"),
    ),
    ("multicall", re.compile(rb"busybox[\w.-]*|toybox[\w.-]*")),
    (
        "loader",
        re.compile(
            rb"(ld|ld-(linux|musl)[-\w]*|ld64|ld-[\d.]+)\.so[.\d]*|ld-[\d.]+\.so|qemu-[\w]+(-static)?"
        ),
    ),
)


def _base(path: bytes) -> bytes:
    name = path.rsplit(b"/", 1)[-1].removesuffix(b" (deleted)")
    return name.removesuffix(b".exe")  # npm's bun is bin/bun.exe on every OS


def _nothing(family: str) -> Ran:
    return Ran(family=family)


def _script(family: str, script: bytes) -> Ran:
    if not script or script == b"-":
        return _nothing(family)
    return Ran(family=family, script=script)


# --- the JavaScript runtimes -----------------------------------------------------------------------------
# Values of V8 options (--max-old-space-size) come with "=" only; of node's own also as the next argument.
# The list is `getCLIOptionsInfo()` of node 20 and 24: every option of type string, number, host or list.

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
_NODE_CODE = frozenset(
    b"-e --eval -p --print -pe -i --interactive --run --test --experimental-sea-config --build-sea".split()
)
_BUN_VALUED = _NODE_VALUED | frozenset(
    b"""--preload --cwd -c --config -d --define -l --port --origin -F --filter --shell --extension-order
    --tsconfig-override --main-fields --jsx-factory --jsx-fragment --jsx-import-source --jsx-runtime
    --elide-lines --install --drop --dns-result-order --max-http-header-size --user-agent""".split()
)
_BUN_NO_SCRIPT = frozenset(
    b"""x exec test repl install i add a remove rm update outdated link unlink publish patch patch-commit pm
    build init create c upgrade info audit why completions getcompletes discord feedback""".split()
)
_DENO_VALUED = frozenset(
    b"""-c --config --import-map --cert --location --seed --ext --log-level -L --env-file --preload --import
    --conditions --minimum-dependency-age --unsafely-ignore-certificate-errors --port --host""".split()
)
_DENO_RUNS = frozenset({b"run", b"serve", b"watch"})
_DENO_NO_SCRIPT = frozenset(
    b"""add approve-scripts audit bench bundle cache check clean compile completions coverage create deploy
    doc eval fmt help info init install i jupyter lint lsp outdated publish remove repl sandbox task test
    types uninstall update upgrade vendor x""".split()
)


def _node(arguments: list[bytes]) -> Ran:
    rest = _positionals(arguments, _NODE_VALUED, _NODE_CODE)
    if rest and rest[0] in (b"inspect", b"debug"):
        rest = rest[1:]
    return _script("node", rest[0]) if rest else _nothing("node")


def _bun(arguments: list[bytes]) -> Ran:
    rest = _positionals(arguments, _BUN_VALUED, _NODE_CODE)
    if rest and rest[0] == b"run":
        rest = _positionals(rest[1:], _BUN_VALUED, _NODE_CODE)
    if not rest or rest[0] in _BUN_NO_SCRIPT:
        return _nothing("bun")
    return _script("bun", rest[0])


def _deno(arguments: list[bytes]) -> Ran:
    rest = _positionals(arguments, _DENO_VALUED, frozenset())
    if rest and rest[0] in _DENO_RUNS:
        rest = _positionals(rest[1:], _DENO_VALUED, frozenset())
    if not rest or rest[0] in _DENO_NO_SCRIPT:
        return _nothing("deno")
    return _script("deno", rest[0])


def _positionals(arguments: list[bytes], valued: frozenset[bytes], code: frozenset[bytes]) -> list[bytes]:
    """What is left from the first argument that is no option and no option's value on."""
    index = 0
    while index < len(arguments):
        argument = arguments[index]
        if argument == b"--":
            return arguments[index + 1 :]
        if argument == b"-" or not argument.startswith(b"-"):
            return arguments[index:]
        if argument.split(b"=", 1)[0] in code:
            return []
        index += 2 if argument in valued else 1
    return []


# --- python, ruby, perl, shells: letters may be joined ("-Im mod", "-ec code") ---------------------------


class _Letters(Record, frozen=True, kw_only=True):
    """Option letters: valued take the rest of the argument or the next one, attached only the rest."""

    valued: bytes = b""
    attached: bytes = b""
    code: bytes = b""
    module: bytes = b""
    long_valued: frozenset[bytes] = frozenset()
    long_code: frozenset[bytes] = frozenset()


_PYTHON = _Letters(valued=b"WX", code=b"c", module=b"m", long_valued=frozenset({b"--check-hash-based-pycs"}))
_RUBY = _Letters(
    valued=b"IrCE",
    attached=b"0FKTWix",
    code=b"e",
    long_valued=frozenset(
        {b"--encoding", b"--external-encoding", b"--internal-encoding", b"--enable", b"--disable"}
    ),
)
_PERL = _Letters(valued=b"I", attached=b"0CDFMVimxl", code=b"eE")
_FISH_LONG = frozenset(
    {b"--command", b"--init-command", b"--debug", b"--debug-output", b"--profile", b"--features"}
)
_SHELL = _Letters(
    valued=b"oO",
    code=b"cs",
    long_valued=(frozenset({b"--rcfile", b"--init-file"}) | _FISH_LONG) - {b"--command"},
    long_code=frozenset({b"--command"}),
)


def _lettered(family: str, letters: _Letters, signs: bytes = b"-") -> Callable[[list[bytes]], Ran]:
    def read(arguments: list[bytes]) -> Ran:
        waiting = list(arguments)
        while waiting:
            argument = waiting.pop(0)
            if argument == b"--":
                return _script(family, waiting[0]) if waiting else _nothing(family)
            if argument[:1] not in (signs[:1], signs[-1:]) or len(argument) < 2:
                return _script(family, argument)
            if argument.startswith(b"--"):
                if argument.split(b"=", 1)[0] in letters.long_code:
                    return _nothing(family)
                if argument in letters.long_valued:
                    waiting = waiting[1:]
                continue
            ended = _cluster(family, letters, argument[1:], waiting)
            if ended is not None:
                return ended
        return _nothing(family)

    return read


def _cluster(family: str, letters: _Letters, cluster: bytes, waiting: list[bytes]) -> Ran | None:
    """Reads joined letters and takes a value off `waiting`; a Ran when they end the options."""
    for index in range(len(cluster)):
        letter, rest = cluster[index : index + 1], cluster[index + 1 :]
        if letter in letters.code:
            return _nothing(family)
        if letter in letters.module:
            name = rest or (waiting[0] if waiting else b"")
            text = name.decode("utf-8", "replace")
            return Ran(family=family, module=text if _MODULE.fullmatch(text) else None)
        if letter in letters.attached:
            return None
        if letter in letters.valued:
            # A shell takes the value from the next argument even where letters follow ("-eou pipefail").
            if family == "shell" or not rest:
                del waiting[:1]
            if family != "shell":
                return None
    return None


_MODULE = re.compile(r"\w+(\.\w+)*")

# --- programs that run another program file --------------------------------------------------------------

_LOADER_VALUED = frozenset(
    b"""--library-path --preload --audit --argv0 --inhibit-rpath --glibc-hwcaps-prepend --glibc-hwcaps-mask
    -L -E -U -0 -r -B -R -g -s -cpu -d -dfilter -D -p -seed -trace -plugin -version""".split()
)
_LOADER_CODE = frozenset(b"--help --version --list-tunables --list-diagnostics".split())


def _loader(arguments: list[bytes]) -> Ran:
    rest = _positionals(arguments, _LOADER_VALUED, _LOADER_CODE)
    return _script("loader", rest[0]) if rest else _nothing("loader")


def _behind_loader(ran: Ran, program: bytes, arguments: Sequence[bytes]) -> Ran:
    """`ld.so node cli.js`: the script is cli.js; `ld.so ./tool`: it is the tool."""
    if family_of(program) in (None, "loader"):
        return ran
    behind = what_runs(program, arguments[list(arguments).index(program, 1) :])
    return ran if behind is None or (behind.script is None and behind.module is None) else behind


def _multicall(arguments: list[bytes]) -> Ran:
    """busybox: the applet is argv[0], or the first argument."""
    if arguments and family_of(arguments[0]) == "multicall":
        arguments = arguments[1:]
    if arguments and family_of(arguments[0]) == "shell":
        return _READERS["shell"](arguments[1:])
    return _nothing("shell")


_READERS: dict[str, Callable[[list[bytes]], Ran]] = {
    "node": _node,
    "bun": _bun,
    "deno": _deno,
    "python": _lettered("python", _PYTHON),
    "ruby": _lettered("ruby", _RUBY),
    "perl": _lettered("perl", _PERL),
    "shell": _lettered("shell", _SHELL, signs=b"-+"),
    "loader": _loader,
}


def _by_shebang(program: bytes, arguments: Sequence[bytes], comm: bytes) -> Ran | None:
    """Any other interpreter that a `#!` line called: the kernel then names the process after the script.

    So awk, lua, or a renamed node are seen without a list of them, and no argument is mistaken for a script.
    """
    if not comm or comm == _base(program)[:15]:
        return None
    for argument in arguments[1:3]:
        if argument.startswith(b"-"):
            continue
        if b"/" in argument and argument.rsplit(b"/", 1)[-1][:15] == comm:
            return Ran(family="shebang", script=argument, interpreter=arguments[0])
    return None
