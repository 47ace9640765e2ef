"""Which files are refused beside the one that a process was given."""

from pathlib import Path

from aipolicy.daemon.guard.places import compiled
from installed import put


def test_what_python_compiled_of_a_module(tmp_path: Path) -> None:
    module = put(tmp_path / "aider/__main__.py", b"")
    kept = [
        put(tmp_path / f"aider/__pycache__/__main__.cpython-3{minor}.pyc", b"")
        for minor in ("11", "12.opt-1")
    ]
    put(tmp_path / "aider/__pycache__/main.cpython-311.pyc", b"")
    assert sorted(compiled(module)) == kept
    assert list(compiled(put(tmp_path / "aider/__main__", b""))) == []


def test_what_is_compiled_elsewhere_is_of_other_modules(tmp_path: Path) -> None:
    """In a container such a link would even lead to the machine's own Python."""
    module = put(tmp_path / "aider/runpy.py", b"")
    put(tmp_path / "lib/__pycache__/runpy.cpython-311.pyc", b"")
    (tmp_path / "aider/__pycache__").symlink_to(tmp_path / "lib/__pycache__")
    assert list(compiled(module)) == []
