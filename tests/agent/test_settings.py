"""Settings: flags above environment above the file above defaults; every error says where and what to do."""

import os
from pathlib import Path

import pytest

from aipolicy.settings import KEYS, SettingsError, load

PAGE = Path(__file__).parents[2] / "docs" / "install.md"


def written(folder: Path, text: str) -> str:
    path = folder / "agent.yaml"
    path.write_text(text)
    return str(path)


def test_a_flag_is_above_the_environment_and_that_above_the_file(tmp_path: Path) -> None:
    config = written(tmp_path, "server: https://file\nstate: /file\npolicy: /file.yaml\ntags: [ci, lab]\n")
    environ = {"AIPOLICY_SERVER": "https://environment", "AIPOLICY_STATE": "/environment"}
    settings = load(config, environ, server="https://flag", state=None)
    assert (settings.server, settings.state, settings.policy) == (
        "https://flag",
        "/environment",
        "/file.yaml",
    )
    assert settings.tags == ("ci", "lab")
    assert settings.scan_every_s == 900


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("servr: https://x\n", "1:1: unknown setting 'servr'"),
        ("scan_every_s: soon\n", "whole number from"),
        ("scan_every_s: 1\n", "from 10 to 86400"),
        ("tags: ci\n", "list of words"),
        ("server: [a]\n", "one text"),
        ("server: a\nserver: b\n", "2:1"),
        ("- a\n", "a mapping is needed"),
        ("server: &a x\n", "1:9"),
    ],
)
def test_a_wrong_setting_is_named_with_file_and_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsError) as error:
        load(written(tmp_path, text), {})
    assert words in str(error.value)
    assert "agent.yaml" in str(error.value)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="give the path"):
        load(str(tmp_path / "none.yaml"), {})


def test_the_page_has_a_row_for_every_setting() -> None:
    rows = {line.split("`")[1] for line in PAGE.read_text().splitlines() if line.startswith("| `")}
    assert rows >= KEYS


def test_the_state_folder_is_the_systems_for_root_and_ones_own_otherwise() -> None:
    settings = load(None, {})
    assert settings.state_dir(admin=True, environ={}) == "/var/lib/aipolicy"
    assert settings.state_dir(admin=False, environ={"HOME": "/home/a"}) == "/home/a/.local/state/aipolicy"


# --- drop-ins --------------------------------------------------------------------------------------------


def drop_in(config: str, name: str, text: str) -> Path:
    folder = Path(f"{config}.d")
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def refused(config: str) -> list[str]:
    """What is wrong, a line each."""
    with pytest.raises(SettingsError) as error:
        load(config, {})
    return str(error.value).splitlines()


def test_of_a_key_in_several_files_the_last_one_counts_and_the_others_stay(tmp_path: Path) -> None:
    config = written(tmp_path, "server: https://a\nproxy: http://p:1\ntags: [ci, lab]\n")
    second = drop_in(config, "20-site.yaml", "server: https://c\ntags: [it]\n")
    first = drop_in(config, "10-all.yaml", "server: https://b\nscan_every_s: 60\n")
    drop_in(config, "30-nothing.yaml", "# server: https://d\n")
    settings = load(config, {})
    assert (settings.server, settings.proxy, settings.scan_every_s) == ("https://c", "http://p:1", 60)
    assert settings.tags == ("it",)
    assert settings.files == (config, str(first), str(second), f"{config}.d/30-nothing.yaml")


def test_drop_ins_count_below_environment_and_flags(tmp_path: Path) -> None:
    config = written(tmp_path, "server: https://file\nstate: /file\n")
    drop_in(config, "10.yaml", "server: https://drop-in\nstate: /drop-in\npolicy: /drop-in.yaml\n")
    settings = load(config, {"AIPOLICY_STATE": "/environment"}, server="https://flag")
    assert (settings.server, settings.state, settings.policy) == (
        "https://flag",
        "/environment",
        "/drop-in.yaml",
    )


def test_every_error_of_every_file_is_told_with_its_line_and_column(tmp_path: Path) -> None:
    config = written(tmp_path, "servr: https://a\nscan_every_s: soon\n")
    one = drop_in(config, "10.yaml", "policy: /p\nguard:  maybe\n")
    other = drop_in(config, "20.yaml", "ca: [a\n")
    told = refused(config)
    places = (f"{config}:1:1: ", f"{config}:2:15: ", f"{one}:2:9: ", f"{other}:1:5: ")
    assert [line.startswith(place) for line, place in zip(told, places, strict=True)] == [True] * 4, told


