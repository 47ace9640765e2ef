"""The forms that a real tool takes on a machine: each puts one into a home, or runs it there.

Forms made by package managers are made by these (machine.install_forms). Those that are npm's own prefix in
another place are hard links of the prefix that npm filled once. What runs is stopped in its first instant: it
is seen as the kernel shows it, and next to none of its code has run.
"""

import json
import os
import shutil
import zipfile
from pathlib import Path

import pytest

from appimages import QUICKLY, RUNTIME, squashed
from corpus.places import IN_THERE, Form, Place, Source, link, put, tree_of_links
from machine.install_forms import NPM_FORMS, PYPI_FORMS, Install, environ, node_clients, python_clients
from machine.real_packages import CACHE, fetched, npm_prefix, wheel

# --- installed -------------------------------------------------------------------------------------------


def _prefix_at(place_in_home: str) -> Form:
    def form(source: Source, place: Place) -> None:
        tree_of_links(source.prefix, place.home / place_in_home)

    return form


def by_client(install: Install) -> Form:
    """The form that a client makes of the package itself."""

    def form(source: Source, place: Place) -> None:
        install(place.home, source.npm or str(wheel(source.pypi)))

    return form


def _copied(target: str, what: str, more: bytes = b"") -> Form:
    def form(source: Source, place: Place) -> None:
        put(_file_of(source, what), place.home / _named(target, source), more)

    return form


def _file_of(source: Source, what: str) -> Path:
    return source.program_file if what == "program" else source.script_file


def _named(target: str, source: Source) -> str:
    return target.format(name=Path(source.program).name, suffix=Path(source.script).suffix)


def _hard_link_at(place_in_home: str) -> Form:
    def form(source: Source, place: Place) -> None:
        target = place.home / place_in_home
        target.parent.mkdir(parents=True)
        link(str(source.program_file), str(target))

    return form


def _version_folder(source: Source, place: Place) -> None:
    """As Claude Code's own installer does it."""
    file = put(source.program_file, place.home / ".local/share/claude/versions" / source.version)
    link = place.home / ".local/bin/claude"
    link.parent.mkdir(parents=True)
    link.symlink_to(os.path.relpath(file, link.parent))


def _package_of_another_name(source: Source, place: Place) -> None:
    """The tool's code under a package.json of one's own."""
    package = place.home / ".npm-global/lib/node_modules/my-notes"
    put(source.script_file, package / "notes.js")
    (package / "package.json").write_text(
        json.dumps({"name": "my-notes", "version": "1.0.0", "bin": "notes.js"})
    )
    link = place.home / ".npm-global/bin/notes"
    link.parent.mkdir(parents=True)
    link.symlink_to("../lib/node_modules/my-notes/notes.js")


def _code_folder_copied(source: Source, place: Place) -> Path:
    """The folder of the tool's code under another name, without its package.json."""
    script = source.script_file
    target = place.home / "work/notes"
    tree_of_links(script.parent, target)
    return target / script.name


def _code_folder_linked(source: Source, place: Place) -> None:
    link = place.home / "bin/notes"
    link.parent.mkdir()
    link.symlink_to(_code_folder_copied(source, place))


def _entry_script_copied(source: Source, place: Place) -> None:
    PYPI_FORMS["venv"](place.home, str(wheel(source.pypi)))
    put(place.home / "work/site/.venv/bin" / source.command, place.home / "bin/notes")


def _appimage(source: Source, place: Place) -> None:
    """As appimagetool leaves it, but for the program that mounts it."""
    target = place.home / "Applications/Notes.AppImage"
    target.parent.mkdir()
    folder = place.home / "Notes.AppDir"
    put(source.program_file, folder / "usr/bin/notes")
    (folder / "AppRun").symlink_to("usr/bin/notes")
    target.write_bytes(RUNTIME + squashed(folder, *QUICKLY))
    target.chmod(0o755)
    shutil.rmtree(folder)


def _zipapp_lies(source: Source, place: Place) -> None:
    _zipapp(source, place)


def _zipapp(source: Source, place: Place) -> Path:
    """As Python's own documentation makes it: what pip put into a folder, and the command that it starts."""
    folder = place.home / "source"
    pip = str(python_clients() / "pip")
    fetched(pip, "install", "--quiet", f"--target={folder}", str(wheel(source.pypi)))
    made = place.home / "bin/notes.pyz"
    made.parent.mkdir()
    fetched("python3", "-m", "zipapp", str(folder), "-m", source.entry, "-o", str(made))
    shutil.rmtree(folder)  # which is an install, too
    return made


