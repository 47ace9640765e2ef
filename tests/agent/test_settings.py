"""Settings: flags above environment above the file above defaults; every error says where and what to do."""

from pathlib import Path

import pytest

from aipolicy.settings import SettingsError, load


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


def test_the_state_folder_is_the_systems_for_root_and_ones_own_otherwise() -> None:
    settings = load(None, {})
    assert settings.state_dir(admin=True, environ={}) == "/var/lib/aipolicy"
    assert settings.state_dir(admin=False, environ={"HOME": "/home/a"}) == "/home/a/.local/state/aipolicy"
