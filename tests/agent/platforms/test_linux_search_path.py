"""Given a machine's folders and settings, then where programs for everybody lie."""

from pathlib import Path

from aipolicy.platforms.linux_search_path import folders, paths_in


def test_standard_folders_and_those_configured_each_once(tmp_path: Path) -> None:
    for name in ("usr/bin", "usr/local/bin", "opt/acme/bin", "opt/tools", "extra/bin", "etc"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "bin").symlink_to("usr/bin")
    (tmp_path / "etc/environment").write_text('PATH="/usr/bin:/extra/bin:relative:"\n')
    found = folders(f"{tmp_path}/", "/opt/tools:.::/missing", lambda _path: None)
    assert [place.removeprefix(str(tmp_path)) for place in found] == [
        "/usr/local/bin",
        "/usr/bin",
        "/extra/bin",
        "/opt/tools",
        "/opt/acme/bin",
    ]


def test_a_folder_that_may_hang_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "usr/bin").mkdir(parents=True)
    assert folders(f"{tmp_path}/", "", lambda _path: "nfs") == ()


def test_login_defs_and_shell_words() -> None:
    text = "ENV_SUPATH\tPATH=/sbin:/bin\n# PATH=/no\nexport PATH='/a'\nMANPATH=/no\n"
    assert list(paths_in(text)) == ["/sbin", "/bin", "/a"]
