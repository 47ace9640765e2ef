"""The result of a check in the forms that people, programs and build servers read; one file per form."""

from collections.abc import Callable, Mapping
from typing import Final

from aipolicy.cli.checked.report import CheckReport

FORMS: Final = ("text", "json", "github", "sarif", "junit")


def writer(form: str) -> Callable[[CheckReport], str]:
    """What makes the whole standard output of that form; `text` is for people and goes another way."""
    from aipolicy.cli.checked import as_json, github, junit, sarif

    writers: Mapping[str, Callable[[CheckReport], str]] = {
        "json": as_json.write,
        "github": github.write,
        "sarif": sarif.write,
        "junit": junit.write,
    }
    return writers[form]
