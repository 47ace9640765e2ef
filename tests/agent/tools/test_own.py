"""IT's own tool files: whatever lies in that folder is read or refused by name, and nothing hangs."""

import os
from pathlib import Path

import pytest

from aipolicy.core.toolfile import MAX_BYTES
from aipolicy.core.yamlfile import YamlErrors
from aipolicy.tools import load
from aipolicy.tools.own import MOST_BYTES, MOST_FILES, own_texts
from tool_files import ACME

EXTENSION = "extends: claude-code\naliases: [our-claude]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "own"
    made.mkdir()
    (made / "acme.yaml").write_text(ACME)
    return made


def refused(folder: Path) -> dict[str, str]:
    with pytest.raises(YamlErrors) as caught:
        own_texts(str(folder))
    return {problem.file: problem.message for problem in caught.value.problems}


def test_every_tool_file_is_read_and_texts_for_people_are_passed_over(folder: Path) -> None:
    (folder / "README.md").write_text("ours")
    (folder / ".git").mkdir()
    assert own_texts(str(folder)) == {str(folder / "acme.yaml"): ACME}


def test_they_are_part_of_the_catalog(folder: Path) -> None:
    (folder / "more.yaml").write_text(EXTENSION)
    catalog = load(str(folder))
    assert {"acme", "claude-code"} <= catalog.known.ids
    assert catalog.known.aliases["our-claude"] == "claude-code"
    assert catalog.version != load().version


def test_a_file_of_our_name_in_the_current_folder_does_not_stand_for_ours(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "claude-code.yaml").write_text(ACME.replace("id: acme", "id: claude-code"))
    monkeypatch.chdir(folder)
    with pytest.raises(YamlErrors, match=r"own/claude-code.yaml:1:5: 'claude-code' is a word for"):
        load(".")


def test_a_fifo(folder: Path) -> None:
    os.mkfifo(folder / "pipe.yaml")
    assert refused(folder) == {str(folder / "pipe.yaml"): "it cannot be read: not a regular file"}


def test_a_folder_of_that_name(folder: Path) -> None:
    (folder / "more.yaml").mkdir()
    assert refused(folder) == {str(folder / "more.yaml"): "it cannot be read: not a regular file"}


@pytest.mark.parametrize("size", [MAX_BYTES + 1, 2 << 30])
def test_a_file_that_is_too_large(folder: Path, size: int) -> None:
    with (folder / "large.yaml").open("wb") as file:
        file.truncate(size)
    assert "larger than" in refused(folder)[str(folder / "large.yaml")]


def test_a_link_out_of_the_folder(folder: Path) -> None:
    secret = folder.parent / "secret.yaml"
    secret.write_text(ACME)
    (folder / "link.yaml").symlink_to(secret)
    (folder / "loop.yaml").symlink_to("loop.yaml")
    assert refused(folder) == {
        str(folder / "link.yaml"): "it cannot be read: a symbolic link out of the folder",
        str(folder / "loop.yaml"): "it cannot be read: a loop of symbolic links",
    }


def test_links_inside_the_folder_and_to_it_as_kubernetes_and_git_sync_make_them(tmp_path: Path) -> None:
    version = tmp_path / "v1" / "..data"
    version.mkdir(parents=True)
    (version / "acme.yaml").write_text(ACME)
    (tmp_path / "v1" / "acme.yaml").symlink_to("..data/acme.yaml")
    (tmp_path / "current").symlink_to("v1")
    assert own_texts(str(tmp_path / "current")) == {str(tmp_path / "current" / "acme.yaml"): ACME}


@pytest.mark.parametrize("name", ["more.yml", "more.YAML", "acme.yaml.bak", "more.json", "sub"])
def test_a_name_that_would_be_passed_over_in_silence(folder: Path, name: str) -> None:
    (folder / name).write_text(ACME)
    assert refused(folder) == {
        str(folder / name): "it cannot be read: it is no tool file: their names end in .yaml"
    }


def test_what_is_not_utf_8_and_every_other_error_beside_it(folder: Path) -> None:
    (folder / "latin.yaml").write_bytes(b"id: \xff")
    (folder / "z.yml").write_text("")
    assert list(refused(folder)) == [str(folder / "latin.yaml"), str(folder / "z.yml")]


@pytest.mark.skipif(os.name == "nt", reason="such names exist on POSIX only")
def test_a_name_that_is_no_text(folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff\x1b.yml")).write_text("")
    assert all(name.isprintable() for name in refused(folder))


def test_too_many_files(folder: Path) -> None:
    for number in range(MOST_FILES):
        (folder / f"{number}.yaml").touch()
    assert refused(folder) == {str(folder): "it cannot be read: more than 1,000 files"}


def test_too_much_in_all_files_together(folder: Path) -> None:
    for number in range(MOST_BYTES // MAX_BYTES + 1):
        (folder / f"{number}.yaml").write_text("#" * MAX_BYTES)
    assert "in all files together" in refused(folder)[str(folder)]


def test_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert refused(tmp_path / "none") == {str(tmp_path / "none"): "it cannot be read: no such file"}
    assert str(tmp_path / "file") in refused(tmp_path / "file")
