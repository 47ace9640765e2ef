"""One walk per home: it finds the folders that matter, enters no cache, follows no link, and ends."""

import os
from pathlib import Path

import pytest

from aipolicy.core.model import Unseen
from aipolicy.observe.walk import Bounds, Tree, walk
from hostile import AS_ROOT, acting_as, device, fifo, folder_for_everybody, link_to_itself
from installed import put, wanted


def nothing_is_far(_path: str) -> None:
    return None


def silent(_stage: str, _done: int) -> None:
    pass


def walked(top: Path, **bounds: object) -> Tree:
    how: dict[str, object] = {"out_of_reach": nothing_is_far} | bounds
    return walk(str(top), wanted(), Bounds(**how), silent)  # type: ignore[arg-type]  # named by the test


@pytest.mark.parametrize(
    "folder",
    [
        ".git/node_modules",
        ".cache/mozilla/node_modules",
        ".local/share/Trash/files/node_modules",
        ".npm/_cacache/node_modules",
        "go/pkg/mod/node_modules",
        "p/store/v11/links/x/node_modules",
        ".bun/install/cache/x/node_modules",
        "node_modules/x/node_modules",
        "lib/python3.11/site-packages/x/node_modules",
        ".vscode/extensions/somebody.something-1.0.0/node_modules",
    ],
)
def test_caches_and_what_was_noted_already_are_not_entered(folder: str, tmp_path: Path) -> None:
    (tmp_path / folder).mkdir(parents=True)
    assert f"{tmp_path}/{folder}" not in walked(tmp_path).node_modules


@pytest.mark.parametrize(
    "folder",
    [
        "x/y/z/node_modules",
        ".hidden/node_modules",
        ".cache/uv/x/node_modules",
        ".cache/some-tool/node_modules",
        "pkgs/node_modules",
        "store/x/node_modules",
    ],
)
def test_everything_else_is(folder: str, tmp_path: Path) -> None:
    (tmp_path / folder).mkdir(parents=True)
    assert walked(tmp_path).node_modules == [f"{tmp_path}/{folder}"]


def test_condas_packages_are_a_cache_and_its_environments_are_not(tmp_path: Path) -> None:
    for folder in ("conda/conda-meta", "conda/pkgs/a/site-packages", "conda/envs/a/site-packages"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / ".conda/pkgs/a/site-packages").mkdir(parents=True)  # of one without a prefix of his own
    (tmp_path / ".conda/pkgs/urls.txt").touch()
    assert walked(tmp_path).sites == [f"{tmp_path}/conda/envs/a/site-packages"]


def test_nothing_is_asked_of_a_folder_of_packages_that_may_hang(tmp_path: Path) -> None:
    (tmp_path / "pkgs").mkdir()
    (tmp_path / "pkgs/urls.txt").touch()
    tree = walked(tmp_path, out_of_reach=lambda path: "on nfs4" if "/pkgs" in path else None)
    assert tree.unseen == [Unseen(place=f"{tmp_path}/pkgs", reason="on nfs4")]


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside" / "node_modules").mkdir(parents=True)
    home = tmp_path / "home"
    home.mkdir()
    (home / "to-outside").symlink_to(tmp_path / "outside")
    (home / "to-itself").symlink_to(".")
    link_to_itself(home / "loop")
    assert walked(home).node_modules == []


def test_another_home_inside_is_another_walks(tmp_path: Path) -> None:
    (tmp_path / "inner" / "node_modules").mkdir(parents=True)
    assert walked(tmp_path, skip=frozenset({f"{tmp_path}/inner"})).node_modules == []


def test_what_may_hang_is_not_entered(tmp_path: Path) -> None:
    (tmp_path / "net" / "node_modules").mkdir(parents=True)
    tree = walked(tmp_path, out_of_reach=lambda path: "on nfs4" if path.endswith("/net") else None)
    assert (tree.node_modules, tree.unseen) == ([], [Unseen(place=f"{tmp_path}/net", reason="on nfs4")])


@AS_ROOT
def test_a_closed_folder_is_unseen() -> None:
    with folder_for_everybody() as top:
        (top / "closed").mkdir(mode=0)
        with acting_as(12345):
            tree = walked(top)
    assert tree.unseen == [Unseen(place=f"{top}/closed", reason="permission denied")]


def test_a_home_that_is_gone_is_nothing(tmp_path: Path) -> None:
    tree = walked(tmp_path / "gone")
    assert (tree.unseen, tree.entries) == ([], 0)


def test_too_many_files_are_told(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / str(number)).touch()
    (tmp_path / "x" / "y").mkdir(parents=True)
    tree = walked(tmp_path, most_entries=10)
    assert tree.entries <= 12
    assert tree.unseen == [
        Unseen(place=str(tmp_path), reason="more than 10 files: only a part was looked at")
    ]


def test_more_places_than_are_looked_into_are_told(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / str(number) / "node_modules").mkdir(parents=True)
        (tmp_path / str(number) / "bin").mkdir(parents=True)
    tree = walked(tmp_path, most_places=15)
    assert (len(tree.node_modules), len(tree.bins)) == (15, 15)
    assert [unseen.reason for unseen in tree.unseen] == ["10 folders more than are looked into"]


def test_too_deep_a_tree_is_told_and_ends(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(6):
        deep = deep / "d"
    deep.mkdir(parents=True)
    tree = walked(tmp_path, deepest=3)
    assert [unseen.reason for unseen in tree.unseen] == ["more than 3 folders deep"]


def test_a_tree_deeper_than_a_path_can_be_ends(tmp_path: Path) -> None:
    here = os.getcwd()
    try:
        os.chdir(tmp_path)
        for _ in range(30):
            os.mkdir("d" * 200)
            os.chdir("d" * 200)
    finally:
        os.chdir(here)
    tree = walked(tmp_path)
    assert [unseen.reason for unseen in tree.unseen] == ["its name is too long"]


def test_many_places_that_cannot_be_seen_are_counted(tmp_path: Path) -> None:
    for number in range(150):
        (tmp_path / f"far{number}").mkdir()
    tree = walked(tmp_path, out_of_reach=lambda path: "far" if "far" in os.path.basename(path) else None)
    assert (len(tree.unseen), tree.unseen_more) == (100, 50)


def test_special_files_and_odd_names_are_passed_over(tmp_path: Path) -> None:
    fifo(tmp_path / "claude")
    if os.geteuid() == 0:
        device(tmp_path / "codex")
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n")
    put(f"{odd}/node_modules/x", b"")
    tree = walked(tmp_path)
    assert tree.node_modules == [f"{odd}/node_modules"]
    assert tree.unseen == []
