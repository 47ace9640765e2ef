"""`aipolicy policy fmt`: writes policies in their normal form, or says which are not in it."""

import difflib
import os
import stat
import sys
from pathlib import Path

import click

from aipolicy.cli import policy_files
from aipolicy.cli.checked import text
from aipolicy.cli.checked.report import CheckedFile
from aipolicy.cli.policy_check import DEFAULT_FILE
from aipolicy.core.normal_form import NoNormalForm, normal_form
from aipolicy.core.problem import Problem
from aipolicy.core.wire import printable
from aipolicy.core.yamlfile import YamlErrors
from aipolicy.state.files import write_safely


class _NotWritten(Exception):
    """The file stays as it is; says why."""


@click.command()
@click.argument("files", nargs=-1, metavar="[FILES]...")
@click.option(
    "--check", "only_check", is_flag=True, help="Write nothing; exit code 1 where a file would change."
)
@click.option("--diff", "show_diff", is_flag=True, help="The same, and show what would change.")
def fmt(files: tuple[str, ...], only_check: bool, show_diff: bool) -> None:
    """Write each file in its normal form; policy.yaml where none is named.

    Comments stay, and so does what the policy means; a file that is not right YAML stays as it is. A folder
    stands for all YAML files in and below it; - reads the standard input and prints the normal form. Exit
    code: 0 done, 1 some file would change, 2 error.
    """
    codes = [_one(file, only_check, show_diff) for file in policy_files.read(files or (DEFAULT_FILE,))]
    sys.exit(max(codes))


def _one(file: policy_files.NamedFile, only_check: bool, show_diff: bool) -> int:
    """The exit code for one file."""
    if file.text is None:
        return _refused(file.name, (file.problem,) if file.problem else ())
    try:
        written = normal_form(file.text, file.name)
    except YamlErrors as errors:
        return _refused(file.name, errors.problems)
    except NoNormalForm as error:
        return _stays(file.name, str(error))
    after = written.encode()
    if show_diff:
        click.echo(_diff(file.name, file.text, after), nl=False)
    elif file.standard_input and not only_check:
        click.echo(written, nl=False)
    if only_check or show_diff:
        return _would_change(file, after, silent=show_diff)
    if not file.standard_input and after != file.text:
        try:
            _replace(Path(file.name), file.text, after)
        except _NotWritten as error:
            return _stays(file.name, str(error))
        click.echo(f"{printable(file.name)}: written in its normal form")
    return 0


def _would_change(file: policy_files.NamedFile, after: bytes, *, silent: bool) -> int:
    if after == file.text:
        return 0
    if not silent:
        click.echo(f"{printable(file.name)}: not in its normal form; `aipolicy policy fmt` writes it")
    return 1


def _refused(name: str, problems: tuple[Problem, ...]) -> int:
    text.show_wrong(CheckedFile(file=name, ok=False, policy=None, problems=problems), "it stays as it is")
    return 2


def _stays(name: str, why: str) -> int:
    click.echo(f"{printable(name)}: {why}; it stays as it is", err=True)
    return 2


def _diff(name: str, before: bytes, after: bytes) -> str:
    old, new = (each.decode().splitlines(keepends=True) for each in (before, after))
    shown = difflib.unified_diff(old, new, f"{printable(name)} (now)", f"{printable(name)} (normal form)")
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in shown
    )


def _replace(path: Path, before: bytes, after: bytes) -> None:
    """Puts the new text in the place of the old file, with its mode and owner, whole or not at all."""
    try:
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            raise _NotWritten(f"it is a link to {printable(os.readlink(path))}: name that file")
        if not stat.S_ISREG(status.st_mode):
            raise _NotWritten("it is no regular file")
        if path.read_bytes() != before:
            raise _NotWritten("it changed meanwhile: try again")
        write_safely(path, after, mode=stat.S_IMODE(status.st_mode), owner=_owner(status))
    except OSError as error:
        raise _NotWritten(f"it cannot be written: {error.strerror}") from error


def _owner(status: os.stat_result) -> tuple[int, int] | None:
    """Whose it shall stay; None where a new file of ours is theirs anyway."""
    ours = getattr(os, "geteuid", lambda: status.st_uid)(), getattr(os, "getegid", lambda: status.st_gid)()
    theirs = status.st_uid, status.st_gid
    return None if theirs == ours else theirs
