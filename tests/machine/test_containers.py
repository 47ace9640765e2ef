"""On a real kernel: what is installed in running containers and chroots, and what their owners make of it."""

import os
import shutil
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from aipolicy.core.model import Process, Unseen
from aipolicy.examine import MemoryCache
from aipolicy.observe.containers import MOST
from aipolicy.platforms import this_machine
from aipolicy.platforms.machine import Root
from aipolicy.tools import load
from host import FakeMachine
from installed import npm_package, put
from machine.real_packages import CLAUDE_SCRIPT, aider_wheel, native_claude, npm_prefix
from machine.roots import busybox_root, container, look_inside, looking_inside, seen_in
from machine_needs import NEEDS_LINUX, NEEDS_ROOT, Started, until

pytestmark = [NEEDS_LINUX, NEEDS_ROOT]

CATALOG = load()
MARKS = "\0".join(mark.literal for mark in CATALOG.by_id["claude-code"].marks).encode()
NATIVE_CLAUDE = b"\x7fELF" + b"\1" * (1 << 20) + MARKS
CLAUDE = "claude-code None certain native in a container of"


@pytest.fixture
def started() -> Iterator[Started]:
    with Started() as children:
        yield children


@pytest.fixture
def aside() -> Iterator[Path]:
    """A folder that no look of ours goes into, and that everybody may enter."""
    folder = Path(f"/var/lib/aipolicy-test-{os.getpid()}")
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return busybox_root(tmp_path_factory.mktemp("image") / "base")


def image(folder: Path, **files: bytes) -> Path:
    """A layer with programs, by their place."""
    for place, content in files.items():
        put(f"{folder}/{place}", content)
    return folder


def test_real_tools_in_a_container(started: Started, base: Path, tmp_path: Path) -> None:
    prefix = npm_prefix(CLAUDE_SCRIPT)
    with zipfile.ZipFile(aider_wheel()) as wheel:
        wheel.extractall(tmp_path / "layer/app/.venv/lib/python3.11/site-packages")
    (tmp_path / "layer/app/.venv/pyvenv.cfg").write_text("home = /usr/bin\n")
    renamed = {"/opt/tools/notes": str(native_claude())}
    box = container(started, base, tmp_path / "work", more=(prefix, tmp_path / "layer"), binds=renamed)
    cache = MemoryCache()
    found, unseen = seen_in(CATALOG, box, cache=cache)
    assert found == {
        "claude-code 1.0.100 certain npm global in a container of root: "
        "/lib/node_modules/@anthropic-ai/claude-code",
        "aider 0.86.2 certain venv in a container of root: "
        "/app/.venv/lib/python3.11/site-packages/aider_chat-0.86.2.dist-info",
        "claude-code 2.1.197 certain native in a container of root: /opt/tools/notes",
    }
    assert unseen == set()
    assert seen_in(CATALOG, box, cache=cache)[0] == found


def test_two_containers_of_one_image(started: Started, base: Path, tmp_path: Path) -> None:
    layer = image(tmp_path / "layer", **{"opt/x/notes": NATIVE_CLAUDE})
    boxes = [container(started, base, tmp_path / name, more=(layer,)) for name in "ab"]
    assert seen_in(CATALOG, *boxes) == (
        {f"{CLAUDE} root: #0:/opt/x/notes", f"{CLAUDE} root: #1:/opt/x/notes"},
        set(),
    )
    boxes[0].child.kill()
    boxes[0].child.wait()
    assert seen_in(CATALOG, *boxes)[0] == {f"{CLAUDE} root: #1:/opt/x/notes"}


def test_a_rootless_container_belongs_to_who_runs_it(started: Started, base: Path, aside: Path) -> None:
    layer = image(aside / "layer", **{"src/claude": NATIVE_CLAUDE})
    shutil.copytree(base, aside / "base", symlinks=True)
    (aside / "work").mkdir()
    os.chown(aside / "work", 300_000, 300_000)
    box = container(started, aside / "base", aside / "work", more=(layer,), first_uid=300_000)
    box.sh("mkdir -p /root/.local/bin /home/bob/bin; cp /src/claude /root/.local/bin/")
    box.sh("cp /src/claude /home/bob/bin/; chown -R 1000:1000 /home/bob")
    found, unseen = seen_in(CATALOG, box)
    assert found >= {
        f"{CLAUDE} 300000: /root/.local/bin/claude",
        f"{CLAUDE} 301000: /home/bob/bin/claude",
    }
    assert unseen == set()


