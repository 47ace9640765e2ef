"""On a real kernel: a program in a container is judged by what lies in that container, and costs no more.

The real tools in it are in the corpus (tests/corpus).
"""

import os
import shutil
from pathlib import Path

import pytest

from aipolicy.core.identify import identify
from aipolicy.core.model import Process
from aipolicy.examine import Examiner
from aipolicy.examine.electron_app import SMALLEST_ELECTRON
from aipolicy.observe.processes import with_facts
from aipolicy.platforms import this_machine
from appimages import asar
from installed import aider, frozen, put
from machine.roots import HOLDS, Box, busybox_root, container, python_image
from machine.ways import CATALOG
from machine_needs import NEEDS_LINUX, NEEDS_ROOT, Started, runs, until

pytestmark = [NEEDS_LINUX, NEEDS_ROOT]

ENTRY = "from aider.main import main\nmain()\n"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return busybox_root(tmp_path_factory.mktemp("image") / "base")


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    """Of the image, above those with Python and a shell."""
    return tmp_path / "layer"


@pytest.fixture
def box(base: Path, layer: Path, started: Started, tmp_path: Path) -> Box:
    layer.mkdir()
    aider(layer / "opt/venv")
    put(layer / "opt/venv/bin/helper", b"#!/opt/venv/bin/python\nNAMES = ['aider-chat']\n")
    return container(started, base, tmp_path / "work", more=(layer, python_image()))


def findings(pid: int, examiner: Examiner) -> set[str]:
    process = this_machine().process(pid)
    assert isinstance(process, Process)
    looked = [one for one in with_facts(process, this_machine(), examiner) if isinstance(one, Process)]
    return {
        f"{f.tool} {f.version} {f.confidence} {f.path.partition(':')[2]}"
        for one in looked
        for f in identify(one, CATALOG)
    }


def run(box: Box, started: Started, *command: str, held: bool = True) -> int:
    """The process, once it is that program."""
    enter = ["nsenter", f"--target={box.pid}", "--mount", "--root", "--wd=/"]
    pid = started.run([*enter, *command], env={"PYTHONPATH": HOLDS} if held else {}).pid
    until(lambda: not os.readlink(f"/proc/{pid}/exe").endswith("/nsenter") and runs(pid, "/"))
    return pid


def python(box: Box, started: Started, script: str) -> int:
    return run(box, started, "/usr/bin/python3", script)


def test_scripts_of_a_virtual_environment(box: Box, started: Started, examiner: Examiner) -> None:
    """The machine itself has no such folder."""
    assert not os.path.exists("/opt/venv")
    entry = python(box, started, "/opt/venv/bin/aider")
    assert findings(entry, examiner) == {"aider 0.86.2 certain /opt/venv/bin/aider"}
    assert findings(python(box, started, "/opt/venv/bin/helper"), examiner) == set()


def test_native_programs(layer: Path, box: Box, started: Started, examiner: Examiner) -> None:
    """By what lies beside them there, or behind them: busybox stands for what they would do."""
    busybox = Path(shutil.which("busybox") or "").read_bytes()
    shutil.copytree(
        layer / "opt/venv/lib/python3.11/site-packages/aider_chat-0.86.2.dist-info",
        box.root / "opt/notes/_internal/aider_chat-0.86.2.dist-info",
    )
    put(box.root / "opt/notes/busybox-notes", frozen(ENTRY, {}, program=busybox))
    put(box.root / "opt/other/busybox-notes", frozen(ENTRY, {}, program=busybox))
    archive = asar({"package.json": b'{"name": "CherryStudio", "version": "1.2.3"}'})
    put(box.root / "opt/app/resources/app.asar", archive)
    os.truncate(put(box.root / "opt/app/busybox-app", busybox), SMALLEST_ELECTRON)
    said = {
        path: findings(run(box, started, path, "sleep", "600"), examiner)
        for path in ("/opt/notes/busybox-notes", "/opt/other/busybox-notes", "/opt/app/busybox-app")
    }
    assert said == {
        "/opt/notes/busybox-notes": {"aider 0.86.2 certain /opt/notes/busybox-notes"},
        "/opt/other/busybox-notes": set(),
        "/opt/app/busybox-app": {"cherry-studio 1.2.3 likely /opt/app/busybox-app"},
    }


def test_a_volume_is_as_good_as_the_image(box: Box, started: Started, examiner: Examiner) -> None:
    """As `docker run -v` mounts a folder with a project and its virtual environment."""
    box.sh("mkdir /work; mount -t tmpfs own /work; cp -r /opt/venv /work/")
    entry = python(box, started, "/work/venv/bin/aider")
    assert findings(entry, examiner) == {"aider 0.86.2 certain /work/venv/bin/aider"}


def test_what_is_mounted_beside_the_script_is_not_entered(
    box: Box, started: Started, examiner: Examiner
) -> None:
    """It may hang, and who is root there may mount it while we look."""
    lib = "/opt/venv/lib"
    box.sh(f"cp -r {lib} /aside; mount -t tmpfs own {lib}; cp -r /aside/* {lib}/")
    site = "opt/venv/lib/python3.11/site-packages"
    assert (box.root / site / "aider_chat-0.86.2.dist-info/METADATA").exists()
    assert findings(python(box, started, "/opt/venv/bin/aider"), examiner) == set()


def test_no_link_leads_out(box: Box, started: Started, examiner: Examiner, tmp_path: Path) -> None:
    """The machine's own install is no install of the container's."""
    aider(tmp_path / "ours")
    box.sh(
        f"rm -r /opt/venv/lib; ln -s {tmp_path}/ours/lib /opt/venv/lib;"
        f"ln -s ../../../../../../../..{tmp_path}/ours/lib /opt/venv/lib64"
    )
    assert findings(python(box, started, "/opt/venv/bin/aider"), examiner) == set()


@pytest.mark.parametrize(
    "made",
    [
        "rm $INFO/METADATA; mkfifo $INFO/METADATA",
        "rm $INFO/METADATA; ln -s /dev/zero $INFO/METADATA",
        "rm -r $INFO; ln -s . $INFO",
        "rm -r /opt/venv/lib; ln -s lib64 /opt/venv/lib; ln -s lib /opt/venv/lib64",
        "rm $INFO/entry_points.txt; truncate -s 1000000000 $INFO/entry_points.txt",
    ],
)
def test_made_to_hang_or_to_flood(made: str, box: Box, started: Started, examiner: Examiner) -> None:
    box.sh(f"INFO=/opt/venv/lib/python3.11/site-packages/aider_chat-0.86.2.dist-info; {made}")
    assert findings(python(box, started, "/opt/venv/bin/aider"), examiner) == set()


def test_metadata_with_a_readme_of_a_gigabyte(box: Box, started: Started, examiner: Examiner) -> None:
    info = "/opt/venv/lib/python3.11/site-packages/aider_chat-0.86.2.dist-info"
    box.sh(f"truncate -s 1000000000 {info}/METADATA")
    entry = python(box, started, "/opt/venv/bin/aider")
    assert findings(entry, examiner) == {"aider 0.86.2 certain /opt/venv/bin/aider"}


def test_a_hundred_thousand_names_beside_it(box: Box, started: Started, examiner: Examiner) -> None:
    """Each of them of the tool: a look at it is a bounded number of reads."""
    site = box.root / "opt/venv/lib/python3.11/site-packages"
    for number in range(100_000):
        os.mknod(site / f"aider_chat-{number}.dist-info")
    assert findings(python(box, started, "/opt/venv/bin/helper"), examiner) == set()
