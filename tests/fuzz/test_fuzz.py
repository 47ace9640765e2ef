"""Every promise of targets.py holds for what the fuzzer kept and for all that it ever found."""

from pathlib import Path

import pytest

from fuzz.targets import TARGETS

HERE = Path(__file__).parent
FOLDERS = (HERE / "corpus", HERE / "found", HERE.parent / "policies" / "bad", HERE.parents[1] / "policies")
KEPT = sorted(file for folder in FOLDERS for file in folder.rglob("*") if file.is_file())


@pytest.mark.parametrize("target", TARGETS)
def test_the_promise_holds_for_every_text_that_was_kept(target: str) -> None:
    assert KEPT
    for file in KEPT:
        try:
            TARGETS[target](file.read_bytes())
        except Exception as error:
            raise AssertionError(f"{target} breaks its promise for {file}") from error