def test_a_chroot_where_no_look_of_ours_goes(started: Started, base: Path, aside: Path) -> None:
    jail = aside / "jail"
    shutil.copytree(base, jail, symlinks=True)
    put(f"{jail}/opt/claude", NATIVE_CLAUDE)
    child = started.run(["chroot", str(jail), "/bin/sleep", "600"])
    until(lambda: os.readlink(f"/proc/{child.pid}/root") == str(jail))
    assert seen_in(CATALOG, str(jail)) == ({f"{CLAUDE} root: /opt/claude"}, set())


def test_a_chroot_in_a_folder_of_ours_is_not_entered(started: Started, base: Path, tmp_path: Path) -> None:
    shutil.copytree(base, tmp_path / "jail", symlinks=True)
    put(f"{tmp_path}/jail/opt/claude", NATIVE_CLAUDE)
    child = started.run(["chroot", f"{tmp_path}/jail", "/bin/sleep", "600"])
    until(lambda: os.readlink(f"/proc/{child.pid}/root") == f"{tmp_path}/jail")
    assert seen_in(CATALOG, f"{tmp_path}/jail") == (set(), set())


def test_a_sandbox_with_our_own_programs_is_not_entered(started: Started, tmp_path: Path) -> None:
    if shutil.which("bwrap") is None:
        pytest.skip("needs bubblewrap")
    child = started.run(
        ["bwrap", "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib",
         "--symlink", "usr/lib64", "/lib64", "--bind", str(tmp_path), "/opt", "--proc", "/proc",
         "sh", "-c", "echo up; exec sleep 600"]
    )  # fmt: skip
    image(tmp_path, claude=NATIVE_CLAUDE)
    assert child.stdout is not None
    assert child.stdout.readline() == "up\n"
    roots = [root for root in this_machine().other_roots() if isinstance(root, Root)]
    sandbox = [root for root in roots if ("/usr", "/usr") in root.shared]
    assert sandbox
    assert seen_in(CATALOG, sandbox[0].container) == (set(), set())


def test_folders_that_it_shares_with_the_machine_are_told_once(
    started: Started, base: Path, tmp_path: Path
) -> None:
    mine = put(f"{tmp_path}/project/claude", NATIVE_CLAUDE)
    box = container(
        started,
        base,
        tmp_path / "work",
        binds={"/opt/work/claude": str(mine), "/opt/h/passwd": "/etc/passwd"},
    )
    assert seen_in(CATALOG, box) == (set(), set())


# --- what its owner makes of it --------------------------------------------------------------------------


def test_no_link_leads_out(started: Started, base: Path, tmp_path: Path, aside: Path) -> None:
    put(f"{aside}/claude", NATIVE_CLAUDE)
    npm_package(aside / "node_modules", "claude-code-1.0.100")
    box = container(started, base, tmp_path / "work")
    box.sh(
        f"ln -s {aside} /home; ln -s {aside}/claude /opt-claude; mkdir -p /opt/a /usr/lib /usr/local;"
        f"ln -s {aside}/claude /opt/a/claude; ln -s ../../../../..{aside}/claude /opt/a/codex;"
        f"ln -s {aside}/node_modules /usr/lib/node_modules; ln -s / /opt/a/everything;"
        f"ln -s /proc/1/root{aside} /usr/local/bin; ln -s /.. /srv; rm -r /root; ln -s /proc/1 /root"
    )
    assert seen_in(CATALOG, box) == (set(), set())


