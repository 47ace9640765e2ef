"""The page on own tool files: its examples are right as they stand."""

import re
from pathlib import Path

from aipolicy.core.toolcheck import faults
from aipolicy.core.tools import read_files
from aipolicy.tools import shared_strings, with_own

PAGE = (Path(__file__).parents[3] / "docs" / "own-tools.md").read_text()


def test_the_pages_examples_are_right() -> None:
    own = {f"/it/{n}.yaml": text for n, text in enumerate(re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))}
    catalog = with_own(own)
    files, _problems = read_files(own)
    assert [file.extends for file in files] == [False, False, True]
    assert [fault for file in files for fault in faults(file.tool, catalog, shared_strings())] == []
