"""A program that PyInstaller made is the tool whose command it starts; what it only bundles is none."""

from pathlib import Path

import pytest

from aipolicy.core.identify import identify
from aipolicy.core.model import Confidence, Executable, FileFacts, Owner
from aipolicy.tools import load
from installed import RECORDINGS, examiner, frozen, put

METADATA = {
    f"aider_chat-0.86.2.dist-info/{name}": (RECORDINGS / "pypi" / f"aider-chat-{name}").read_bytes()
    for name in ("METADATA", "entry_points.txt")
}
OWN = (
    "from aider.main import main\n"
    + "\n".join(f"def step_{n}(x): return x + {n}" for n in range(30))
    + "\nmain()\n"
)
ENTRY = "import sys\nfrom aider.main import main\nsys.exit(main())\n"


def package(path: str) -> str | None:
    found = examiner().file(path)
    assert isinstance(found, FileFacts)
    return found.package.name if found.package else None


def test_a_program_that_starts_a_tool(tmp_path: Path) -> None:
    path = put(tmp_path / "notes", frozen(ENTRY, METADATA))
    found = examiner().file(path)
    assert isinstance(found, FileFacts)
    seen = Executable(path=path, found_as=path, owner=Owner(uid=1, name="ann"), file=found)
    [finding] = identify(seen, load())
    assert (finding.tool, finding.confidence) == ("aider", Confidence.CERTAIN)
    assert (finding.version, finding.path) == ("0.86.2", path)


def test_a_program_in_a_folder_with_its_modules(tmp_path: Path) -> None:
    path = put(tmp_path / "notes/notes", frozen(ENTRY, {}))
    assert package(path) is None
    for name, content in METADATA.items():
        put(tmp_path / "notes2/_internal" / name, content)
    assert package(put(tmp_path / "notes2/notes", frozen(ENTRY, {}))) == "aider-chat"


@pytest.mark.parametrize("script", ["import aider\n", "import mine\nmine.main()\n", OWN])
def test_a_program_that_brings_a_tool_along(script: str, tmp_path: Path) -> None:
    assert package(put(tmp_path / "notes", frozen(script, METADATA))) is None


def test_archives_that_are_none(tmp_path: Path) -> None:
    for number, length in enumerate((1, 10_000_000, 0xFFFFFFFF, 88, 100)):
        assert package(put(tmp_path / f"{number}", frozen(ENTRY, METADATA, length))) is None
    cut = frozen(ENTRY, METADATA)
    for number, at in enumerate(range(9_010, len(cut) - 90, 37)):
        changed = bytearray(cut)
        changed[at : at + 4] = b"\xff" * 4
        package(put(tmp_path / f"changed{number}", bytes(changed)))