HOSTILE_FILES = {
    "passwd is a FIFO": "rm /etc/passwd; mkfifo /etc/passwd",
    "passwd is huge": "truncate -s 1000000000 /etc/passwd",
    "passwd is a link to a device": "rm /etc/passwd; ln -s /dev/zero /etc/passwd",
    "homes that lead out": (
        "echo 'a:x:0:0::/../../..:/bin/sh' > /etc/passwd; echo 'b:x:1000:1::/root/../..:/x' >> /etc/passwd"
        "; echo 'c:x:99999999999999999999999:1::/home/c:/bin/sh' >> /etc/passwd; echo ::::: >> /etc/passwd"
    ),
    "every file of settings is a FIFO": (
        "mkfifo /etc/environment /etc/login.defs; mkdir -p /var/lib/dpkg; mkfifo /var/lib/dpkg/status"
    ),
    "a loop of folders": "mkdir -p /opt/x; ln -s . /opt/x/x; ln -s /opt/x /opt/x/y",
}


@pytest.mark.parametrize("how", HOSTILE_FILES)
def test_hostile_files_hide_nothing(started: Started, base: Path, tmp_path: Path, how: str) -> None:
    layer = image(tmp_path / "layer", **{"root/.local/bin/claude": NATIVE_CLAUDE})
    box = container(started, base, tmp_path / "work", more=(layer,))
    box.sh(HOSTILE_FILES[how])
    began = time.monotonic()
    found, unseen = seen_in(CATALOG, box)
    assert f"{CLAUDE} root: /root/.local/bin/claude" in found
    assert all(line.startswith(("/var/lib/dpkg/status", "/etc/")) for line in unseen)
    assert time.monotonic() - began < 60


def test_one_container_drowns_no_other(started: Started, base: Path, tmp_path: Path) -> None:
    loud = container(started, base, tmp_path / "loud")
    loud.sh(
        "mkdir -p /opt/n; i=0; while [ $i -lt 600 ]; do mkdir -p /opt/n/$i/node_modules/@openai/codex;"
        "mkfifo /opt/n/$i/node_modules/@openai/codex/package.json; i=$((i+1)); done"
    )
    layer = image(tmp_path / "layer", **{"root/bin/claude": NATIVE_CLAUDE})
    other = container(started, base, tmp_path / "other", more=(layer,))
    found, unseen = seen_in(CATALOG, loud, other)
    assert found == {f"{CLAUDE} root: #1:/root/bin/claude"}
    assert len(unseen) == 16
    assert all(line.startswith("#0:/") for line in unseen)


def test_nothing_of_a_container_is_loaded(started: Started, base: Path, tmp_path: Path) -> None:
    """Modules, codecs and the C library's services would come from there, and run with our rights."""
    import encodings

    layer = image(tmp_path / "layer", **{"root/bin/claude": NATIVE_CLAUDE, "root/x/a.jar": b"PK\3\4"})
    box = container(started, base, tmp_path / "work", more=(layer,))
    ours = Path(__file__).parents[2]
    witness = "open('/loaded', 'a').write(__name__)\n"
    for folder in {
        Path(encodings.__file__).parent,
        Path(os.__file__).parent,
        ours / "agent/aipolicy/observe",
    }:
        place = f"{box.root}{folder}"
        os.makedirs(place, exist_ok=True)
        for name in ("idna", "punycode", "utf_32", "cp1252", "stringprep", "pwd_helper", "bdb", "traceback"):
            Path(f"{place}/{name}.py").write_text(witness)
    box.sh("echo 'hosts: files evil' > /etc/nsswitch.conf; echo 'passwd: evil' >> /etc/nsswitch.conf")
    assert f"{CLAUDE} root: /root/bin/claude" in seen_in(CATALOG, box)[0]
    assert not (box.root / "loaded").exists()


def test_a_swapped_folder_never_shows_ours(started: Started, base: Path, tmp_path: Path, aside: Path) -> None:
    put(f"{aside}/claude", NATIVE_CLAUDE)
    box = container(started, base, tmp_path / "work")
    box.sh(f"mkdir -p /opt/a; ln -s {aside} /opt/b")
    swap = "while :; do mv /opt/a /opt/c; mv /opt/b /opt/a; mv /opt/a /opt/b; mv /opt/c /opt/a; done"
    swapping = started.run(["nsenter", f"--target={box.pid}", "--mount", "--root", "/bin/sh", "-c", swap])
    for _ in range(5):
        assert seen_in(CATALOG, box)[0] == set()
    assert swapping.poll() is None


