"""Installs real packages into a person's home in the forms that people use, each by its own client.

The clients run as root with the person's HOME, and what they left is handed to the person: the caches that
make it fast are root's, closed to everybody else.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from machine.real_packages import CACHE, NPM_PATIENCE, fetched, locked, npm_cache

_CLIENTS = ("pnpm@10", "yarn@1.22.22", "bun@1")
_PYTHON_CLIENTS = ("pipx", "uv", "shiv==1.0.8", "pex==2.105.2", "pyinstaller==6.22.3")
_PYTHON_RUNNERS = ("ipython==9.10.1", "coverage==7.17.5", "debugpy==1.8.22", "setproctitle==1.3.8")
_QUIET = (
    *NPM_PATIENCE,
    "--no-audit",
    "--no-fund",
    "--no-update-notifier",
    "--ignore-scripts",
    "--loglevel=error",
)

Install = Callable[[Path, str], None]


def environ(home: Path, **more: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("LANG", "LC_", "SSL_", "NODE_EXTRA", "PIP_", "REQUESTS_", "UV_", "npm_config_"))
    }
    return {**kept, "HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin", **more}


def node_clients() -> Path:
    """The folder with pnpm, yarn and bun."""
    if shutil.which("npm") is None:
        pytest.skip("needs node and npm")
    folder = CACHE / "node-clients"
    with locked("npm"):
        if not (folder / ".complete").exists():
            fetched("npm", "install", f"--prefix={folder}", f"--cache={npm_cache()}", *_QUIET, *_CLIENTS)
            (folder / ".complete").touch()
    return folder / "node_modules"


def python_clients() -> Path:
    """The bin folder with pipx, uv, shiv, pex and PyInstaller."""
    folder = CACHE / "python-clients-3"
    with locked("pip"):
        if not (folder / ".complete").exists():
            fetched("python3", "-m", "venv", "--clear", str(folder))
            fetched(str(folder / "bin" / "pip"), "install", "--quiet", *_PYTHON_CLIENTS)
            (folder / ".complete").touch()
    return folder / "bin"


def python_runners() -> Path:
    """The bin folder with programs that run a Python script they are told to run."""
    folder = CACHE / "python-runners"
    with locked("pip"):
        if not (folder / ".complete").exists():
            fetched("python3", "-m", "venv", "--clear", str(folder))
            fetched(str(folder / "bin" / "pip"), "install", "--quiet", *_PYTHON_RUNNERS)
            (folder / ".complete").touch()
    return folder / "bin"


# --- npm packages ----------------------------------------------------------------------------------------


def npm(home: Path, package: str, *where: str) -> None:
    command = ("npm", "install", *where, f"--cache={npm_cache()}", "--prefer-offline", *_QUIET, package)
    fetched(*command, environ=environ(home))


def npm_global(home: Path, package: str) -> None:
    """A prefix of one's own, as npm's documentation advises."""
    npm(home, package, "--global", f"--prefix={home}/.npm-global")


def nvm(home: Path, package: str) -> None:
    """Where the npm of a Node that nvm installed puts global packages."""
    npm(home, package, "--global", f"--prefix={home}/.nvm/versions/node/v20.20.2")


def project(home: Path, package: str) -> None:
    """A dependency of some project."""
    npm(home, package, f"--prefix={home}/work/shop/frontend")


def pnpm_global(home: Path, package: str) -> None:
    place = f"{home}/.local/share/pnpm"
    pnpm = node_clients() / "pnpm" / "bin" / "pnpm.cjs"
    own = environ(home, PNPM_HOME=place)
    own["PATH"] = f"{place}:{own['PATH']}"
    where = (f"--store-dir={CACHE}/pnpm-store", "--ignore-scripts")
    fetched("node", str(pnpm), "add", "--global", *where, package, environ=own)


def yarn_global(home: Path, package: str) -> None:
    yarn = node_clients() / "yarn" / "bin" / "yarn.js"
    where = (f"--global-folder={home}/.config/yarn/global", f"--prefix={home}/.yarn")
    quiet = ("--silent", "--non-interactive", "--ignore-scripts", f"--cache-folder={CACHE}/yarn")
    fetched("node", str(yarn), "global", "add", package, *where, *quiet, environ=environ(home))


def bun_global(home: Path, package: str) -> None:
    bun = next(node_clients().glob("@oven/bun-linux-*/bin/bun"), None)
    if bun is None:
        pytest.skip("bun has no program for this processor")
    own = environ(home, BUN_INSTALL=f"{home}/.bun", BUN_INSTALL_CACHE_DIR=f"{CACHE}/bun")
    fetched(str(bun), "add", "--global", "--ignore-scripts", package, environ=own)


def npx_cache(home: Path, package: str) -> None:
    """Run once without an install; npm keeps it."""
    command = ("npm", "exec", "--yes", f"--cache={home}/.npm", "--prefer-offline", *_QUIET)
    downloaded = home / ".npm" / "_cacache"
    there = npm_cache() / "_cacache"
    if not downloaded.exists():
        if os.stat(home).st_dev == os.stat(there).st_dev:
            shutil.copytree(there, downloaded, copy_function=os.link)
        else:
            downloaded.parent.mkdir()
            downloaded.symlink_to(there)
    fetched(*command, f"--package={package}", "--", "node", "-e", "0", environ=environ(home))


# --- aider -----------------------------------------------------------------------------------------------


def pip_user(home: Path, package: str) -> None:
    flags = ("--user", "--break-system-packages", "--quiet", "--no-warn-script-location")
    fetched("/usr/bin/python3", "-m", "pip", "install", *flags, package, environ=environ(home))


def venv(home: Path, package: str) -> None:
    place = home / "work" / "site" / ".venv"
    fetched("/usr/bin/python3", "-m", "venv", "--without-pip", str(place))
    pip = (str(python_clients() / "pip"), f"--python={place}/bin/python")
    fetched(*pip, "install", "--quiet", package, environ=environ(home))


def pipx(home: Path, package: str) -> None:
    where = {"PIPX_HOME": f"{home}/.local/share/pipx", "PIPX_BIN_DIR": f"{home}/.local/bin"}
    own = environ(home, **where, PIPX_DEFAULT_PYTHON="/usr/bin/python3")
    fetched(str(python_clients() / "pipx"), "install", "--quiet", package, environ=own)


def uv_tool(home: Path, package: str) -> None:
    uv = (str(python_clients() / "uv"), "tool", "install", "--quiet", "--python=/usr/bin/python3")
    fetched(*uv, package, environ=environ(home))


def uvx_cache(home: Path, package: str) -> None:
    """Run once without an install; uv keeps it in its cache."""
    uvx = (str(python_clients() / "uvx"), "--quiet", "--python=/usr/bin/python3", "--from", package)
    fetched(*uvx, "python", "-c", "", environ=environ(home))


NPM_FORMS: dict[str, Install] = {
    "npm global": npm_global,
    "npm global, nvm": nvm,
    "npm project": project,
    "pnpm global": pnpm_global,
    "yarn global": yarn_global,
    "bun global": bun_global,
    "npx cache": npx_cache,
}
PYPI_FORMS: dict[str, Install] = {
    "pip --user": pip_user,
    "venv": venv,
    "pipx": pipx,
    "uv tool": uv_tool,
    "uvx cache": uvx_cache,
}
