"""A real program is judged by the bytes that run, also where no time of its file tells that they changed."""

import mmap
import os
import shutil
import subprocess
import tempfile

import pytest

from aipolicy.core.model import FileFacts
from aipolicy.examine import Examiner
from aipolicy.examine.filesystem import is_in_memory
from aipolicy.examine.remembered import identity_of
from installed import MARKS

TEXT = b"\0".join(mark.literal.encode() for mark in MARKS[:2])
IN_MEMORY = "/dev/shm"


def marks_of_a_start(examiner: Examiner, path: str) -> tuple[str, ...]:
    """What is found in the program while it runs."""
    with subprocess.Popen([path, "60"]) as running:
        try:
            found = examiner.program(f"/proc/{running.pid}/exe", path)
        finally:
            running.kill()
    assert isinstance(found, FileFacts)
    return found.marks


@pytest.mark.skipif(not os.path.isdir(IN_MEMORY), reason=f"needs {IN_MEMORY}")
def test_a_program_overwritten_through_a_mapping_between_a_look_and_its_start() -> None:
    sleep = shutil.which("sleep")
    assert sleep is not None
    with tempfile.TemporaryDirectory(dir=IN_MEMORY, prefix="aipolicy-test-") as folder:
        path = shutil.copy(os.path.realpath(sleep), f"{folder}/program")
        with open(path, "r+b") as file:
            if not is_in_memory(file.fileno()) or os.statvfs(folder).f_flag & os.ST_NOEXEC:
                pytest.skip(f"{IN_MEMORY} lies on a disk here, or programs may not run from it")
            start = file.seek(0, os.SEEK_END)
            file.write(bytes(len(TEXT)))
            file.flush()
            mapping = mmap.mmap(file.fileno(), 0)
        examiner = Examiner(marks=MARKS, now_ns=lambda: 1 << 62)
        with mapping:
            mapping[start:] = bytes(len(TEXT))
            found = examiner.file(path)
            before = os.stat(path)
            mapping[start:] = TEXT
        assert isinstance(found, FileFacts)
        assert found.marks == ()
        assert identity_of(os.stat(path)) == identity_of(before)
        assert marks_of_a_start(examiner, path) == tuple(mark.id for mark in MARKS[:2])
