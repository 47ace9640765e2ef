"""Without --policy the commands take the policy that is in force on this machine."""

import hashlib
from pathlib import Path

import pytest
from click.testing import CliRunner

from aipolicy.central.policy_source import LastGood, PolicyText
from aipolicy.cli import main
from aipolicy.settings import SYSTEM_POLICY

TEXT = b"mode: warn\nbanned: [claude-code]\n"


def explain(state: Path) -> str:
    result = CliRunner().invoke(main, ["explain", "claude-code"], env={"AIPOLICY_STATE": str(state)})
    return result.output


def keep(state: Path, number: int) -> None:
    text = PolicyText(
        name="company.yaml", content=TEXT, sha256=hashlib.sha256(TEXT).hexdigest(), number=number
    )
    assert LastGood(state).keep(text)


@pytest.mark.skipif(Path(SYSTEM_POLICY).exists(), reason="this machine has a policy of its own")
def test_what_the_server_published_counts_and_a_file_of_long_ago_does_not(tmp_path: Path) -> None:
    assert "company.yaml" not in explain(tmp_path)
    keep(tmp_path, 0)
    assert "company.yaml" not in explain(tmp_path)
    keep(tmp_path, 7)
    assert "company.yaml:2" in explain(tmp_path)
