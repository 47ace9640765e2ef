"""Observations for tests, each with only what matters said."""

from aipolicy.core.model import (
    Executable,
    Extension,
    FileFacts,
    FileKind,
    Owner,
    Package,
    PackageRef,
    Process,
)
from aipolicy.core.toolexample import plain_file

ALICE = Owner(uid=1000, name="alice")
BOB = Owner(uid=1001, name="bob")
ROOT = Owner(uid=0, name="root")


def reference(ecosystem: str, name: str, version: str | None = None, path: str | None = None) -> PackageRef:
    """A package; it lies in a folder of its name unless said otherwise."""
    return PackageRef(
        ecosystem=ecosystem, name=name, version=version, path=path or f"/lib/{ecosystem}/{name}"
    )


def package(
    ecosystem: str,
    name: str,
    *,
    version: str | None = None,
    path: str | None = None,
    owner: Owner = ALICE,
    form: str = "installed",
    has_code: bool = True,
) -> Package:
    """An installed package."""
    where = reference(ecosystem, name, version, path)
    return Package(package=where, owner=owner, form=form, has_code=has_code)


def extension(
    name: str, *, editor: str = "vscode", version: str | None = None, has_code: bool = True
) -> Extension:
    """An editor extension."""
    where = reference("vscode-extension", name, version)
    return Extension(package=where, editor=editor, owner=ALICE, has_code=has_code)


def native(path: str, **facts: object) -> FileFacts:
    """An ELF program."""
    return plain_file(path, FileKind.ELF, **facts)  # type: ignore[arg-type]


def script(path: str, **facts: object) -> FileFacts:
    """A script."""
    return plain_file(path, FileKind.SCRIPT, **facts)  # type: ignore[arg-type]


def executable(file: FileFacts, *, found_as: str | None = None, owner: Owner = ALICE) -> Executable:
    """The file, found in a folder of programs."""
    return Executable(path=file.path, found_as=found_as or file.path, owner=owner, file=file)


def process(
    name: str,
    exe: FileFacts | str,
    *,
    script: FileFacts | str | None = None,
    module: str | None = None,
    owner: Owner = ALICE,
    pid: int = 100,
) -> Process:
    """A process. A file given by its path alone could not be read."""
    return Process(
        pid=pid,
        started=1,
        owner=owner,
        name=name,
        exe=exe if isinstance(exe, str) else exe.path,
        script=script.path if isinstance(script, FileFacts) and module is None else _text(script),
        module=module,
        file=None if isinstance(exe, str) else exe,
        script_file=script if isinstance(script, FileFacts) else None,
    )


def _text(script: FileFacts | str | None) -> str | None:
    return script if isinstance(script, str) else None
