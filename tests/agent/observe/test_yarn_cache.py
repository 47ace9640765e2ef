"""Packages in yarn's archives; names as yarn 4.18.1 wrote them here."""

import zipfile
from pathlib import Path

import pytest

from host import FakeMachine
from hostile import fifo
from installed import A_SCRIPT, RECORDINGS, described, look, npm_package, put

CODE = "@anthropic-ai-claude-code-npm-1.0.100-735d2a297a-10c0.zip"
FOLDER = "node_modules/@anthropic-ai/claude-code"


def archive(place: str, program: bytes = A_SCRIPT, recording: str = "claude-code-1.0.100") -> str:
    Path(place).parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(f"{FOLDER}/package.json", (RECORDINGS / "npm" / f"{recording}.json").read_bytes())
        made.writestr(f"{FOLDER}/cli.js", program)
    return place


@pytest.mark.parametrize(
    "place",
    [
        f".yarn/berry/cache/{CODE}",
        "shop/.yarn/cache/@anthropic-ai-claude-code-npm-1.0.100-735d2a297a-5884815115.zip",
    ],
)
def test_of_a_person_and_of_a_project(place: str, tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    archive(f"{ann.home}/{place}")
    assert described(look(machine)) == {"yarn cache: @anthropic-ai/claude-code 1.0.100 of ann"}


def test_what_is_installed_from_it_is_told_once(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    archive(f"{ann.home}/.yarn/berry/cache/{CODE}")
    archive(f"{ann.home}/shop/.yarn/cache/{CODE}")
    assert described(look(machine)) == {"yarn cache: @anthropic-ai/claude-code 1.0.100 of ann"}
    npm_package(f"{ann.home}/shop/node_modules", "claude-code-1.0.100")
    assert described(look(machine)) == {"npm project: @anthropic-ai/claude-code 1.0.100 of ann"}


def test_yarns_store_of_linked_packages_and_its_index_of_files(tmp_path: Path) -> None:
    """`nodeLinker: pnpm`: every file is a hard link to one in the index, which is named by its digest."""
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    modules = Path(ann.home, "shop/node_modules")
    slug = "@anthropic-ai-claude-code-npm-1.0.100-735d2a297a"
    package = npm_package(modules / ".store" / slug, "claude-code-1.0.100", name="package")
    (modules / "@anthropic-ai").mkdir()
    (modules / "@anthropic-ai/claude-code").symlink_to(f"../.store/{slug}/package")
    index = Path(ann.home, ".yarn/berry/index/55/55aea4aa.dat")
    index.parent.mkdir(parents=True)
    index.hardlink_to(package / "cli.js")
    assert described(look(machine)) == {"npm project: @anthropic-ai/claude-code 1.0.100 of ann"}


def test_an_archive_without_the_program_has_no_code(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    archive(f"{ann.home}/.yarn/berry/cache/{CODE}", program=b"")
    assert described(look(machine)) == {"yarn cache: @anthropic-ai/claude-code 1.0.100 of ann without code"}


def test_an_archive_of_something_else_is_not_noted(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    archive(f"{ann.home}/.yarn/berry/cache/{CODE}", recording="qwen-code-0.15.10")
    archive(f"{ann.home}/.yarn/berry/cache/left-pad-npm-1.0.100-735d2a297a-10c0.zip")
    assert look(machine) == []


def test_archives_that_are_none(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    cache = Path(ann.home, ".yarn/berry/cache")
    put(cache / CODE, b"PK not at all" * 99)
    fifo(cache / "opencode-ai-npm-1.0.0-735d2a297a-10c0.zip")
    large = archive(str(cache / "@openai-codex-npm-1.0.0-735d2a297a-10c0.zip"))
    with open(large, "r+b") as file:  # its directory has 2 GiB, it says
        file.seek(-22 + 12, 2)
        file.write((2 << 30).to_bytes(4, "little"))
    sparse = put(cache / "@ampcode-cli-npm-1.0.0-735d2a297a-10c0.zip", b"PK")
    with open(sparse, "r+b") as file:
        file.truncate(1 << 40)
    assert described(look(machine), str(cache)) == {
        f"unseen ~/{CODE}: not a readable archive",
        "unseen ~/opencode-ai-npm-1.0.0-735d2a297a-10c0.zip: not a regular file",
        "unseen ~/@openai-codex-npm-1.0.0-735d2a297a-10c0.zip: an archive of too many files",
        "unseen ~/@ampcode-cli-npm-1.0.0-735d2a297a-10c0.zip: larger than 512 MiB",
    }