def test_a_container_that_ended_meanwhile_is_no_gap(started: Started, base: Path, tmp_path: Path) -> None:
    box = container(started, base, tmp_path / "work")
    machine = FakeMachine(tmp_path / "machine")
    (root,) = [r for r in this_machine().other_roots() if isinstance(r, Root) and r.container == box.name]
    box.child.kill()
    box.child.wait()
    another = replace(root, pids=(os.getpid(),))  # its number was given to a process elsewhere
    machine.roots += [root, another]
    assert look_inside(CATALOG, machine=machine) == []


def test_a_container_that_ends_during_the_look_is_looked_at_to_its_end(
    started: Started, base: Path, tmp_path: Path
) -> None:
    layer = image(tmp_path / "layer", **{f"opt/{number}/claude": NATIVE_CLAUDE for number in range(200)})
    box = container(started, base, tmp_path / "work", more=(layer,))
    machine = FakeMachine(tmp_path / "machine")
    machine.roots += [
        r for r in this_machine().other_roots() if isinstance(r, Root) and r.container == box.name
    ]
    seen = iter(looking_inside(CATALOG, machine=machine))
    first = next(seen)
    box.child.kill()
    box.child.wait()
    rest = list(seen)
    assert [one for one in (first, *rest) if isinstance(one, Unseen)] == []


def test_five_hundred_private_namespaces_cost_nothing(started: Started) -> None:
    shell = started.run(
        ["sh", "-c", "for i in $(seq 500); do unshare --mount sleep 600 & done; echo up; wait"]
    )
    assert shell.stdout is not None
    assert shell.stdout.readline() == "up\n"
    own = os.readlink("/proc/self/ns/mnt")
    children = Path(f"/proc/{shell.pid}/task/{shell.pid}/children")

    def private() -> bool:
        pids = children.read_text().split()
        return len(pids) == 500 and all(os.readlink(f"/proc/{pid}/ns/mnt") != own for pid in pids)

    until(private)
    mine = {f"ns-{os.readlink(f'/proc/{pid}/ns/mnt')[5:-1]}" for pid in children.read_text().split()}
    roots = list(this_machine().other_roots())
    assert not [root for root in roots if isinstance(root, Root) and root.container in mine]


def test_more_containers_than_a_look_enters_are_told(started: Started, base: Path, tmp_path: Path) -> None:
    boxes = [container(started, base, tmp_path / str(number)) for number in range(MOST + 2)]
    assert len({box.name for box in boxes}) == MOST + 2
    _found, unseen = seen_in(CATALOG, *boxes)
    assert {f"#{number}:/: more containers than one look enters" for number in (MOST, MOST + 1)} <= unseen


# --- what runs there -------------------------------------------------------------------------------------


def test_what_runs_in_a_container_names_it(started: Started, base: Path, tmp_path: Path) -> None:
    boxes = [container(started, base, tmp_path / name) for name in "ab"]
    machine = this_machine()
    for box in boxes:
        enter = ["nsenter", f"--target={box.pid}", "--mount", "--root", "--wd=/"]
        child = started.run([*enter, "/bin/busybox", "sleep", "600"])
        until(lambda child=child: os.readlink(f"/proc/{child.pid}/exe") == "/bin/busybox")  # type: ignore[misc]
        found = machine.process(child.pid)
        assert isinstance(found, Process)
        assert (found.exe, found.contained, found.container) == ("/bin/busybox", True, box.name)


def test_our_own_program_in_a_private_namespace_is_ours(started: Started) -> None:
    child = started.run(["unshare", "--mount", "sleep", "600"])
    sleep = os.path.realpath(shutil.which("sleep") or "")
    until(lambda: os.readlink(f"/proc/{child.pid}/exe") == sleep)
    found = this_machine().process(child.pid)
    assert isinstance(found, Process)
    assert (found.contained, found.container) == (True, None)