def test_what_editors_and_package_managers_leave_is_no_drop_in(tmp_path: Path) -> None:
    config = written(tmp_path, "server: https://a\n")
    for name in (".10.yaml.swp", ".hidden.yaml", "10.yaml~", "10.yaml.dpkg-old", "10.yaml.rpmsave", "README"):
        drop_in(config, name, "server: https://wrong\n")
    assert load(config, {}).files == (config,)


def test_a_name_that_only_nearly_fits_is_refused_by_name(tmp_path: Path) -> None:
    config = written(tmp_path, "server: https://a\n")
    path = drop_in(config, "10.yml", "server: https://b\n")
    assert refused(config) == [f"{path}: it is not read: the names of drop-ins end in .yaml"]


def test_without_the_file_its_drop_ins_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = str(tmp_path / "agent.yaml")
    path = drop_in(config, "10.yaml", "server: https://a\n")
    monkeypatch.setattr("aipolicy.settings.SYSTEM_CONFIG", config)
    settings = load(None, {})
    assert (settings.server, settings.files) == ("https://a", (str(path),))


def as_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def as_link_out(path: Path) -> None:
    path.rename(path.parents[1] / "elsewhere.yaml")
    path.symlink_to("../elsewhere.yaml")


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def as_dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("gone.yaml")


UNSAFE = {
    "a FIFO": (as_fifo, "it is no regular file"),
    "a link out of the folder": (as_link_out, "a link out of the folder, to "),
    "a folder": (as_folder, "it is no regular file"),
    "a link to nothing": (as_dangling, "No such file or directory"),
    "writable for all": (lambda path: path.chmod(0o666), "others may write to it (mode 0666): chmod go-w"),
}


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX: owners, modes and FIFOs")
@pytest.mark.parametrize("what", UNSAFE)
def test_a_drop_in_that_is_not_safely_ours_is_refused_by_name(tmp_path: Path, what: str) -> None:
    config = written(tmp_path, "server: https://a\n")
    drop_in(config, "10.yaml", "server: https://b\n")
    path = drop_in(config, "20.yaml", "server: https://c\n")
    make, words = UNSAFE[what]
    make(path)
    (told,) = refused(config)
    assert told.startswith(f"{path}: {words}")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root: files of others")
def test_what_belongs_to_somebody_else_is_refused_by_name(tmp_path: Path) -> None:
    config = written(tmp_path, "server: https://a\n")
    path = drop_in(config, "10.yaml", "server: https://b\n")
    os.chown(path, 12345, -1)
    assert refused(config)[0].startswith(f"{path}: it belongs to uid 12345: ")
    os.chown(path, 0, 12345)
    path.chmod(0o664)
    assert refused(config)[0].startswith(f"{path}: others may write to it (mode 0664): ")
    path.chmod(0o644)
    assert load(config, {}).server == "https://b"
    os.chown(path.parent, 12345, -1)
    assert refused(config)[0].startswith(f"{path.parent}: it belongs to uid 12345: ")
    os.chown(path.parent, 0, -1)
    os.chown(config, 12345, -1)
    assert refused(config)[0].startswith(f"{config}: it belongs to uid 12345: ")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX: modes")
def test_a_folder_that_anybody_may_write_to_is_refused(tmp_path: Path) -> None:
    config = written(tmp_path, "server: https://a\n")
    folder = drop_in(config, "10.yaml", "server: https://b\n").parent
    folder.chmod(0o777)
    assert refused(config) == [f"{folder}: others may write to it (mode 0777): chmod go-w {folder}"]


def test_links_within_the_folder_are_followed_as_kubernetes_makes_them(tmp_path: Path) -> None:
    config = written(tmp_path, "server: https://a\n")
    path = drop_in(config, "10.yaml", "server: https://b\n")
    real = path.parent / "..2026_11_29"
    real.mkdir()
    path.rename(real / "10.yaml")
    (path.parent / "..data").symlink_to(real.name)
    path.symlink_to("..data/10.yaml")
    assert load(config, {}).server == "https://b"
