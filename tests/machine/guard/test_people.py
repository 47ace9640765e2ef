"""Given a policy that knows people and groups, then the guard refuses each only what they may not start."""

import grp
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from aipolicy.state import tags
from machine.guard.lab import GuardLab
from machine_needs import NEEDS_LINUX, NEEDS_ROOT, until

pytestmark = [NEEDS_LINUX, NEEDS_ROOT]

NOBODY = pwd.getpwnam("nobody")
BANNED = "mode: block\nbanned: [test-probe]\n"


@pytest.fixture
def lab() -> Iterator[GuardLab]:
    """In a folder that everybody may enter who knows it."""
    folder = Path(tempfile.mkdtemp(prefix="aipolicy-people-", dir="/tmp"))
    folder.chmod(0o711)
    try:
        with GuardLab(folder) as lab:
            yield lab
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def starts(program: Path, uid: int) -> bool:
    try:
        return subprocess.run([program], user=uid, group=uid, capture_output=True, cwd="/").returncode == 0
    except PermissionError:
        return False


@pytest.mark.parametrize(
    "lets",
    [
        "exemptions: [{tool: test-probe, users: [nobody], until: 2999-12-31, ticket: A-1}]\n",
        "scopes: [{name: s, users: [nobody], approved: [test-probe]}]\n",
        f"scopes: [{{name: s, groups: [{grp.getgrgid(NOBODY.pw_gid).gr_name}], mode: report}}]\n",
    ],
)
def test_each_person_has_a_verdict_of_their_own(lab: GuardLab, lets: str) -> None:
    lab.policy(BANNED + lets)
    lab.start()
    program = lab.put(lab.banned, "notes")
    assert starts(program, NOBODY.pw_uid)
    assert not starts(program, 0)
    assert starts(program, NOBODY.pw_uid)
    assert not starts(program, 0)


def test_whose_groups_cannot_be_known_is_not_refused(lab: GuardLab) -> None:
    lab.policy(BANNED + "scopes: [{name: s, groups: [research], mode: report}]\n")
    lab.start()
    program = lab.put(lab.banned, "notes")
    assert starts(program, 65_432)  # no account has this id
    assert not starts(program, NOBODY.pw_uid)


def test_the_machines_tags_count_once_they_are_known(lab: GuardLab) -> None:
    lab.policy(BANNED + "scopes: [{name: s, tags: [research], mode: report}]\n")
    lab.start()
    program = lab.put(lab.banned, "notes")
    assert starts(program, 0)
    tags.keep(lab.state, ["office"])
    until(lambda: not starts(program, 0) or None)
    tags.keep(lab.state, ["research"])
    until(lambda: starts(program, 0) or None)
