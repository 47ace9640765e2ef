"""Real packages from npm and PyPI, fetched once by their own clients into a cache that outlives the test run.

AIPOLICY_TEST_CACHE says where (for root /var/cache/aipolicy-tests, which no look of root's goes into; else
~/.cache/aipolicy-tests). A package that cannot be had skips the test that needs it and says why.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from endtoend.lab import root

CLAUDE_NATIVE = "@anthropic-ai/claude-code@2.1.197"
CLAUDE_SCRIPT = "@anthropic-ai/claude-code@1.0.100"
QODER = "@qoder-ai/qodercli@1.1.52"
AIDER = "aider-chat==0.86.2"

_USUAL = "/var/cache/aipolicy-tests" if root() else "~/.cache/aipolicy-tests"
CACHE = Path(os.environ.get("AIPOLICY_TEST_CACHE", _USUAL)).expanduser()
_MOST_S = 600
NPM_PATIENCE = (
    "--fetch-timeout=20000",
    "--fetch-retries=3",
    "--fetch-retry-mintimeout=500",
    "--fetch-retry-maxtimeout=2000",
)
"""npm's own is 5 minutes for an answer that never comes, and up to a minute before it asks again."""
_NPM = [
    *NPM_PATIENCE,
    "--no-audit",
    "--no-fund",
    "--no-update-notifier",
    "--ignore-scripts",
    "--prefer-offline",
    "--loglevel=error",
]


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """One process of the test run at a time."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def npm_prefix(package: str) -> Path:
    """The prefix into which npm installed `package` globally."""
    if shutil.which("npm") is None:
        pytest.skip("needs node and npm")
    prefix = CACHE / "npm-prefix" / package.replace("/", "+")
    with locked("npm"):
        if not (prefix / ".complete").exists():
            shutil.rmtree(prefix, ignore_errors=True)
            fetched(
                "npm", "install", "--global", f"--prefix={prefix}", f"--cache={npm_cache()}", *_NPM, package
            )
            (prefix / ".complete").touch()
    return prefix


def npm_cache() -> Path:
    """npm's own cache of what it downloaded."""
    return CACHE / "npm-cache"


def aider_wheel() -> Path:
    """The wheel of aider; see `wheel`."""
    return wheel(AIDER)


def wheel(package: str) -> Path:
    """The real wheel of `package` ("name==version"), without the lines that name its dependencies and Python.

    They decide nothing here, and aider alone would bring a hundred. It also says that it fits any Python.
    """
    folder = CACHE / "wheels"
    name, version = package.split("==")
    ready = folder / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    with locked("pip"):
        if not ready.exists():
            real = folder / "real" / package
            only = ("--no-deps", "--only-binary=:all:", "--python-version=3.12")
            fetched("python3", "-m", "pip", "download", "--quiet", *only, "-d", str(real), package)
            _without_dependencies(next(real.glob("*.whl")), ready)
    return ready


def _without_dependencies(source: Path, target: Path) -> None:
    left_out = (b"Requires-Dist:", b"Requires-Python:")
    new = target.with_suffix(".new")
    with zipfile.ZipFile(source) as real, zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as copy:
        for entry in real.infolist():
            content = real.read(entry)
            if entry.filename.endswith(".dist-info/METADATA"):
                lines = content.splitlines(keepends=True)
                content = b"".join(line for line in lines if not line.startswith(left_out))
            copy.writestr(entry, content)
    new.replace(target)


def fetched(*command: str, environ: dict[str, str] | None = None) -> None:
    """Run a package client; where it fails, the test is skipped with its last words."""
    try:
        done = subprocess.run(
            command, env=environ, capture_output=True, text=True, timeout=_MOST_S, check=False, cwd="/"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"{command[0]} does not fetch a real package: {error}")
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines() or ["no words"]
        pytest.skip(f"{command[0]} does not fetch a real package: {words[-1][:200]}")


def native_claude() -> Path:
    """The program of 245 MB."""
    prefix = npm_prefix(CLAUDE_NATIVE)
    found = [p for p in prefix.rglob("claude") if p.is_file() and p.stat().st_size > 50_000_000]
    if not found:
        pytest.skip("Claude Code has no native program for this processor")
    return found[0]


def script_claude() -> Path:
    """cli.js of the script era."""
    return npm_prefix(CLAUDE_SCRIPT) / "lib/node_modules/@anthropic-ai/claude-code/cli.js"


def put_copy(source: Path, target: Path) -> Path:
    """A file of its own, not a link: the owner and the name are to be the test's."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o755)
    return target
