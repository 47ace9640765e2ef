"""Real packages, installed by their own clients for real accounts: all are found, and gone again."""

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from endtoend.lab import Lab, await_that, figure, root
from machine.install_forms import NPM_FORMS, PYPI_FORMS
from machine.real_packages import CLAUDE_NATIVE, QODER, aider_wheel

pytestmark = [
    pytest.mark.xdist_group("machine"),
    pytest.mark.skipif(not root(), reason="needs root on Linux: makes accounts, and the agent sees them all"),
    pytest.mark.skipif(shutil.which("useradd") is None, reason="needs useradd"),
]

POLICY = "banned: [claude-code]\napproved: [qoder]\n"
CLAUDE_FORMS = ("npm global", "npm global, nvm", "pnpm global", "yarn global", "bun global", "npx cache")
QODER_FORMS = ("npm global", "npm global, nvm", "npm project", "pnpm global", "bun global", "npx cache")
AIDER_FORMS = ("pip --user", "venv", "pipx", "uv tool", "uvx cache")


class Person:
    """A real account with a home."""

    def __init__(self, name: str) -> None:
        self.name = name
        subprocess.run(["useradd", "--create-home", "--shell", "/bin/bash", name], check=True)
        account = pwd.getpwnam(name)
        self.uid, self.home = account.pw_uid, Path(account.pw_dir)

    def hand_over(self) -> None:
        """What root's clients left in the home is the person's."""
        subprocess.run(["chown", "-hR", f"{self.name}:", str(self.home)], check=True)

    def remove(self) -> None:
        subprocess.run(["userdel", "--remove", "--force", self.name], capture_output=True, check=False)
        shutil.rmtree(self.home, ignore_errors=True)


@pytest.fixture
def people() -> Iterator[list[Person]]:
    """As many as there are forms; each one uses one form for everything."""
    made: list[Person] = []
    try:
        for number in range(len(CLAUDE_FORMS)):
            made.append(Person(f"aipolicy{os.getpid() % 10_000}-{number}"))  # noqa: PERF401  removed if one fails
        yield made
    finally:
        for person in made:
            person.remove()


@pytest.fixture
def machine_lab() -> Iterator[Lab]:
    with Lab.open() as lab:
        yield lab


def test_every_form_is_found_certain_with_version_and_owner_and_then_gone(machine_lab, people):
    lab = machine_lab
    expected = install_all(people)
    agent = lab.begin(POLICY)

    def found() -> set[tuple[str, ...]]:
        names = {person.name for person in people}
        return {
            (f["tool"], f["version"], f["owner"], f["form"], f["confidence"], f["ruling"])
            for f in lab.server.findings()
            if f["owner"] in names and f["state"] == "installed"
        }

    assert {line[:3] for line in found()} == {line[:3] for line in expected}
    assert found() == expected
    figure(f"{len(expected)} installs of 3 tools found certain, with version and owner")

    for person in people:
        for name in os.listdir(person.home):
            place = person.home / name
            shutil.rmtree(place) if place.is_dir() else place.unlink()
    begun = time.monotonic()
    await_that(lambda: not found(), "all are gone", agent.log)
    figure(f"removed, and gone at the server after {time.monotonic() - begun:.1f} s")
    gone = [e for e in lab.server.events(kind="gone") if e["owner"] in {person.name for person in people}]
    assert len(gone) >= len(expected)


def install_all(people: list[Person]) -> set[tuple[str, ...]]:
    """Each person installs each tool in another form; what is to be found."""
    expected = set()
    begun = time.monotonic()
    for number, person in enumerate(people):
        for tool, version, ruling, package, forms in (
            ("claude-code", "2.1.197", "banned", CLAUDE_NATIVE, CLAUDE_FORMS),
            ("qoder", "1.1.52", "approved", QODER, QODER_FORMS),
            ("aider", "0.86.2", "unlisted", str(aider_wheel()), AIDER_FORMS),
        ):
            if number >= len(forms):
                continue
            form = forms[number]
            (NPM_FORMS | PYPI_FORMS)[form](person.home, package)
            expected.add((tool, version, person.name, form, "certain", ruling))
        person.hand_over()
    figure(f"{len(expected)} installs took {time.monotonic() - begun:.0f} s")
    return expected
