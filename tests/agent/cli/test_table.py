"""The table stays readable whatever people call their files, and a suspicion is no violation."""

from datetime import UTC, datetime

import pytest
from msgspec import structs

from aipolicy.cli.table import print_report
from aipolicy.core.model import Action, Confidence, Owner, Ruling, Verdict
from aipolicy.core.scan_report import PolicyInUse, ScanReport, exit_code, scan_report
from aipolicy.core.wire import HostInfo
from sightings import outcome

HOST = HostInfo(hostname="h", os="linux", os_version="1", arch="x", agent_version="1")


def report(*verdicts: Verdict) -> ScanReport:
    return scan_report(
        scanned_at=datetime.now(UTC),
        scope="user",
        catalog="0123456789ab",
        host=HOST,
        policy=PolicyInUse(name="p", version="0123456789ab", mode=Action.BLOCK),
        verdicts=verdicts,
        unseen=(),
        everything=True,
    )


def test_a_version_of_two_hundred_characters_left_no_room_for_the_rest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    owner = Owner(uid=1, name="x" * 300)
    print_report(report(outcome(version="9" * 200, owner=owner).verdict), ())
    line = capsys.readouterr().out.splitlines()[1]
    assert line.startswith("claude-code  999")
    assert "/home/bob/.npm/bin/claude" in line
    assert "banned" in line


def test_markup_in_a_name_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    path = "/home/bob/[red]x[/red]/[link=http://x]y"
    print_report(report(outcome(path=path, version="[bold]1[/bold]").verdict), ())
    shown = capsys.readouterr().out
    assert path in shown
    assert "[bold]1[/bold]" in shown


@pytest.mark.parametrize(
    ("sure", "code"), [(Confidence.CERTAIN, 1), (Confidence.LIKELY, 0), (Confidence.POSSIBLE, 0)]
)
def test_a_program_that_only_has_a_banned_name_failed_the_scan(sure: Confidence, code: int) -> None:
    """`scan --all` shows it; the machine complies all the same."""
    assert exit_code(report(outcome(confidence=sure).verdict)) == code
    unlisted = structs.replace(outcome().verdict, ruling=Ruling.UNLISTED)
    assert exit_code(report(unlisted)) == 0