def _one_file(*packer: str) -> Form:
    """shiv and pex, without what the tool needs from others."""

    def form(source: Source, place: Place) -> None:
        made = place.home / "bin/notes"
        made.parent.mkdir()
        program = str(python_clients() / packer[0])
        own = environ(place.home, PEX_ROOT=f"{CACHE}/pex", SHIV_ROOT=f"{CACHE}/shiv")
        words = (*packer[1:], "-o", str(made), "-c", source.command, str(wheel(source.pypi)))
        fetched(program, *words, environ=own)

    return form


def _frozen(kind: str) -> Form:
    """PyInstaller: one file, or a folder with the modules in it."""

    def form(source: Source, place: Place) -> None:
        folder, build = place.home / "source", place.home / "build"
        pip = str(python_clients() / "pip")
        fetched(pip, "install", "--quiet", f"--target={folder}", str(wheel(source.pypi)))
        package = source.pypi.partition("=")[0]
        where = (f"--workpath={build}", f"--specpath={build}", f"--distpath={place.home}/apps")
        how = (kind, "--log-level=ERROR", "--name=notes", f"--copy-metadata={package}", *where)
        program = str(python_clients() / "pyinstaller")
        own = environ(place.home, PYTHONPATH=str(folder), PYINSTALLER_CONFIG_DIR=f"{place.home}/build")
        fetched(program, *how, f"{folder}/bin/{source.command}", environ=own)
        shutil.rmtree(folder)
        shutil.rmtree(build)

    return form


def _compiled_by_bun(source: Source, place: Place) -> None:
    bun = next(node_clients().glob("@oven/bun-linux-*/bin/bun"), None)
    if bun is None:
        pytest.skip("bun has no program for this processor")
    made = place.home / "bin/notes"
    made.parent.mkdir()
    own = environ(place.home)
    fetched(str(bun), "build", "--compile", str(source.script_file), "--outfile", str(made), environ=own)


# --- running ---------------------------------------------------------------------------------------------


def _native_runs(name: str) -> Form:
    def form(source: Source, place: Place) -> int:
        return place.run(put(source.program_file, place.home / "work" / name))

    return form


def _through_the_loader(source: Source, place: Place) -> int:
    return place.run(_loader(), put(source.program_file, place.home / "work/notes"))


def _loader() -> Path:
    loader = next(Path("/lib64").glob("ld-linux*.so.*"), None)
    if loader is None:
        pytest.skip("needs glibc's loader in /lib64")
    return loader


def _packages_script_runs(source: Source, place: Place) -> int:
    prefix = place.home / ".npm-global"
    tree_of_links(source.prefix, prefix)
    return place.run(_node(), source.inside(prefix, source.script))


def _copied_script_runs(source: Source, place: Place) -> int:
    script = put(source.script_file, place.home / "work" / _named("notes{suffix}", source))
    return place.run(_node(), script)


def _typed_in_import(source: Source, place: Place) -> int:
    script = put(source.script_file, place.home / "work/notes.mjs")
    return place.run(_node(), "-e", f"import('{script}')")


def _by_a_renamed(program: str) -> Form:
    def form(source: Source, place: Place) -> int:
        real = Path(_node()) if program == "node" else _deno()
        words = ["run", "-A"] if program == "deno" else []
        interpreter = put(real, place.home / "bin/engine")
        return place.run(interpreter, *words, put(source.script_file, place.home / "work/notes.mjs"))

    return form


def _by_node_through_the_loader(source: Source, place: Place) -> int:
    return place.run(_loader(), _node(), put(source.script_file, place.home / "work/notes.mjs"))


def _deno() -> Path:
    """The program of its platform's package: the one that starts it would put a copy into the cache."""
    platform = {"x86_64": "x64", "aarch64": "arm64"}.get(os.uname().machine, "x64")
    name = f"@deno/linux-{platform}-glibc"
    return npm_prefix(f"{name}@2.9.6") / "lib/node_modules" / name / "deno"


def _code_folder_runs(source: Source, place: Place) -> int:
    return place.run(_node(), _code_folder_copied(source, place))


def _node() -> str:
    found = shutil.which("node")
    if found is None:
        pytest.skip("needs node")
    return found


def _entry_script_runs(source: Source, place: Place) -> int:
    PYPI_FORMS["venv"](place.home, str(wheel(source.pypi)))
    return place.run(place.home / "work/site/.venv/bin" / source.command)


def _module_runs(source: Source, place: Place) -> int:
    PYPI_FORMS["venv"](place.home, str(wheel(source.pypi)))
    return place.run(place.home / "work/site/.venv/bin/python", "-m", source.module)


def _zipapp_runs(source: Source, place: Place) -> int:
    return place.run("/usr/bin/python3", _zipapp(source, place))


