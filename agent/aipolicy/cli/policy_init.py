"""`aipolicy policy init`: a repository for the policy, with its CI, in one command."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Final

import click
import msgspec

from aipolicy import __version__
from aipolicy.cli.catalog import catalog
from aipolicy.cli.errors import Failure
from aipolicy.cli.policy_schema import policy_schema_text
from aipolicy.core.normal_form import normal_form
from aipolicy.core.wire import printable

_SERVER: Final = "https://aipolicy.example.com"
_CONTACT: Final = "https://it.example.com/ai"
_VERSION: Final = "AIPOLICY_VERSION_HERE"
"""What stands in the starter's files for what only IT, or this program, knows."""
_POLICY: Final = Path("policy.yaml")
_CI: Final = {"github": (".github",), "gitlab": (".gitlab", ".gitlab-ci.yml")}


@click.command()
@click.argument("folder", default=".")
@click.option("--server", metavar="URL", help="Your aipolicy server: what `publish` and `plan` talk to.")
@click.option("--contact", metavar="TEXT", help="Whom people ask: an address or a page.")
@click.option(
    "--ci",
    type=click.Choice([*_CI, "both"]),
    default="both",
    show_default=True,
    help="Which build server's files.",
)
def init(folder: str, server: str | None, contact: str | None, ci: str) -> None:
    """Write a starter repository for the policy into FOLDER: the policy, its tests, CI, reviewers.

    No file that is there is touched: if one of ours is in the way, nothing is written.
    """
    if server is not None and not server.startswith(("https://", "http://")):
        raise Failure(f"--server is an address like {_SERVER}, not {printable(server)!r}")
    target = Path(folder)
    left_out = tuple(name for other, names in _CI.items() if ci not in (other, "both") for name in names)
    words = {_VERSION: __version__, **({_SERVER: server} if server else {})}
    files = {
        path: _filled(content, words) for path, content in starter_files() if path.parts[0] not in left_out
    }
    if contact is not None:
        files[_POLICY] = _with_contact(files[_POLICY], contact)
    files[Path("policy.schema.json")] = policy_schema_text(catalog(None))
    _refuse_what_is_there(target, files)
    try:
        _write(target, files)
    except OSError as error:
        where = error.filename or folder
        raise Failure(f"{printable(str(where))}: cannot be written: {error.strerror}") from error
    _begin_repository(target)
    click.echo(f"{printable(folder)}: {len(files)} files; README.md there says how a change is made")
    click.echo("next: aipolicy policy check policy.yaml && aipolicy policy test policy.yaml, then commit")


def starter_files() -> Iterator[tuple[Path, str]]:
    """Every file of the starter repository with its text: packaged, or from the checkout."""
    packaged = Path(str(resources.files("aipolicy"))) / "policies"
    top = packaged if packaged.is_dir() else Path(__file__).parents[3] / "policies"
    starter = top / "starter"
    for path in sorted(starter.rglob("*")):
        if path.is_file():
            yield path.relative_to(starter), path.read_text(encoding="utf-8")


def _filled(content: str, words: dict[str, str]) -> str:
    """The words stand within double quotes in every file of YAML, whose texts are JSON's."""
    for word, given in words.items():
        content = content.replace(word, _quoted(given)[1:-1])
    return content


def _with_contact(policy: str, contact: str) -> str:
    """The policy, still in its normal form."""
    return normal_form(policy.replace(f"contact: {_CONTACT}", f"contact: {_quoted(contact)}").encode(), "")


def _quoted(text: str) -> str:
    return msgspec.json.encode(printable(text)).decode()


def _refuse_what_is_there(target: Path, files: dict[Path, str]) -> None:
    there = [str(path) for path in files if (target / path).exists() or (target / path).is_symlink()]
    if there:
        raise Failure(
            f"{printable(str(target))}: there already: {printable(', '.join(there))}: "
            "nothing was written; name another folder, or move these away"
        )


def _write(target: Path, files: dict[Path, str]) -> None:
    """All of them or none: what a full disk left would be in the way of the next try. Raises OSError."""
    with contextlib.ExitStack() as undo:
        for path, content in files.items():
            place = target / path
            for folder in reversed([folder for folder in place.parents if not folder.exists()]):
                folder.mkdir()
                undo.callback(folder.rmdir)
            undo.callback(place.unlink, missing_ok=True)
            place.write_text(content, encoding="utf-8")
        undo.pop_all()


def _begin_repository(target: Path) -> None:
    """`git init` where it is no repository yet and git is there: the rest needs no git."""
    git = shutil.which("git")
    if git is None:
        return
    inside = subprocess.run([git, "-C", str(target), "rev-parse"], capture_output=True, check=False)
    if inside.returncode:
        subprocess.run([git, "-C", str(target), "init", "-q", "-b", "main"], capture_output=True, check=False)
