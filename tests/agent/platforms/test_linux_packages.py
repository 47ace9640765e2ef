"""Given a package database, then whose file it is."""

import os
from pathlib import Path

import pytest

from aipolicy.core.model import Unseen
from aipolicy.platforms.linux_packages import Packages, os_release, root_only

LISTS = {
    "openssh-server.list": "/.\n/usr\n/usr/sbin\n/usr/sbin/sshd\n",
    "bash.list": "/bin/bash\n/bin/rbash",
    "dash.list": "/bin/dash\n/bin/sh\n",
    "libc6:amd64.list": "/lib/x86_64-linux-gnu/libc.so.6\n",
    "claude-desktop.list": "/opt/Claude/claude\n",
    "node.md5sums": "/usr/bin/claude\n",
}
DIVERSIONS = "/usr/bin/vi\n/usr/bin/vi.distrib\nvim\n"


@pytest.fixture
def packages(tmp_path: Path) -> Packages:
    info = tmp_path / "var/lib/dpkg/info"
    info.mkdir(parents=True)
    for name, text in LISTS.items():
        (info / name).write_text(text)
    (info / "nvi.list").write_text("/usr/bin/vi\n")
    (tmp_path / "var/lib/dpkg/diversions").write_text(DIVERSIONS)
    return Packages(f"{tmp_path}/")


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("/usr/sbin/sshd", "openssh-server"),
        ("/usr/bin/bash", "bash"),  # the list says /bin/bash, the folder moved
        ("/bin/bash", "bash"),
        ("/usr/lib/x86_64-linux-gnu/libc.so.6", "libc6"),
        ("/opt/Claude/claude", "claude-desktop"),
        ("/usr/bin/vi.distrib", "nvi"),
        ("/usr/bin/claude", None),
        ("/usr/sbin/ssh", None),
        ("/usr/sbin", "openssh-server"),
        ("", None),
    ],
)
def test_the_owner_of_a_file(packages: Packages, path: str, owner: str | None) -> None:
    assert packages.owner(path) == owner
    assert packages.owner(path) == owner  # the second time from memory


def test_a_new_package_is_noticed(packages: Packages, tmp_path: Path) -> None:
    assert packages.owner("/usr/bin/claude") is None
    (tmp_path / "var/lib/dpkg/info/tool.list").write_text("/usr/bin/claude\n")
    os.utime(tmp_path / "var/lib/dpkg/info", ns=(1, 1))
    assert packages.owner("/usr/bin/claude") == "tool"


def test_without_dpkg_somebody_else_is_asked(tmp_path: Path) -> None:
    asked: list[str] = []

    def ask(path: str) -> str | Unseen | None:
        asked.append(path)
        return "bash"

    packages = Packages(f"{tmp_path}/", ask)
    assert [packages.owner("/usr/bin/bash"), packages.owner("/usr/bin/bash")] == ["bash", "bash"]
    assert asked == ["/usr/bin/bash"]


def test_a_file_others_may_replace_is_not_the_systems(tmp_path: Path) -> None:
    place = tmp_path / "tool"
    place.write_text("x")
    assert not root_only(str(place))  # below /tmp, which everybody may write to
    assert not root_only(str(tmp_path / "missing"))
    assert not root_only("relative")
    assert root_only("/usr")


def test_the_systems_name(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    assert os_release(f"{tmp_path}/") is None
    (tmp_path / "etc/os-release").write_text('ID=x\nPRETTY_NAME="Test Linux 1"\n')
    assert os_release(f"{tmp_path}/") == "Test Linux 1"