def _package_folder_runs(source: Source, place: Place) -> int:
    """The package's folder alone, without the metadata that pip puts beside it."""
    with zipfile.ZipFile(wheel(source.pypi)) as archive:
        inside = [name for name in archive.namelist() if name.startswith(f"{source.module}/")]
        archive.extractall(place.home, inside)
    return place.run("/usr/bin/python3", "-m", source.module)


# --- in a container --------------------------------------------------------------------------------------


def _in_a_container(form: Form) -> Form:
    """The same in the home of a running container."""

    def inside(source: Source, place: Place) -> None:
        form(source, place)
        place.into_a_container()

    return inside


def _run_in_a_container(install: Install, *command: str) -> Form:
    """Python is given what a client made. {bin}: the folder of its programs; {name}: the tool's; {module}."""

    def inside(source: Source, place: Place) -> int:
        install(place.home, str(wheel(source.pypi)))
        made = (path for path in place.home.rglob(f"bin/{source.command}") if not path.is_symlink())
        folder = f"{IN_THERE}/{next(made).parent.relative_to(place.home)}"
        words = [word.format(bin=folder, name=source.command, module=source.module) for word in command]
        return place.run_python_in(place.into_a_container(), *words)

    return inside


_ENTRY_SCRIPT = ("/usr/bin/python3", "{bin}/{name}")

FORMS: dict[str, Form] = {
    "npm global": _prefix_at(".npm-global"),
    "npm prefix": _prefix_at("tools/node"),
    "npm global, nvm": _prefix_at(".nvm/versions/node/v20.20.2"),
    "npm global, fnm": _prefix_at(".local/share/fnm/node-versions/v20.20.2/installation"),
    "npm global, volta": _prefix_at(".volta/tools/image/packages/tool"),
    **{
        name: by_client((NPM_FORMS | PYPI_FORMS)[name])
        for name in ("npm project", "pnpm global", "yarn global", "bun global", "npx cache", *PYPI_FORMS)
    },
    "native, own name": _copied("bin/{name}", "program"),
    "native, renamed": _copied("bin/notes", "program"),
    "native, bytes appended": _copied("bin/notes", "program", b"\0appended\0" * 500),
    "native, AppImage": _appimage,
    "native, hard link": _hard_link_at("bin/notes"),
    "native, below node_modules": _hard_link_at("work/shop/node_modules/left-pad/dist/notes"),
    "native, below site-packages": _hard_link_at("work/.venv/lib/python3.11/site-packages/left/notes"),
    "native, in the trash": _hard_link_at(".local/share/Trash/files/notes"),
    "native, in a cache": _hard_link_at(".cache/go-build/ab/notes"),
    "native, version folder": _version_folder,
    "script, copied": _copied("bin/notes", "script"),
    "script, code folder copied": _code_folder_linked,
    "script, package of another name": _package_of_another_name,
    "entry script, copied": _entry_script_copied,
    "zipapp": _zipapp_lies,
    "shiv": _one_file("shiv", "-q"),
    "pex": _one_file("pex"),
    "PyInstaller, one file": _frozen("--onefile"),
    "PyInstaller, a folder": _frozen("--onedir"),
    "compiled by bun": _compiled_by_bun,
    "pex for sh": _one_file("pex", "--sh-boot"),
    "container, npm global": _in_a_container(_prefix_at(".npm-global")),
    "container, native renamed": _in_a_container(_copied("bin/notes", "program")),
    "container, script copied": _in_a_container(_copied("bin/notes", "script")),
    "container, venv": _in_a_container(by_client(PYPI_FORMS["venv"])),
    "running, in a container, venv": _run_in_a_container(PYPI_FORMS["venv"], *_ENTRY_SCRIPT),
    "running, in a container, pipx": _run_in_a_container(PYPI_FORMS["pipx"], *_ENTRY_SCRIPT),
    "running, in a container, uv tool": _run_in_a_container(PYPI_FORMS["uv tool"], *_ENTRY_SCRIPT),
    "running, in a container, python -m": _run_in_a_container(
        PYPI_FORMS["venv"], "{bin}/python", "-m", "{module}"
    ),
    "running, zipapp": _zipapp_runs,
    "running, native renamed": _native_runs("notes"),
    "running, native called node": _native_runs("node"),
    "running, native through ld.so": _through_the_loader,
    "running, package's script": _packages_script_runs,
    "running, script copied": _copied_script_runs,
    "running, imported by typed-in code": _typed_in_import,
    "running, by a renamed node": _by_a_renamed("node"),
    "running, by a renamed deno": _by_a_renamed("deno"),
    "running, node through ld.so": _by_node_through_the_loader,
    "running, code folder copied": _code_folder_runs,
    "running, entry script": _entry_script_runs,
    "running, python -m": _module_runs,
    "running, python -m, folder copied": _package_folder_runs,
}
