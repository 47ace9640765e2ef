"""Given how an interpreter was called, then the script is found and no other argument is ever kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aipolicy.platforms.interpreters import INPUT, family_of, what_runs

SECRET = "SECRET"
READ = INPUT.decode()

SCRIPTS = [
    # how it was called (the first word is the program's file), the script or module that runs
    ("/usr/bin/node x.js", "x.js"),
    ("/usr/bin/node --max-old-space-size=8192 x.js SECRET", "x.js"),
    ("/usr/bin/node --expose-gc /opt/q/cli.js --prompt SECRET", "/opt/q/cli.js"),
    ("/usr/bin/node -r hook x.js", "x.js"),
    ("/usr/bin/node --require hook --import hook x.js", "x.js"),
    ("/usr/bin/node --import=hook x.js", "x.js"),
    ("/usr/bin/node -- x.js SECRET", "x.js"),
    ("/usr/bin/node -- -odd-name.js", "-odd-name.js"),
    ("/usr/bin/node inspect x.js", "x.js"),
    ("/usr/bin/node -e SECRET x.js", None),
    ("/usr/bin/node -pe SECRET", None),
    ("/usr/bin/node --eval=SECRET SECRET", None),
    ("/usr/bin/node --test SECRET", None),
    ("/usr/bin/node --check SECRET", None),  # `node --check cli.js` was ended as the tool
    ("/usr/bin/node -r SECRET -c SECRET", None),
    ("/n/bun -c SECRET x.ts", "x.ts"),
    ("/usr/bin/perl -wc SECRET", None),
    ("/usr/bin/ruby -c SECRET", None),
    ("/usr/bin/node -", READ),
    ("/usr/bin/node", READ),
    ("/usr/bin/node --input-type=module - SECRET", READ),
    ("/usr/bin/node --check -", None),
    ("/usr/bin/node --test", None),
    ("/n/bun -", READ),
    ("/n/bun run - SECRET", READ),
    ("/n/bun", None),
    ("/n/deno run -A - SECRET", READ),
    ("/n/deno", None),
    ("/usr/bin/python3 -u -", READ),
    ("/usr/bin/python3 -", READ),
    ("/usr/bin/python3 -m json.tool SECRET", "module json.tool"),
    ("/usr/bin/perl -w", READ),
    ("/usr/bin/node /n/bin/ts-node --transpile-only -P SECRET x.ts SECRET", "x.ts"),
    ("/usr/bin/node /n/node_modules/ts-node/dist/bin-esm.js x.ts SECRET", "x.ts"),
    ("/usr/bin/node /n/bin/ts-node -e SECRET", "/n/bin/ts-node"),
    ("/usr/bin/node /n/tools/dist/bin.js SECRET", "/n/tools/dist/bin.js"),
    ("/usr/bin/python3 /v/bin/coverage run --source SECRET x.py", "x.py"),
    ("/usr/bin/python3 /v/bin/coverage report SECRET", "/v/bin/coverage"),
    ("/usr/bin/python3 /v/bin/ipython3 --simple-prompt -m aider SECRET", "module aider"),
    ("/usr/bin/python3 /v/bin/ipython -c SECRET", "/v/bin/ipython"),
    ("/usr/bin/python3 /v/bin/my-coverage run SECRET", "/v/bin/my-coverage"),
    ("/usr/bin/nodejs x.js", "x.js"),
    ("/n/bun/bin/bun.exe x.ts", "x.ts"),
    ("/n/bun run x.ts SECRET", "x.ts"),
    ("/n/bun --cwd SECRET run --preload hook x.ts", "x.ts"),
    ("/n/bun install SECRET", None),
    ("/n/bun x SECRET", None),
    ("/n/bun -e SECRET", None),
    ("/n/deno run -A x.ts SECRET", "x.ts"),
    ("/n/deno run --allow-read=SECRET --config SECRET x.ts", "x.ts"),
    ("/n/deno x.ts", "x.ts"),
    ("/n/deno run -A npm:@anthropic-ai/claude-code", "npm:@anthropic-ai/claude-code"),
    ("/n/deno eval SECRET", None),
    ("/n/deno task SECRET", None),
    ("/usr/bin/python3.11 x.py SECRET", "x.py"),
    ("/usr/bin/python3 -X dev -W ignore x.py", "x.py"),
    ("/usr/bin/python3 -Xdev -Wignore -IEs x.py", "x.py"),
    ("/usr/bin/python3 --check-hash-based-pycs always x.py", "x.py"),
    ("/usr/bin/python3 -c SECRET x.py", None),
    ("/usr/bin/python3 -uc SECRET", None),
    ("/usr/bin/python3 -m aider SECRET", "module aider"),
    ("/usr/bin/python3 -Im open_interpreter.cli SECRET", "module open_interpreter.cli"),
    ("/usr/bin/python3 -maider SECRET", "module aider"),
    ("/usr/bin/python3 -m", None),
    ("/usr/bin/python3 -m pdb -c SECRET x.py SECRET", "x.py"),
    ("/usr/bin/python3 -m pdb -m aider SECRET", "module aider"),
    ("/usr/bin/python3 -Im cProfile -o SECRET -s SECRET x.py", "x.py"),
    ("/usr/bin/python3 -m runpy aider SECRET", "module aider"),
    ("/usr/bin/python3 -m coverage run --source SECRET -m aider", "module aider"),
    ("/usr/bin/python3 -m coverage report SECRET", "module coverage"),
    ("/usr/bin/python3 -m debugpy --listen SECRET x.py", "x.py"),
    ("/usr/bin/python3 -m pdb", "module pdb"),
    ("/usr/bin/pypy3.10 x.py", "x.py"),
    ("/usr/bin/ruby -I SECRET -r SECRET x.rb", "x.rb"),
    ("/usr/bin/ruby3.1 -W0 -w x.rb", "x.rb"),
    ("/usr/bin/ruby -ne SECRET x", None),
    ("/usr/bin/perl -w -I SECRET x.pl", "x.pl"),
    ("/usr/bin/perl -lne SECRET x.txt", None),
    ("/usr/bin/perl -0777 -pi.bak -e SECRET x.txt", None),
    ("/usr/bin/perl -0777ne SECRET x.txt", None),
    ("/usr/bin/perl -MSECRET x.pl", "x.pl"),
    ("/usr/bin/bash x.sh SECRET", "x.sh"),
    ("/usr/bin/bash -c SECRET x", None),
    ("/usr/bin/bash -lc SECRET x", None),
    ("/usr/bin/bash -eo pipefail x.sh", "x.sh"),
    ("/usr/bin/bash -euo pipefail -x x.sh", "x.sh"),
    ("/usr/bin/bash +o posix -O extglob --norc --rcfile SECRET x.sh", "x.sh"),
    ("/usr/bin/bash - x.sh", "x.sh"),
    ("/usr/bin/bash -s SECRET", READ),
    ("/usr/bin/dash /home/a/.local/share/pnpm/bin/gemini SECRET", "/home/a/.local/share/pnpm/bin/gemini"),
    ("/usr/bin/fish -C SECRET x.fish", "x.fish"),
    ("/usr/bin/fish --command SECRET x", None),
    ("/bin/busybox sh x.sh SECRET", "x.sh"),
    ("/bin/busybox cat SECRET", None),
    ("/lib64/ld-linux-x86-64.so.2 ./tool SECRET", "./tool"),
    ("/lib64/ld-linux-x86-64.so.2 --library-path SECRET --argv0 SECRET ./tool", "./tool"),
    ("/lib64/ld-linux-x86-64.so.2 /usr/bin/node --import hook cli.js SECRET", "cli.js"),
    ("/lib64/ld-linux-x86-64.so.2 /usr/bin/node -e SECRET", "/usr/bin/node"),
    ("/lib/ld-musl-x86_64.so.1 --preload SECRET -- ./tool", "./tool"),
    ("/usr/bin/qemu-aarch64-static -L SECRET ./tool SECRET", "./tool"),
]


@pytest.mark.parametrize(("called", "expected"), SCRIPTS, ids=[called for called, _ in SCRIPTS])
def test_the_script_is_found_behind_the_options(called: str, expected: str | None) -> None:
    words = called.encode().split()
    ran = what_runs(words[0], words)
    assert ran is not None
    found = ran.script.decode() if ran.script is not None else f"module {ran.module}" if ran.module else None
    assert found == expected
    assert SECRET not in repr(ran)


LOADS = [
    # how it was called, what is loaded before the script
    ("/usr/bin/node --import ./a.js", ["./a.js"]),
    ("/usr/bin/node --import=./a.js x.js --import SECRET", ["./a.js"]),
    ("/usr/bin/node -r ./a.js --title SECRET --loader ./b.mjs x.js", ["./a.js", "./b.mjs"]),
    ("/usr/bin/node -e SECRET --import ./a.js", ["./a.js"]),
    ("/usr/bin/node -r ./a.js --check x.js", []),
    ("/usr/bin/node -- --import SECRET", []),
    ("/usr/bin/node x.js -r SECRET", []),
    ("/n/bun --preload ./a.ts run --preload ./b.ts x.ts", ["./a.ts", "./b.ts"]),
    ("/n/deno run --preload=./a.ts x.ts", ["./a.ts"]),
    ("/lib64/ld-linux-x86-64.so.2 /usr/bin/node --import ./a.js", ["/usr/bin/node", "./a.js"]),
    ("/lib64/ld-linux-x86-64.so.2 ./node x.js", ["./node"]),  # a renamed tool was taken for node
    ("/usr/bin/node -e import('./a.js');require(`b/c`);SECRET", ["./a.js", "b/c"]),
    ("/usr/bin/node --eval=import('./a.js')", ["./a.js"]),
    ("/usr/bin/node -p new(require('worker_threads').Worker)('./a.js')", ["worker_threads", "./a.js"]),
    ("/usr/bin/node -e readFileSync('SECRET');require.resolve('SECRET');important('SECRET')", []),
    ("/n/bun -e import('./a.js')", ["./a.js"]),
    # it quotes such a call, or speaks of it
    ("""/usr/bin/node -e help="import('./a.js')";more='require(`b`)';""", []),
    ("/usr/bin/node -e //import('./a.js')", []),
    ("/usr/bin/node -e /*import('./a.js')*/import('./b.js')", ["./b.js"]),
]


@pytest.mark.parametrize(("called", "expected"), LOADS, ids=[called for called, _ in LOADS])
def test_a_script_given_as_an_option_is_found(called: str, expected: list[str]) -> None:
    words = called.encode().split()
    ran = what_runs(words[0], words)
    assert ran is not None
    assert [load.decode() for load in ran.loads] == expected
    assert SECRET not in repr(ran)


def test_a_thread_of_a_url() -> None:
    ran = what_runs(b"/usr/bin/node", [b"node", b"-e", b"new (w.Worker)(new URL('file:///a.js'))"])
    assert ran is not None
    assert ran.loads == (b"file:///a.js",)


def test_a_title_over_the_arguments_is_no_call_without_a_script() -> None:
    """`node cli.js < prompt.txt` that calls itself claude: what it is asked is not its script."""
    titled = what_runs(b"/usr/bin/node", [b"claude"], b"claude")
    assert titled is not None
    assert titled.script is None
    called = what_runs(b"/usr/bin/node", [b"innocent"], b"node")  # exec -a innocent node < cli.js
    assert called is not None
    assert called.script == INPUT


def test_an_interpreter_under_another_name_is_read_as_what_it_is() -> None:
    words = b"/home/a/x --no-warnings cli.js SECRET".split()
    assert what_runs(words[0], words, b"x") is None
    ran = what_runs(words[0], words, b"x", family="node")
    assert ran is not None
    assert (ran.family, ran.script) == ("node", b"cli.js")


@pytest.mark.parametrize(
    "program",
    [
        "/usr/bin/vim",
        "/usr/bin/java",
        "/opt/claude",
        "/usr/bin/nodemon-x",
        "/usr/bin/git",
        "/usr/bin/ssh",
        "",
    ],
)
def test_a_native_program_has_no_script(program: str) -> None:
    assert family_of(program.encode()) is None
    assert what_runs(program.encode(), [program.encode(), b"/home/a/SECRET", b"SECRET"], b"vim") is None


def test_an_interpreter_that_was_replaced_on_disk_is_still_one() -> None:
    assert family_of(b"/home/a/.nvm/bin/node (deleted)") == "node"


def test_bunx_names_a_package_and_not_a_file() -> None:
    ran = what_runs(b"/n/bun", [b"bunx", b"SECRET"])
    assert ran is not None
    assert ran.script is None


def test_a_script_of_any_interpreter_is_known_by_the_name_the_kernel_gives_it() -> None:
    """`#!/home/a/bin/mynode`: argv is interpreter, script; comm is the script's base name, 15 bytes of it."""
    ran = what_runs(
        b"/home/a/bin/mynode", [b"/home/a/bin/mynode", b"/home/a/bin/my-very-long-tool"], b"my-very-long-to"
    )
    assert ran is not None
    assert ran.script == b"/home/a/bin/my-very-long-tool"
    with_option = what_runs(b"/usr/bin/gawk", [b"/usr/bin/gawk", b"-f", b"./report"], b"report")
    assert with_option is not None
    assert with_option.script == b"./report"


def test_a_document_is_no_script() -> None:
    assert what_runs(b"/usr/bin/vim.basic", [b"vim", b"/home/a/vim"], b"vim") is None
    assert what_runs(b"/usr/bin/vim.basic", [b"vim", b"/home/a/letter.txt"], b"vim") is None


@given(
    st.lists(st.binary(max_size=20), max_size=12),
    st.sampled_from([called.split()[0] for called, _ in SCRIPTS]),
)
def test_whatever_the_arguments_at_most_one_of_them_is_kept(arguments: list[bytes], program: str) -> None:
    ran = what_runs(program.encode(), [program.encode(), *arguments])
    assert ran is not None
    assert ran.script in (None, INPUT, *arguments)
    assert ran.script is None or ran.module is None
    assert all(any(load in argument for argument in arguments) for load in ran.loads)
