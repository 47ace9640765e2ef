"""Path shapes, alternatives and names of Python packages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aipolicy.core.shapes import alternatives, glob_of, normal_pypi, shape_of


@pytest.mark.parametrize(
    ("text", "written_out"),
    [
        ("plain", ("plain",)),
        ("a{b,c}d", ("abd", "acd")),
        ("a{,-x}", ("a", "a-x")),
        ("{a,b}{1,2}", ("a1", "a2", "b1", "b2")),
        ("v{version}/x", ("v{version}/x",)),
        ("{version}/{a,b}", ("{version}/a", "{version}/b")),
        ("a{b", ("a{b",)),
    ],
)
def test_alternatives(text: str, written_out: tuple[str, ...]) -> None:
    assert alternatives(text) == written_out


@pytest.mark.parametrize(
    ("shape", "path", "matches"),
    [
        ("/usr/share/acme/acme", "/usr/share/acme/acme", True),
        ("/usr/share/acme/acme", "/x/usr/share/acme/acme", False),
        ("/usr/share/acme/acme", "/usr/share/acme/acme2", False),
        ("~/.acme/bin/acme", "/home/alice/.acme/bin/acme", True),
        ("~/.acme/bin/acme", "/root/.acme/bin/acme", True),
        ("~/.acme/bin/acme", "/srv/homes/x/alice/.acme/bin/acme", True),
        ("~/.acme/bin/acme", "/.acme/bin/acme", False),
        ("~/.acme/bin/acme", "/home/alice/x.acme/bin/acme", False),
        ("/tmp/.mount_*/acme", "/tmp/.mount_Ab1/acme", True),
        ("/tmp/.mount_*/acme", "/tmp/.mount_Ab1/usr/acme", False),
        ("~/versions/{version}", "/home/a/versions/1.2.3", True),
        ("~/versions/{version}", "/home/a/versions/current", False),
        ("~/a.b/c", "/home/a/aXb/c", False),
        ("~/a+(b)/c", "/home/a/a+(b)/c", True),
    ],
)
def test_a_shape(shape: str, path: str, matches: bool) -> None:
    assert shape_of(shape).matches(path) is matches


@pytest.mark.parametrize(
    ("shape", "path", "version"),
    [
        ("~/versions/{version}", "/home/a/versions/2.1.331", "2.1.331"),
        ("~/v/{version}/index.js", "/home/a/v/2026.10.01-e373342/index.js", "2026.10.01-e373342"),
        ("~/r/{version}-*/bin/x", "/home/a/r/0.158.0-x86_64-unknown-linux-musl/bin/x", "0.158.0"),
        ("~/q/cli-{version}", "/home/a/q/cli-1.1.39", "1.1.39"),
        ("~/q/cli", "/home/a/q/cli", None),
        ("~/q/cli-{version}", "/home/a/q/other", None),
    ],
)
def test_the_version_in_a_path(shape: str, path: str, version: str | None) -> None:
    assert shape_of(shape).version(path) == version


def test_the_glob_that_observers_get() -> None:
    assert glob_of("~/r/{version}-*/bin/x") == "~/r/*-*/bin/x"


@pytest.mark.parametrize("name", ["Aider.Chat", "aider_chat", "aider--chat", "AIDER-.-CHAT"])
def test_names_of_python_packages(name: str) -> None:
    assert normal_pypi(name) == "aider-chat"


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_is_a_shape_and_any_path_can_be_asked(shape: str, path: str) -> None:
    found = shape_of(shape)
    if found.version(path):
        assert found.matches(path)
